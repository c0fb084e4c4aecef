"""One connection that speaks HTTP: bytes out, responses in."""
