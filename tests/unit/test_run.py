"""The `run` fixture does what it says: nothing that a coroutine leaves behind goes unseen."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from tests.looped import looped

if TYPE_CHECKING:
    from tests.conftest import LoopFactory, Run


class TestRun:
    def test_returns_the_result_of_each_coroutine_on_a_loop_of_its_own(self, run: Run) -> None:
        async def main() -> asyncio.AbstractEventLoop:
            return asyncio.get_running_loop()

        first, second = run(main()), run(main())
        assert first is not second
        assert first.is_closed()
        assert second.is_closed()

    def test_loops_are_of_both_kinds(self, loop_factory: LoopFactory, request: pytest.FixtureRequest) -> None:
        loop = loop_factory()
        assert type(loop).__module__.partition(".")[0] in request.node.name
        loop.close()

    def test_a_task_left_behind(self, run: Run) -> None:
        kept: list[asyncio.Task[Any]] = []

        async def main() -> None:
            kept.append(asyncio.create_task(asyncio.Event().wait(), name="forgotten"))

        with pytest.raises(pytest.fail.Exception, match=r"A task was left behind: .*forgotten"):
            run(main())

    @looped
    async def test_a_cancelled_task_may_end(self) -> None:
        asyncio.create_task(asyncio.Event().wait()).cancel()

    def test_the_exception_handler(self, run: Run) -> None:
        async def main() -> None:
            asyncio.get_running_loop().call_soon(lambda: 1 // 0)

        with pytest.raises(pytest.fail.Exception, match=r"exception handler was called: .*ZeroDivisionError"):
            run(main())

    @pytest.mark.parametrize("loop_factory", [uvloop.new_event_loop], ids=["uvloop"])
    def test_a_transport_that_closing_the_loop_finds(self, run: Run) -> None:
        async def main() -> None:
            await asyncio.get_running_loop().create_connection(asyncio.Protocol, *listener.getsockname())

        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            pytest.raises(pytest.fail.Exception, match="The loop was closed, and warned: unclosed resource"),
        ):
            run(main())

    def test_an_exception_nobody_saw(self, run: Run) -> None:
        async def main() -> None:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(KeyError("unseen"))

        with pytest.raises(pytest.fail.Exception, match=r"never retrieved.*unseen"):
            run(main())

    def test_the_bound(self, run: Run) -> None:
        with pytest.raises(TimeoutError) as caught:
            run(asyncio.Event().wait(), timeout=0.01)
        assert caught.value.__notes__ == ["The coroutine under test did not end within 0.01 s"]

    def test_a_timeout_of_the_test_itself(self, run: Run) -> None:
        async def main() -> None:
            raise TimeoutError("own")

        with pytest.raises(TimeoutError, match="own") as caught:
            run(main())
        assert not hasattr(caught.value, "__notes__")
