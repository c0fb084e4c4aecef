"""The one error that a command reports in a line of its own."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo could not start, or a client gave a wrong answer. Its message is for the reader."""
