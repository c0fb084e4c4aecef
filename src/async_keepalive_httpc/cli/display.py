"""Where the demo's words go, and a progress bar where there is a terminal.

Refuses: choosing the words. Called by: `demo`.
Law: what is not a terminal gets the same words, and no bar; so does a terminal without rich.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Advance = Callable[[int], None]
"""Told how much is done."""


class Display:
    """Text on a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        """Write a line, or several."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Advance]:
        """A bar for as long as the context lasts; nothing of it stays."""
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        except ImportError:
            yield _ignore
            return
        console = Console(file=self._stream)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True, disable=not self._stream.isatty()) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)


def _ignore(done: int) -> None:
    """There is no bar."""
