"""Measures the AWS rooms and their peers: `python -m bench aws`.

Refuses to leave the machine: AWS is a server with prepared answers, and with `--emulators` dynalite and fauxqs.
Called by `make bench BENCH=aws`. Law: every answer is looked at, the first one as a whole; a wrong one ends the
measurement. Ratios are taken inside one interleaved round.
"""
