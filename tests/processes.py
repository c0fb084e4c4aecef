"""Other processes, as tests look at them.

Called by: tests of what starts processes.
"""

from __future__ import annotations

import os


def is_running(number: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
