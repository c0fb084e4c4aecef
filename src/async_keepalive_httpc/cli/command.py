"""The command line: arguments in, an exit status out.

Refuses: doing the work; each command has a module.
Called by: `python -m async_keepalive_httpc`.
Law: 0 when all went as it should, 1 with one line on stderr when it did not, 2 for wrong arguments, 130 when
interrupted. A failure that nobody foresaw keeps its traceback.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import demo
from .failure import DemoFailed

REQUESTS = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (default: the process's own) name; its exit status."""
    options = make_parser().parse_args(arguments)
    try:
        demo.run(options.requests, sys.stdout)
    except DemoFailed as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(
        prog="python -m async_keepalive_httpc", description="An HTTP client that keeps its connections."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shown = commands.add_parser(
        "demo",
        help="show what the clients do, against servers on this machine",
        description="Starts an HTTP server, an HTTPS server and an emulator of AWS on loopback, and shows what the "
        "clients do with them.",
    )
    shown.add_argument(
        "--requests",
        type=_count,
        default=REQUESTS,
        metavar="N",
        help=f"GETs of each measured run (default {REQUESTS}); a run that takes too long ends before",
    )
    return parser


def _count(text: str) -> int:
    # ASCII digits only: int() also takes "1_000", and the digits of other scripts.
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
