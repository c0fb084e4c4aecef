"""What a caller may say about sockets, and about where a connection leads and sets out."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from async_keepalive_httpc import Client, InvalidRequest
from async_keepalive_httpc._message.reach import DIRECT, Reach, check, merged
from async_keepalive_httpc._message.sockets import ORDINARY, Option, sockets


def test_options_are_taken_as_they_are() -> None:
    options: list[Option] = [
        (socket.SOL_SOCKET, socket.SO_RCVBUF, 65536),
        (socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes(16)),
    ]
    assert sockets(options, socket.socket).options == tuple(options)
    assert sockets((), None) == ORDINARY


@pytest.mark.parametrize(
    "option", [5, "abc", (1, 2), (1, 2, 3, 4), ("1", 2, 3), (1, "2", 3), (1, 2, "3"), (1, 2, None)]
)
def test_what_is_no_option(option: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"socket_options must be \(level, name, value\) each"):
        Client(socket_options=[option])


@pytest.mark.parametrize("factory", [5, "name"])
def test_what_is_no_factory(factory: Any) -> None:
    with pytest.raises(InvalidRequest, match="socket_factory is a .*: give a function"):
        Client(socket_factory=factory)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"local_address": "x"}, "local_address must be an IP address of this machine, not 'x'"),
        ({"local_address": ""}, "local_address must be"),
        ({"local_address": 5}, "local_address must be"),
        ({"network_interface": ""}, "network_interface must be the name of an interface"),
        ({"network_interface": "i" * 16}, "network_interface must be the name of an interface"),
        ({"network_interface": 5}, "network_interface must be the name of an interface"),
        ({"unix_socket": ""}, "unix_socket must be the path of a socket, not ''"),
        ({"unix_socket": 5}, "unix_socket must be the path of a socket, not 5"),
        ({"unix_socket": "/a", "local_address": "127.0.0.1"}, "unix_socket and local_address or network_interface"),
        ({"unix_socket": "/a", "network_interface": "lo"}, "unix_socket and local_address or network_interface"),
        (
            {"unix_socket": "/a", "proxy": "http://u:secret@p.test:1"},
            "unix_socket '/a' and proxy .*p.test:1.*leave one",
        ),
        ({"dns_ttl": -1}, "dns_ttl must be zero or more seconds"),
    ],
)
def test_what_makes_no_sense(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidRequest, match=what) as caught:
        Client(**arguments)
    assert "secret" not in str(caught.value)


def test_a_system_without_unix_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(InvalidRequest, match="this system has no unix sockets"):
        check(Reach(unix_socket="/a"))


def test_what_a_request_says_besides() -> None:
    client = Client(local_address="127.0.0.1", proxy="http://p.test:1")
    assert client.build("GET", "http://a.test/").reach is None
    reach = client.build("GET", "http://a.test/", proxy="http://q.test:2", server_hostname="b.test").reach
    assert reach is not None
    assert reach.tls.server_hostname == "b.test"
    assert (reach.source, str(reach.proxy)) == ("127.0.0.1", "http://q.test:2")
    with pytest.raises(InvalidRequest, match="unix_socket '/a' and proxy .*//p.test:1.*say proxy=False"):
        Client(proxy="http://p.test:1").build("GET", "http://a.test/", unix_socket="/a")
    reach = Client(proxy="http://p.test:1").build("GET", "http://a.test/", unix_socket="/a", proxy=False).reach
    assert reach is not None
    assert reach.unix_socket == "/a"


def test_a_unix_socket_in_its_forms() -> None:
    assert merged(DIRECT, unix_socket=Path("/a/b")).unix_socket == "/a/b"
    assert merged(DIRECT, unix_socket=b"/a").unix_socket == b"/a"
    assert merged(DIRECT, unix_socket="\0a").unix_socket == "\0a"
    assert merged(DIRECT, proxy=False, unix_socket="/a").unix_socket == "/a"
    assert merged(DIRECT) == DIRECT
