"""The memory of idle connections: what the process holds for each, the kernel's part not counted.

Refuses to guess: a process of its own opens them, has each answer once, and looks at what it holds. Called by the
race and the curves.
Law: bytes for each connection, by scheme and event loop.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Final

from bench.point import Order
from bench.rounds import MeasurementError, Plan, ask_worker
from bench.server import Server
from bench.work import WORKS

NUMBERS: Final = {"http": 5000, "https": 2000}
"""Connections that are held: few enough for the descriptors that a system allows."""
WORK: Final = {"http": WORKS["small-50"], "https": WORKS["https-50"]}
LOOPS: Final = ("uvloop", "asyncio")
CONNECTING: Final = 0.01
"""Seconds that opening a connection may take, over TLS, on a slow and busy machine."""

Held = dict[str, dict[str, float | None]]
"""Bytes for each connection, by scheme and loop; None: that failed."""


def allow(plan: Plan, connections: int) -> Plan:
    """The plan, with the time that opening so many connections takes: what the process is waited for."""
    return replace(plan, seconds=plan.seconds + CONNECTING * connections)


def measure_held(scheme: str, loop: str, number: int, plan: Plan, server: Server) -> float:
    """Bytes for each of so many idle connections; raises MeasurementError."""
    work = WORK[scheme]
    authority = str(server.authority)
    order = Order(server.locate(work), 1, number, 1, work.size, authority, loop, 0.0, 0.0, held=True)
    sample = ask_worker("bench.point", asdict(order), allow(plan, number), {})
    return (sample.peak_bytes or 0) / sample.requests


def measure_all(plan: Plan, server: Server, share: float, errors: list[str], tell: Callable[[str], None]) -> Held:
    """Every scheme on every loop, with a `share` of the numbers; what fails is told in `errors`."""
    held: Held = {}
    for scheme, number in NUMBERS.items():
        for loop in LOOPS:
            title = f"idle connections, {scheme}, {loop}"
            try:
                each = measure_held(scheme, loop, max(1, int(number * share)), plan, server)
            except MeasurementError as error:
                errors.append(f"{title}: {error}")
                tell(errors[-1])
                held.setdefault(scheme, {})[loop] = None
            else:
                held.setdefault(scheme, {})[loop] = each
                tell(f"{title}: {each / 1024:.1f} KiB each")
    return held
