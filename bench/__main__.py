"""Entry of `python -m bench [race | curves | inside | show | aws | all] ...`; without a name it is the race.

Refuses to do anything itself: each of them is a module's `main`. Called by `make bench`, which says `all`.
Law: `all` takes no options, runs what measures one after the other until one is interrupted, and ends with the worst of
their statuses.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

COMMANDS: Final = {"race": "command", "curves": "curves", "inside": "inside", "show": "show", "aws": "aws.command"}
ALL: Final[dict[str, Sequence[str]]] = {"race": (), "curves": (), "inside": (), "aws": ("--rounds", "3")}
"""What `make bench` runs, in some twelve minutes."""
INTERRUPTED: Final = 130


def main(arguments: Sequence[str]) -> int:
    """Run what the first argument names."""
    if list(arguments) == ["all"]:
        return run_all()
    if arguments and arguments[0] in COMMANDS:
        return run(arguments[0], arguments[1:])
    return run("race", arguments)


def run_all() -> int:
    """Everything, as `make bench` has it."""
    worst = 0
    for name, arguments in ALL.items():
        worst = max(worst, run(name, arguments))
        if worst == INTERRUPTED:
            break
    return worst


def run(name: str, arguments: Sequence[str]) -> int:
    """One of them."""
    status: int = import_module(f"bench.{COMMANDS[name]}").main(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
