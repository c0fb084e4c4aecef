"""wrk and h2load, the limits for one core: runs them and reads their reports.

Refuses a report that tells of failed, refused or short responses. Called by the rounds.
Law: one thread; whole seconds, since neither takes others; no warm-up.
"""

import math
import re
import resource
import subprocess
from collections.abc import Callable
from typing import Final

from bench.sample import Sample
from bench.server import find_program
from bench.work import Work

# wrk rounds the bytes it read to three or four digits.
ROUNDING = 0.98
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ProgramError(Exception):
    """A program failed, or its report tells of responses other than those asked for."""


def build_command(name: str, url: str, work: Work, seconds: int) -> list[str]:
    """The arguments of wrk or h2load for this work."""
    if name == "wrk":
        return ["-t1", f"-c{work.concurrency}", f"-d{seconds}s", url]
    connections, depth = (1, work.concurrency) if work.pipelined else (work.concurrency, 1)
    return ["--h1", "-t1", f"-c{connections}", f"-m{depth}", "-D", str(seconds), url]


def run_program(name: str, url: str, work: Work, seconds: float) -> Sample:
    """Measure with one thread for `seconds`, rounded up to whole ones; raises ProgramError."""
    program = find_program(name)
    if program is None:
        raise ProgramError(f"{name} is not installed")
    whole = max(1, math.ceil(seconds))
    before = _read_children()
    done = subprocess.run(
        [program, *build_command(name, url, work, whole)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=whole + 30,
        check=False,
    )
    if done.returncode:
        raise ProgramError(f"{name} ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
    requests, rate = REPORTS[name](done.stdout, work.size)
    return Sample(requests, requests / rate, _read_children() - before)


def _read_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_wrk(report: str, size: int) -> tuple[int, float]:
    """Requests and requests per second of a report of wrk.

    Raises ProgramError if it tells of a status outside 200-399, a broken connection, or too few bytes.
    """
    total = re.search(r"(\d+) requests in .*?, ([\d.]+)([KMGT]?)B read", report)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if total is None or rate is None:
        raise ProgramError(f"wrk's report has no totals: {report[-200:]!r}")
    if complaint := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", report):
        raise ProgramError(f"wrk: {complaint[0]}")
    requests = int(total[1])
    if requests == 0 or float(rate[1]) == 0:
        raise ProgramError("wrk finished no request")
    if float(total[2]) * UNITS[total[3]] < requests * size * ROUNDING:
        raise ProgramError(f"wrk read {total[2]}{total[3]}B in {requests} responses, less than {size} bytes each")
    return requests, float(rate[1])


def read_h2load(report: str, size: int) -> tuple[int, float]:
    """Requests and requests per second of a report of h2load.

    Raises ProgramError if it tells of a failed request, a status outside 200-299, or too few bytes.
    """
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", report)
    total = re.search(r"(\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", report)
    other = re.search(r"\d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", report)
    data = re.search(r"\((\d+)\) data", report)
    if rate is None or total is None or other is None or data is None:
        raise ProgramError(f"h2load's report has no totals: {report[-200:]!r}")
    requests, *faults = map(int, (*total.groups(), *other.groups()))
    if any(faults):
        raise ProgramError(f"h2load: {total[0]}; status codes: {other[0]}")
    if requests == 0 or float(rate[1]) == 0:
        raise ProgramError("h2load finished no request")
    if int(data[1]) < requests * size:
        raise ProgramError(f"h2load read {data[1]} bytes in {requests} responses, less than {size} each")
    return requests, float(rate[1])


REPORTS: Final[dict[str, Callable[[str, int], tuple[int, float]]]] = {"wrk": read_wrk, "h2load": read_h2load}
