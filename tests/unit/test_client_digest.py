"""Digest for origins, end to end: answered once, remembered, renewed, and told to nobody else."""

from __future__ import annotations

import asyncio
from hashlib import md5
from typing import Any

import pytest
from tests.peers import Conn, Peer, Request, answer, echo, response, serving

from async_keepalive_httpc import Client, Digest, InvalidRequest, KeepAliveAsyncHTTPClient
from async_keepalive_httpc._message.challenge import parse


def digest(text: str) -> str:
    return md5(text.encode()).hexdigest()


class Guard:
    """A server that wants Digest (RFC 7616) of user "me", "pw", and never the same count twice for a nonce."""

    def __init__(self, *, qop: str = "auth", uses: int = 1000, info: str = "") -> None:
        self.qop = qop
        self.uses = uses
        self.info = info
        self.nonce = "n1"
        self.issued = 1
        self.seen: set[tuple[str, str]] = set()
        self.outcomes: list[str] = []

    def __call__(self, conn: Conn, request: Request) -> bytes:
        outcome = self.judge(request)
        self.outcomes.append(outcome)
        if outcome != "ok":
            stale = ", stale=true" if outcome == "stale" else ""
            qop = f', qop="{self.qop}"' if self.qop else ""
            challenge = f'Digest realm="r", nonce="{self.nonce}"{qop}{stale}'
            raw = response(b"no", status=401, reason="Unauthorized", headers=[("WWW-Authenticate", challenge)])
        elif request.target.startswith("/moved/"):
            raw = response(status=307, headers=[("Location", request.target.removeprefix("/moved"))])
        else:
            extra = []
            if self.info:
                self.renew()
                extra = [("Authentication-Info", f'nextnonce="{self.nonce}"')]
            raw = response(b"in: " + request.body, headers=extra)
        return answer(request, raw)

    def renew(self) -> None:
        self.issued += 1
        self.nonce = f"n{self.issued}"

    def judge(self, request: Request) -> str:
        given = parse([request.get("Authorization")])
        if not given or given[0].scheme != "digest":
            return "none"
        told = given[0].parameters
        if told["nonce"] != self.nonce:
            return "stale"
        secret = digest("me:r:pw")
        asked = f"{request.method}:{request.target}"
        if told.get("qop") == "auth-int":
            asked += ":" + md5(request.body).hexdigest()
        once = f"{told['nonce']}:{told['nc']}:{told['cnonce']}:{told['qop']}" if "qop" in told else told["nonce"]
        assert told["uri"] == request.target
        if told["response"] != digest(f"{secret}:{once}:{digest(asked)}"):
            return "wrong"
        if "nc" in told:
            assert (told["nonce"], told["nc"]) not in self.seen, "the same count twice"
            self.seen.add((told["nonce"], told["nc"]))
            if len([nonce for nonce, _ in self.seen if nonce == self.nonce]) >= self.uses:
                self.renew()
        return "ok"


def test_a_challenge_is_answered_once_and_remembered(run):
    async def test():
        guard = Guard()
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            for path in ("/a", "/b?c=d", "/a"):
                assert (await client.get(peer.url + path)).status == 200
            assert guard.outcomes == ["none", "ok", "ok", "ok"]
            assert peer.connections == 1
            assert (await client.post(peer.url, body=b"x")).body == b"in: x"
            assert (await client.get(peer.url + "/%C3%A9")).status == 200

    run(test())


def test_for_one_request(run):
    async def test():
        guard, user = Guard(), Digest("me", "pw")
        async with Peer(serving(guard)) as peer, Client() as client:
            assert (await client.get(peer.url)).status == 401
            assert (await client.get(peer.url, auth=user)).status == 200
            assert (await client.get(peer.url, auth=user)).status == 200
            assert guard.outcomes == ["none", "none", "ok", "ok"]

    run(test())


@pytest.mark.parametrize("qop", ["", "auth-int", "auth,auth-int"])
def test_qop(run, qop):
    async def test():
        guard = Guard(qop=qop)
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            for _ in range(2):
                assert (await client.post(peer.url, body=b"x" * 1000)).status == 200
            assert guard.outcomes == ["none", "ok", "ok"]

    run(test())


def test_a_body_that_is_not_known_before(run):
    """Where the server wants it protected it gets no answer; the 401 is handed over."""

    async def produce(write: Any) -> None:
        await write(b"x")

    async def test():
        guard = Guard(qop="auth-int")
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            assert (await client.post(peer.url, body=produce)).status == 401
            assert set(guard.outcomes) == {"none"}

    run(test())


def test_a_body_that_can_be_sent_once(run):
    async def test():
        guard = Guard()
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            assert (await client.post(peer.url, body=iter([b"x"]))).status == 401
            assert (await client.get(peer.url)).status == 200
            assert (await client.post(peer.url, body=iter([b"x"]))).status == 200

    run(test())


def test_wrong_credentials_are_not_guessed_twice(run):
    async def test():
        guard = Guard()
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "no")) as client:
            assert (await client.get(peer.url)).status == 401
            assert guard.outcomes == ["none", "wrong"]
            assert (await client.get(peer.url)).status == 401
            assert guard.outcomes == ["none", "wrong", "none", "wrong"]

    run(test())


def test_stale_nonces(run):
    async def test():
        guard = Guard(uses=2)
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            for _ in range(5):
                assert (await client.get(peer.url)).status == 200
            assert guard.outcomes == ["none", "ok", "ok", "stale", "ok", "ok", "stale", "ok"]

    run(test())


def test_nextnonce(run):
    async def test():
        guard = Guard(info="nextnonce")
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            for _ in range(4):
                assert (await client.get(peer.url)).status == 200
            assert guard.outcomes == ["none", "ok", "ok", "ok", "ok"]

    run(test())


def test_redirects(run):
    async def test():
        guard = Guard()
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            got = await client.put(peer.url + "/moved/moved/x", body=b"x")
            assert (got.status, got.body, len(got.history)) == (200, b"in: x", 2)
            assert guard.outcomes == ["none", "ok", "ok", "ok"]

    run(test())


def test_another_origin_learns_nothing(run):
    async def test():
        guard = Guard()
        async with Peer(echo) as other, Client(auth=Digest("me", "pw")) as client:
            moved = response(status=302, headers=[("Location", other.url + "/x")])

            @serving
            def script(conn: Conn, request: Request) -> bytes:
                return answer(request, moved) if guard.judge(request) == "ok" else guard(conn, request)

            async with Peer(script) as peer:
                assert (await client.get(peer.url)).status == 200
            assert other.requests[0].get("Authorization") == ""

    run(test())


def test_at_once(run):
    async def test():
        guard = Guard()
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            await client.get(peer.url)
            answers = await asyncio.gather(*(client.get(f"{peer.url}/{n}") for n in range(20)))
            assert {got.status for got in answers} == {200}
            assert guard.outcomes == ["none"] + ["ok"] * 21

    run(test())


def test_streams(run):
    async def test():
        guard = Guard()
        async with Peer(serving(guard)) as peer, Client(auth=Digest("me", "pw")) as client:
            async with client.stream("GET", peer.url) as got:
                assert (got.status, await got.read()) == (200, b"in: ")
            assert peer.connections == 1

    run(test())


def test_credentials_of_the_callers_own_stand(run):
    async def test():
        async with Peer(echo) as peer, Client(auth=Digest("me", "pw")) as client:
            await client.get(peer.url, headers={"Authorization": "mine"})
            await client.get(peer.url, auth=("you", "pw"))
            await client.get(peer.url.replace("http://", "http://them@"))
            assert [request.get("Authorization").split()[0] for request in peer.requests] == ["mine", "Basic", "Basic"]

    run(test())


@pytest.mark.parametrize(
    "challenge", ['Basic realm="r"', "Negotiate", "Digest", 'Digest realm="r", nonce="n", qop="x"']
)
def test_challenges_that_are_not_answered(run, challenge):
    async def test():
        raw = response(b"no", status=401, reason="Unauthorized", headers=[("WWW-Authenticate", challenge)])
        async with Peer([raw]) as peer, Client(auth=Digest("me", "pw")) as client:
            assert (await client.get(peer.url)).status == 401
            assert len(peer.requests) == 1

    run(test())


def test_what_is_no_credentials():
    with pytest.raises(InvalidRequest):
        Client(auth=("me",))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        Digest("m\ne", "pw")
    assert "pw" not in repr(Digest("me", "pw"))


# -- at the Tornado doors


def test_tornado(run):
    async def test():
        guard = Guard(info="nextnonce")
        async with Peer(serving(guard)) as peer:
            client: Any = KeepAliveAsyncHTTPClient(force_instance=True, max_clients=1)
            user = {"auth_mode": "digest", "auth_username": "me", "auth_password": "pw"}
            for _ in range(3):
                assert (await client.fetch(peer.url, **user)).body == b"in: "
            assert guard.outcomes == ["none", "ok", "ok", "ok"]
            wrong = await client.fetch(peer.url, **user | {"auth_password": "no"}, raise_error=False)
            assert (wrong.code, guard.outcomes[-1]) == (401, "wrong")
            pieces: list[bytes] = []
            await client.fetch(peer.url, **user, streaming_callback=pieces.append)
            assert pieces == [b"in: "]
            assert peer.connections == 1
            client.close()

    run(test())


def test_tornados_defaults(run):
    async def test():
        guard = Guard()
        async with Peer(serving(guard)) as peer:
            user = {"auth_mode": "digest", "auth_username": "me", "auth_password": "pw"}
            client: Any = KeepAliveAsyncHTTPClient(force_instance=True, defaults=user)
            for path in ("/a", "/b", "/a"):
                assert (await client.fetch(peer.url + path)).code == 200
            assert guard.outcomes == ["none", "ok", "ok", "ok"]
            client.close()

    run(test())
