"""`python -m async_keepalive_httpc`: see `cli.command`."""

import sys

from .cli.command import main

sys.exit(main())
