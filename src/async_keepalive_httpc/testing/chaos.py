"""Chaos: a server that is cruel by chance, and counts what came of it.

Refuses: to harm what no client could save. Only connections that have answered before are harmed, and never under a
request that was sent before: a client that sends a lost request again, once, on a fresh connection, loses none.
Called by: tests, as `Peer(Chaos(seed))`; `bench.chaos`.
Law: what happens to the n-th request of the k-th connection depends on the seed alone; what a request is answered with
depends on its id alone: the field X-Request-Id, or else its target. So a wrong body is known as one, and
`attempts` and `executed` tell how often each request came, and how often it was acted upon.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

from .conn import Conn
from .messages import Request, answer, chunked, response

LONGEST_BODY: Final = 3000


@dataclass(frozen=True, slots=True)
class Rates:
    """How often what is done: of requests that may be harmed, or of answers after which the connection goes on.

    die_unread: the connection ends, by FIN or RST, before the request is acted upon (0.005).
    die_acted: the same, after it is acted upon and before it is answered (0.01).
    cut: the answer ends inside its body (0).
    close_after: the connection ends right after an answer that does not say so, half of them by RST (0.01).
    idle_close: it ends if no request comes within a random time of up to `idle_span` seconds (0.03; 0.02 s).
    delay: the answer comes after a random time of up to `delay_span` seconds (0.01; 0.02 s).
    split: the answer comes in two to four segments (0.02).
    """

    die_unread: float = 0.005
    die_acted: float = 0.01
    cut: float = 0.0
    close_after: float = 0.01
    idle_close: float = 0.03
    idle_span: float = 0.02
    delay: float = 0.01
    delay_span: float = 0.02
    split: float = 0.02


class Chaos:
    """A script, and what it saw.

    seed: what is done depends on it. rates: Rates (default: about 2.5 % of requests meet a dying connection).

    attempts: how often each id came, counted when its head is read.
    executed: how often each id was acted upon, counted when the whole request is read and not dropped.
    cut: the ids whose answer was cut off, so that no client could have it whole.
    harms: how often each harm was done.
    """

    def __init__(self, seed: int = 0, rates: Rates | None = None) -> None:
        self.seed = seed
        self.rates = rates or Rates()
        self.attempts: Counter[str] = Counter()
        self.executed: Counter[str] = Counter()
        self.cut: set[str] = set()
        self.harms: Counter[str] = Counter()

    async def __call__(self, conn: Conn) -> None:
        """The life of one connection; called by Peer."""
        chance = random.Random(f"{self.seed}/{conn.number}")
        answered = False
        while (request := await self._next(conn, chance, answered)) is not None:
            name = request_id(request)
            harmed = answered and self.attempts[name] == 1
            if harmed and self._dies(conn, chance, "die_unread", self.rates.die_unread):
                return
            self.executed[name] += 1
            if harmed and self._dies(conn, chance, "die_acted", self.rates.die_acted):
                return
            await self._answer(conn, chance, request, harmed)
            if conn.ending or request.get("Connection").lower() == "close":
                return
            answered = True
            if self._dies(conn, chance, "close_after", self.rates.close_after):
                return

    async def _next(self, conn: Conn, chance: random.Random, answered: bool) -> Request | None:
        """The next request, unless the connection ends for having been idle too long."""
        closing: asyncio.TimerHandle | None = None
        if answered and chance.random() < self.rates.idle_close:
            span = chance.random() * self.rates.idle_span
            closing = asyncio.get_running_loop().call_later(span, self._dies, conn, chance, "idle_close", 1.0)
        try:
            request = await conn.head()
        finally:
            if closing is not None:
                closing.cancel()
        if request is not None:
            self.attempts[request_id(request)] += 1
            await conn.rest()
        return request

    async def _answer(self, conn: Conn, chance: random.Random, request: Request, harmed: bool) -> None:
        rates = self.rates
        name = request_id(request)
        raw = answer(request, write(name))
        if chance.random() < rates.delay:
            self.harms["delay"] += 1
            await asyncio.sleep(chance.random() * rates.delay_span)
        if harmed and chance.random() < rates.cut and (start := raw.index(b"\r\n\r\n") + 4) < len(raw):
            self.cut.add(name)
            conn.send(raw[: chance.randrange(start, len(raw))])
            await conn.flushed()
            self._dies(conn, chance, "cut", 1.0)
        elif chance.random() < rates.split:
            self.harms["split"] += 1
            await conn.send_split(raw, [chance.randrange(1, len(raw)) for _ in range(chance.randint(1, 3))])
        else:
            conn.send(raw)

    def _dies(self, conn: Conn, chance: random.Random, harm: str, rate: float) -> bool:
        """By chance end the connection, by FIN or RST, once what was sent has left."""
        if conn.ending or chance.random() >= rate:
            return False
        self.harms[harm] += 1
        if chance.random() < 0.5 or conn.unsent:
            conn.close()
        else:
            conn.reset()
        return True


def request_id(request: Request) -> str:
    """What a request is counted by."""
    return request.get("X-Request-Id") or request.target


def body(name: str) -> bytes:
    """The body that the request of this id is answered with, of up to LONGEST_BODY bytes; it begins with the id."""
    start = f"{name}\n".encode("latin-1")
    return start * max(1, random.Random(name).randrange(LONGEST_BODY) // len(start))


def write(name: str) -> bytes:
    """The answer to the request of this id; every third has a chunked body."""
    whole = body(name)
    if len(whole) % 3:
        return response(whole)
    half = len(whole) // 2
    coded = chunked(whole[:half], whole[half:])
    return response(headers=[("Transfer-Encoding", "chunked")], length=False) + coded
