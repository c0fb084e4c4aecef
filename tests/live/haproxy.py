"""haproxy: a reverse proxy in front of an origin, and TLS in front of an HTTP proxy, which makes that an https proxy.

Refuses: to know whom it stands in front of: it is given their ports.
Called by: conftest.py. Law: its log has a line for each request, and for each TLS connection when that is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.live.certificates import Certificates
from tests.live.process import HOST, Log, Passage, find_ports, find_program, new_folder, serve

PACKAGE = "haproxy"

CONFIGURATION = """\
global
    log stdout format raw local0
defaults
    log global
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 1s
frontend reverse
    mode http
    bind {host}:{reverse}
    log-format "%cp %HM %HU %ST"
    acl down path_beg /down
    use_backend nobody if down
    default_backend origin
backend origin
    mode http
    http-reuse always
    server nginx {host}:{origin}
backend nobody
    mode http
frontend secure
    mode tcp
    bind {host}:{secure} ssl crt {certificate}
    option logasap
    log-format "%cp TLS %[ssl_fc_is_resumed] 0"
    default_backend proxy
backend proxy
    mode tcp
    server squid {host}:{proxy}
"""


@dataclass(frozen=True, slots=True)
class Access:
    """A line of the log: one request, or, where `method` is TLS, one connection; `target` is then "1" if its TLS
    session was resumed, else "0". `port` is the client's."""

    port: int
    method: str
    target: str
    status: int


@dataclass(frozen=True, slots=True)
class Haproxy(Passage[Access]):
    """A running haproxy.

    reverse: http in front of an origin; it ends connections that are idle for a second, and has a 503 for /down.
    secure: TLS in front of an HTTP proxy.
    """

    reverse: int
    secure: int
    log: Log[Access]


@contextmanager
def run(certificates: Certificates, *, origin: int, proxy: int) -> Iterator[Haproxy]:
    """haproxy until the block ends, in front of what listens on these two ports. Raises ServerError."""
    program = find_program("haproxy", PACKAGE)
    with new_folder("haproxy") as folder:
        reverse, secure = ports = find_ports(2)
        configuration = CONFIGURATION.format(
            host=HOST, reverse=reverse, secure=secure, origin=origin, proxy=proxy, certificate=certificates.server
        )
        (folder / "haproxy.cfg").write_text(configuration)
        with serve([program, "-db", "-f", str(folder / "haproxy.cfg")], ports, folder / "said"):
            yield Haproxy(reverse, secure, Log(folder / "said", _read))


def _read(text: str) -> Access | None:
    port, *rest = text.split(" ")
    if not port.isdecimal() or len(rest) != 3:
        return None  # haproxy's own words
    method, target, status = rest
    return Access(int(port), method, target, int(status))
