"""The test servers as their users meet them: in a thread, as pytest fixtures, without the extra."""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from async_keepalive_httpc import testing
from async_keepalive_httpc.testing import Conn, Peer, Threaded, certificates, faults, in_turn, ok


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        whole: bytes = response.read()
        return whole


class TestThreaded:
    def test_it_serves_who_has_no_loop(self) -> None:
        threads = threading.active_count()
        with Threaded(Peer(ok(b"hello"))) as peer:
            assert read(peer.url) == b"hello"
            assert len(peer.requests) == 1
        assert threading.active_count() == threads

    def test_a_call_on_its_loop(self) -> None:
        async def script(conn: Conn) -> None:
            await conn.head()
            await conn.closed()

        threaded = Threaded(Peer(script))

        def end() -> None:
            while not threaded.call(lambda: threaded.server.requests):
                pass
            threaded.call(lambda: threaded.server.conns[0].reset())

        with threaded as peer:
            ending = threading.Thread(target=end)
            ending.start()
            with pytest.raises((ConnectionResetError, urllib.error.URLError)):
                read(peer.url)
            ending.join()

    def test_what_its_script_raises_comes_out(self) -> None:
        async def script(conn: Conn) -> None:
            raise KeyError("mine")

        def serve() -> None:
            with Threaded(Peer(script)) as peer:
                try:
                    read(peer.url)
                except OSError:
                    pass

        with pytest.raises(KeyError, match="mine"):
            serve()

    def test_a_server_that_cannot_begin(self) -> None:
        with Threaded(Peer(ok())) as peer, pytest.raises(OSError, match="in use"):
            Threaded(Peer(ok(), port=peer.port)).__enter__()


TESTS = """
import urllib.error, urllib.request
import pytest
from async_keepalive_httpc.testing import Conn, Rates, chaos, faults, in_turn, ok

def read(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.read()

def test_good(fault_server):
    one, two = fault_server(ok(b"1")), fault_server([b"HTTP/1.1 204 No Content\\r\\nConnection: close\\r\\n\\r\\n"])
    assert (read(one.url), read(two.url)) == (b"1", b"")

def test_chaos(chaos_server):
    storm, peer = chaos_server(3, Rates(split=1.0))
    assert read(f"{peer.url}/7") == chaos.body("/7")
    assert storm.executed == {"/7": 1}

def test_tls(fault_server):
    assert fault_server(ok(), tls=True).url.startswith("https://")

def test_bad(fault_server):
    peer = fault_server([])
    with pytest.raises(OSError):
        read(peer.url)
"""


def test_fixtures(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["async_keepalive_httpc.testing.fixtures"]\n')
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert "4 passed, 1 error" in done.stdout, done.stdout
    assert "GET / came after the last of the peer's responses" in done.stdout


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ImportError, match=r"pip install 'async_keepalive_httpc\[testing\]'"):
        certificates.authority.__wrapped__()


def test_importing_it_brings_neither_pytest_nor_trustme() -> None:
    script = "import sys, async_keepalive_httpc.testing\nprint({'pytest', 'trustme'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


def test_every_public_name_is_there() -> None:
    assert all(hasattr(testing, name) for name in testing.__all__)
    assert testing.faults is faults
    assert testing.in_turn is in_turn
