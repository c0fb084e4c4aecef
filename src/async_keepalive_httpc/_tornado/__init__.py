"""The one translation between Tornado's objects and errors and ours."""
