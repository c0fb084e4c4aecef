"""TLS contexts: made once for each set of options, off the loop, and a caller's own left alone."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run
from tests.peers import authority, certificate

from async_keepalive_httpc import TLSError
from async_keepalive_httpc._dial import tls as module
from async_keepalive_httpc._dial.tls import CONTEXTS_KEPT, context_for
from async_keepalive_httpc._message.reach import TLS


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A file of authorities, and a client certificate with its key apart and together."""
    leaf = certificate("client.test")
    contents = {
        "ca": authority().cert_pem.bytes(),
        "cert": leaf.cert_chain_pems[0].bytes(),
        "key": leaf.private_key_pem.bytes(),
        "both": leaf.private_key_and_cert_chain_pem.bytes(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in contents}


def test_the_default_verifies(run: Run) -> None:
    async def main() -> None:
        context = await context_for(TLS())
        assert context.check_hostname
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2

    run(main())


def test_one_context_for_equal_options(run: Run, files: dict[str, str]) -> None:
    async def main() -> None:
        wanted = [TLS(), TLS(verify=False), TLS(ca_certs=files["ca"]), TLS(options=(("ciphers", "ALL"),))]
        first = await asyncio.gather(*(context_for(tls) for tls in wanted * 3))
        again = [await context_for(TLS(*tls)) for tls in wanted]
        assert len(set(first)) == len(wanted)
        assert again == first[: len(wanted)] == first[len(wanted) : 2 * len(wanted)]

    run(main())


def test_it_is_made_in_a_thread(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        threads = []
        make = module._make

        def noted(tls: TLS) -> ssl.SSLContext:
            threads.append(threading.current_thread())
            return make(tls)

        monkeypatch.setattr(module, "_make", noted)
        await context_for(TLS(verify=False, options=(("cert_reqs", ssl.CERT_NONE),)))
        assert threads
        assert threading.main_thread() not in threads

    module._contexts.clear()
    run(main())


def test_not_verifying(run: Run) -> None:
    async def main() -> None:
        context = await context_for(TLS(verify=False))
        assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)

    run(main())


def test_authorities_and_client_certificates(run: Run, files: dict[str, str]) -> None:
    async def main() -> None:
        context = await context_for(TLS(ca_certs=files["ca"], cert=files["cert"], key=files["key"]))
        assert len(context.get_ca_certs()) == 1
        assert await context_for(TLS(cert=files["both"])) is not context

    run(main())


def test_tornados_options_stand_alone(run: Run, files: dict[str, str]) -> None:
    async def main() -> None:
        options: dict[str, Any] = {"ca_certs": files["ca"], "cert_reqs": ssl.CERT_REQUIRED, "certfile": files["both"]}
        context = await context_for(TLS(verify=False, options=tuple(sorted(options.items()))))
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert len(context.get_ca_certs()) == 1

    run(main())


def test_a_callers_context_is_used_as_it_is(run: Run) -> None:
    async def main() -> None:
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        assert await context_for(TLS(context=own)) is own
        assert own.sslobject_class is ssl.SSLObject

    run(main())


@pytest.mark.parametrize(
    ("tls", "what"),
    [
        (TLS(ca_certs="/nowhere/ca"), "check /nowhere/ca"),
        (TLS(cert="/nowhere/cert", key="/nowhere/key"), "check /nowhere/cert, /nowhere/key"),
        (TLS(options=(("ca_certs", "/nowhere/ca"),)), "check /nowhere/ca"),
        (TLS(options=(("ciphers", "NONE OF THESE"),)), "check ssl_options"),
    ],
)
def test_what_cannot_be_used(run: Run, tls: TLS, what: str) -> None:
    async def main() -> None:
        for _ in range(2):
            with pytest.raises(TLSError, match="the TLS options cannot be used") as caught:
                await context_for(tls)
            assert what in str(caught.value)
            assert caught.value.__cause__ is not None

    run(main())


def test_a_key_that_does_not_fit(run: Run, files: dict[str, str]) -> None:
    async def main() -> None:
        with pytest.raises(TLSError, match="cannot be used"):
            await context_for(TLS(cert=files["cert"], key=files["ca"]))

    run(main())


def test_made_up_options_do_not_fill_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(module, "_make", lambda tls: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        for number in range(2 * CONTEXTS_KEPT):
            await context_for(TLS(ca_certs=str(number)))
        assert len(module._contexts) == CONTEXTS_KEPT

    run(main())
    module._contexts.clear()
