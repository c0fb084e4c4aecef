"""Names to addresses: literals, the loop's resolver, a Tornado Resolver, a function, the three forms of a mapping."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from tests.conftest import Run
from tornado.netutil import DefaultLoopResolver, OverrideResolver

from async_keepalive_httpc import DNSError, InvalidRequest
from async_keepalive_httpc._dial.dns import Resolve, addresses, resolver_of
from async_keepalive_httpc._dial.names import Names

V4 = (socket.AF_INET, ("127.0.0.1", 80))
V6 = (socket.AF_INET6, ("::1", 80, 0, 0))


def own(resolver: Any = None, mapping: Any = None) -> Resolve:
    """What a client asks that is given these."""
    return resolver_of(resolver, mapping, Names())


class Asked:
    """A resolver that notes what it was asked."""

    def __init__(self, *answer: Any) -> None:
        self.answer = list(answer)
        self.questions: list[Any] = []

    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Any]:
        self.questions.append((host, port, family))
        return self.answer


LO = socket.if_nametoindex("lo")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", V4),
        ("::1", V6),
        ("fe80::1%lo", (socket.AF_INET6, ("fe80::1", 80, 0, LO))),
        ("fe80::1%7", (socket.AF_INET6, ("fe80::1", 80, 0, 7))),
    ],
)
def test_a_literal_is_its_own_address(run: Run, host: str, expected: Any) -> None:
    async def main() -> None:
        assert await addresses(own(), host, 80, ipv6=True) == [expected]

    run(main())


def test_a_zone_that_is_no_interface(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(DNSError, match="cannot resolve 'fe80::1%nowhere0': "):
            await addresses(own(), "fe80::1%nowhere0", 80, ipv6=True)

    run(main())


def test_the_loops_resolver(run: Run) -> None:
    async def main() -> None:
        found = await addresses(own(), "localhost", 81, ipv6=False)
        assert set(found) == {(socket.AF_INET, ("127.0.0.1", 81))}

    run(main())


@pytest.mark.parametrize("host", ["name.invalid", "a" * 64 + ".invalid"])
def test_a_name_without_address(run: Run, host: str) -> None:
    async def main() -> None:
        with pytest.raises(DNSError, match=r"cannot resolve .*; check the name and the resolver"):
            await addresses(own(), host, 80, ipv6=True)

    run(main())


def test_a_resolver_is_asked_for_everything(run: Run) -> None:
    async def main() -> None:
        asked = Asked(V4, V6)
        for resolver in (asked, asked.resolve):
            resolve = own(resolver)
            assert await addresses(resolve, "a.test", 80, ipv6=True) == [V4, V6]
            assert await addresses(resolve, "192.0.2.1", 80, ipv6=False) == [V4]
        assert (
            asked.questions
            == [
                ("a.test", 80, socket.AF_UNSPEC),
                ("192.0.2.1", 80, socket.AF_INET),
            ]
            * 2
        )

    run(main())


@pytest.mark.parametrize(("answer", "ipv6", "what"), [([], True, "no address"), ([V6], False, "no IPv4 address")])
def test_an_answer_of_nothing(run: Run, answer: list[Any], ipv6: bool, what: str) -> None:
    async def main() -> None:
        with pytest.raises(DNSError, match=f"cannot resolve 'a.test': the resolver gave {what}"):
            await addresses(Asked(*answer).resolve, "a.test", 80, ipv6=ipv6)

    run(main())


def test_a_mapping(run: Run) -> None:
    async def main() -> None:
        mapping = {
            "a.test": "127.0.0.1",
            ("b.test", 80): ("127.0.0.1", 8080),
            ("c.test", 80, socket.AF_INET): ("127.0.0.1", 9090),
        }
        resolve = own(None, mapping)
        mapping.clear()  # what was given is not what is kept
        assert await addresses(resolve, "a.test", 1, ipv6=True) == [(socket.AF_INET, ("127.0.0.1", 1))]
        assert await addresses(resolve, "b.test", 80, ipv6=True) == [(socket.AF_INET, ("127.0.0.1", 8080))]
        assert await addresses(resolve, "c.test", 80, ipv6=False) == [(socket.AF_INET, ("127.0.0.1", 9090))]
        assert await addresses(resolve, "127.0.0.1", 80, ipv6=True) == [V4]

    run(main())


def test_a_mapping_before_a_resolver(run: Run) -> None:
    async def main() -> None:
        asked = Asked(V4)
        for resolver in (asked, asked.resolve):
            resolve = own(resolver, {"a.test": "b.test"})
            assert await addresses(resolve, "a.test", 80, ipv6=True) == [V4]
        assert [question[0] for question in asked.questions] == ["b.test", "b.test"]

    run(main())


def test_tornados_own_resolvers(run: Run) -> None:
    async def main() -> None:
        resolver = OverrideResolver(DefaultLoopResolver(), {"a.test": "127.0.0.1"})
        found = await addresses(own(resolver), "a.test", 80, ipv6=True)
        assert found == [V4]

    run(main())


def test_a_mapping_to_what_is_looked_up_or_is_an_address(run: Run) -> None:
    """Behind a mapping stands the same memory of names; a literal needs no lookup, its zone is kept."""

    async def main() -> None:
        resolve = own(None, {"a.test": "localhost", "b.test": "fe80::1%lo", ("::1", 80): ("127.0.0.1", 81)})
        assert await addresses(resolve, "a.test", 80, ipv6=False) == [V4]
        assert await addresses(resolve, "b.test", 80, ipv6=True) == [(socket.AF_INET6, ("fe80::1", 80, 0, LO))]
        assert await addresses(resolve, "::1", 80, ipv6=True) == [(socket.AF_INET, ("127.0.0.1", 81))]
        with pytest.raises(DNSError, match=r"'b\.test': the resolver gave no IPv4 address"):
            await addresses(resolve, "b.test", 80, ipv6=False)

    run(main())


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "service not known (errno -2); check the name",
        ),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "failure (errno -3); no name server answered: try"),
        (OSError("no errno"), "no errno; check the name and the resolver"),
        (TimeoutError(), "TimeoutError; check the name and the resolver"),
    ],
)
def test_why_it_failed(run: Run, error: OSError, why: str) -> None:
    async def main() -> None:
        async def fails(host: str, port: int, family: int) -> list[Any]:
            raise error

        with pytest.raises(DNSError) as caught:
            await addresses(own(fails), "a.test", 80, ipv6=True)
        assert str(caught.value).startswith("cannot resolve 'a.test': ")
        assert why in str(caught.value)
        assert caught.value.__cause__ is error

    run(main())


@pytest.mark.parametrize("resolver", [5, "name", {}])
def test_what_is_no_resolver(resolver: Any) -> None:
    with pytest.raises(InvalidRequest, match="resolver is a .*give a tornado.netutil.Resolver"):
        own(resolver)
