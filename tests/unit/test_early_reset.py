"""An answer that came before a write failed: the peer refused the body, closed, and so reset the connection behind its
answer (RFC 9112 section 9.6). What it said is still to be read."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator

import pytest
from tests.conftest import Run
from tests.feeding import RecordingTransport, Wired

from async_keepalive_httpc import Client, ConnectionLost

REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much"


@pytest.mark.parametrize("answer", [REFUSAL, REFUSAL[:-1], REFUSAL[:20], b""], ids=["whole", "cut", "head cut", "none"])
@pytest.mark.parametrize("length", [None, "100000"], ids=["chunked", "length"])
def test_answer_before_a_failed_write(run: Run, answer: bytes, length: str | None) -> None:
    """All that the peer does is done between two pieces of the body, before the loop can look."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            async def pieces() -> AsyncIterator[bytes]:
                yield bytes(1000)
                peer, _ = server.accept()
                peer.recv(65536)
                peer.sendall(answer)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
                for _ in range(99):
                    yield bytes(1000)

            headers = None if length is None else {"Content-Length": length}
            async with Client() as client:
                url = f"http://127.0.0.1:{server.getsockname()[1]}/"
                if answer == REFUSAL:
                    got = await client.post(url, headers=headers, body=pieces())
                    assert (got.status, got.body) == (413, b"too much")
                else:
                    with pytest.raises(ConnectionLost) as caught:
                        await client.post(url, headers=headers, body=pieces())
                    assert caught.value.stage == ("responding" if answer else "sent")

    run(main())


class SocketTransport(RecordingTransport):
    """A transport whose socket still holds what the loop has not read."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._sock if name == "socket" else default


def test_an_answer_found_at_the_end_keeps_nothing() -> None:
    """However much it says keep-alive: whoever waits for a connection must not be given this one."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        wired = Wired(transport=SocketTransport(ours))
        response = wired.send()
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        wired.connection.connection_lost(BrokenPipeError())
    assert (response.status, response.body) == (200, b"ok")
    assert "freed" not in wired.owner.heard
    assert wired.owner.heard[-1] == "gone"
