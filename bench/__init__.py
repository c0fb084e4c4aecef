"""Measures this package and its peers, in turn, against one nginx worker on loopback: `python -m bench`.

Refuses to compare figures of different runs: every ratio is taken inside one interleaved round.
Called by `make bench`; nothing in the package imports it.
Law: a wrong status or body length is an error, never a figure.
"""
