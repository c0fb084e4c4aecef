"""The bytes of a long body before they are all there: memory that is filled in place, then handed over as it is.

Refuses: knowing who fills it, and growing.
Called by: `_connection.bulk` (to fill one), `response` (to have what is in it).
Law: what was announced is reserved, not used: a page exists once something was written to it. Python makes no bytes
that can be filled, save inside a BytesIO, which hands them out uncopied once nobody looks into it any more.
"""

from __future__ import annotations

from io import BytesIO


class Vessel:
    """Room for `length` bytes and one more. Raises MemoryError or OverflowError where there is no such room."""

    __slots__ = ("_held", "length")

    def __init__(self, length: int) -> None:
        self._held = BytesIO(bytes(length + 1))
        self.length = length

    def room(self) -> memoryview:
        """All of it, to be filled."""
        return self._held.getbuffer()

    def take(self) -> bytes:
        """The first `length` bytes: a copy only as long as somebody, such as an event loop's read, holds the room."""
        try:
            self._held.truncate(self.length)
        except BufferError:
            return bytes(self._held.getbuffer()[: self.length])
        return self._held.getvalue()
