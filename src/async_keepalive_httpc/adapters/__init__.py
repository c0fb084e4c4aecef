"""Doors for other people's interfaces."""
