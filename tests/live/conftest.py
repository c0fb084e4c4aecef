"""Real servers on loopback, each started once for the session, when a test first asks for it.

A request is known again in a server's log by its test's `tag`, which stands in its URL: in the path or query, or in a
name that squid's hosts file has.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from tests.live import dynalite as dynalite_server
from tests.live import fauxqs as fauxqs_server
from tests.live import haproxy as haproxy_server
from tests.live import microsocks as microsocks_server
from tests.live import nginx as nginx_server
from tests.live import squid as squid_server
from tests.live.certificates import Certificates
from tests.live.doors import InstalledDoor, MakeDoor, NativeDoor, SimpleDoor
from tests.live.haproxy import Haproxy
from tests.live.microsocks import Microsocks
from tests.live.nginx import Nginx
from tests.live.node import Emulator, find_missing
from tests.live.process import is_listening
from tests.live.squid import Squid

TAGS = itertools.count(1)


@pytest.fixture
def tag() -> str:
    """A word that is in the URLs of no other test; `<tag>.live.test` is a name of this machine for squid."""
    return f"t{next(TAGS):04}"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies are not the test's."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=[NativeDoor, SimpleDoor, InstalledDoor], ids=["Client", "Simple", "Installed"])
def door(request: pytest.FixtureRequest) -> MakeDoor:
    """Makes a client, of one class and then of the others; see doors.py."""
    make: MakeDoor = request.param
    return make


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Files of certificates."""
    return Certificates.write(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def nginx(certificates: Certificates) -> Iterator[Nginx]:
    """An origin."""
    with nginx_server.run(certificates) as server:
        yield server


@pytest.fixture(scope="session")
def squid(request: pytest.FixtureRequest) -> Iterator[Squid]:
    """An HTTP proxy for all, on squid's own port where that is free, since the user's document has that port."""
    port = None if is_listening(squid_server.PORT) else squid_server.PORT
    with squid_server.run(port=port) as server:
        if port is None:
            with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                print(f"\n!!! Port {squid_server.PORT} is taken: the document's proxy is on {server.port} here. !!!")
        yield server


@pytest.fixture(scope="session")
def basic_squid() -> Iterator[Squid]:
    """An HTTP proxy for squid.USERS, by Basic authentication."""
    with squid_server.run("basic") as server:
        yield server


@pytest.fixture(scope="session")
def digest_squid() -> Iterator[Squid]:
    """An HTTP proxy for squid.USERS, by Digest authentication."""
    with squid_server.run("digest") as server:
        yield server


@pytest.fixture(scope="session")
def haproxy(certificates: Certificates, nginx: Nginx, squid: Squid) -> Iterator[Haproxy]:
    """A reverse proxy of `nginx`, and an https proxy, which is TLS in front of `squid`."""
    with haproxy_server.run(certificates, origin=nginx.http, proxy=squid.port) as server:
        yield server


@pytest.fixture(scope="session")
def microsocks() -> Iterator[Microsocks]:
    """A SOCKS5 proxy for all."""
    with microsocks_server.run() as server:
        yield server


@pytest.fixture(scope="session")
def closed_microsocks() -> Iterator[Microsocks]:
    """A SOCKS5 proxy for microsocks.USER."""
    with microsocks_server.run(closed=True) as server:
        yield server


@pytest.fixture(scope="session")
def dynalite() -> Iterator[Emulator]:
    """DynamoDB, where there is Node."""
    if lacking := find_missing("dynalite"):
        pytest.skip(lacking)
    with dynalite_server.run() as server:
        yield server


@pytest.fixture(scope="session")
def fauxqs() -> Iterator[Emulator]:
    """SQS, where there is Node."""
    if lacking := find_missing("fauxqs"):
        pytest.skip(lacking)
    with fauxqs_server.run() as server:
        yield server
