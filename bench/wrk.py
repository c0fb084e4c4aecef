"""wrk, the limit for one core: runs it and reads its report.

Refuses a report that tells of failed, refused or short responses. Called by the rounds.
"""

import math
import re
import resource
import subprocess

from bench.sample import Sample
from bench.server import find_program
from bench.work import Work

# wrk rounds the bytes it read to three or four digits.
ROUNDING = 0.98
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class WrkError(Exception):
    """wrk failed, or its report tells of responses other than those asked for."""


def run_wrk(url: str, work: Work, seconds: float) -> Sample:
    """Measure with one thread for `seconds`, rounded up to whole ones, since wrk takes no others."""
    program = find_program("wrk")
    if program is None:
        raise WrkError("wrk is not installed")
    whole = max(1, math.ceil(seconds))
    before = _read_children()
    done = subprocess.run(
        [program, "-t1", f"-c{work.concurrency}", f"-d{whole}s", url],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=whole + 30,
        check=False,
    )
    if done.returncode:
        raise WrkError(f"wrk ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
    return read_report(done.stdout, work.size, cpu_seconds=_read_children() - before)


def _read_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_report(report: str, size: int, *, cpu_seconds: float) -> Sample:
    """Take a wrk report apart.

    Raises WrkError if it tells of a status outside 200-399, a broken connection, or too few bytes.
    """
    total = re.search(r"(\d+) requests in .*?, ([\d.]+)([KMGT]?)B read", report)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if total is None or rate is None:
        raise WrkError(f"wrk's report has no totals: {report[-200:]!r}")
    if complaint := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", report):
        raise WrkError(f"wrk: {complaint[0]}")
    requests = int(total[1])
    if requests == 0 or float(rate[1]) == 0:
        raise WrkError("wrk finished no request")
    if float(total[2]) * UNITS[total[3]] < requests * size * ROUNDING:
        raise WrkError(f"wrk read {total[2]}{total[3]}B in {requests} responses, less than {size} bytes each")
    return Sample(requests, requests / float(rate[1]), cpu_seconds)
