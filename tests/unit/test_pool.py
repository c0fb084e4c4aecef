"""ResourcePool: whom get() chooses, what it makes, what close() closes, and which calls it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sized
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc.pool import ResourcePool


class Worker:
    """A resource whose load a test sets."""

    res_id: int

    def __init__(self, load: int = 0) -> None:
        self.load = load
        self.closings = 0

    def __len__(self) -> int:
        return self.load

    def close(self) -> None:
        self.closings += 1


class Stubborn(Worker):
    """A worker that fails to close, and is closed all the same."""

    def close(self) -> None:
        super().close()
        raise OSError("will not")


class Slotted:
    __slots__ = ()

    def __len__(self) -> int:
        return 0


def making(resources: Iterable[Any]) -> Callable[[], Any]:
    """A create_func that makes these, in order; an exception among them is raised."""
    rest = iter(resources)

    def create() -> Any:
        made = next(rest)
        if isinstance(made, BaseException):
            raise made
        return made

    return create


def test_users_document() -> None:
    pool = ResourcePool(Worker, init_count=2, max_count=3)
    assert len(pool._pool) == 2
    first = pool.get()
    first.load += 1
    second = pool.get()
    assert second is not first
    second.load += 1
    third = pool.get()
    third.load += 1
    assert third not in (first, second)
    second.load += 1
    third.load += 1
    assert pool.get() is first


def test_makes_nothing_before_it_is_asked() -> None:
    pool = ResourcePool(making([]))
    assert len(pool) == 0
    assert list(pool) == []
    assert repr(pool) == "<ResourcePool: 0 of 4 made>"


def test_first_get_makes_one() -> None:
    worker = Worker()
    pool = ResourcePool(making([worker]))
    assert pool.get() is worker
    assert pool.get() is worker
    assert list(pool) == [worker]


def test_earliest_idle_one_is_used_so_that_few_stay_warm() -> None:
    pool = ResourcePool(Worker, init_count=3)
    busy, idle, _ = pool
    busy.load = 1
    assert [pool.get() for _ in range(5)] == [idle] * 5


def test_default_max_count_is_four() -> None:
    pool = ResourcePool(lambda: Worker(1))
    assert len({id(pool.get()) for _ in range(10)}) == 4


def test_full_pool_gives_the_least_loaded_and_the_earliest_of_equals() -> None:
    workers = [Worker(load) for load in (3, 2, 2, 5)]
    pool = ResourcePool(making(workers), init_count=4, max_count=4)
    assert pool.get() is workers[1]
    workers[3].load = 1
    assert pool.get() is workers[3]


@given(st.lists(st.integers(0, 3), max_size=5), st.integers(1, 5))
def test_choice_for_any_loads(loads: list[int], max_count: int) -> None:
    loads = loads[:max_count]
    workers = [Worker(load) for load in loads]
    fresh = Worker(7)
    pool = ResourcePool(making([*workers, fresh]), init_count=len(loads), max_count=max_count)
    chosen = pool.get()
    if 0 in loads:
        assert chosen is workers[loads.index(0)]
    elif len(loads) < max_count:
        assert chosen is fresh
    else:
        assert chosen is workers[loads.index(min(loads))]


def test_iteration_is_a_snapshot() -> None:
    pool = ResourcePool(lambda: Worker(1), init_count=1, max_count=3)
    for _ in pool:
        pool.get()
    assert len(pool) == 2


class TestFindBestResource:
    def test_its_answer_stands_even_where_an_idle_one_exists(self) -> None:
        workers = [Worker(0), Worker(4), Worker(0)]
        pool = ResourcePool(making(workers), lambda resources: max(resources, key=len), 3)
        assert pool.get() is workers[1]

    def test_is_given_all_resources_in_order(self) -> None:
        seen: list[list[Worker]] = []
        workers = [Worker(1), Worker(0)]

        def find(resources: list[Worker]) -> Worker:
            seen.append(resources[:])
            # The list is the function's own: the pool does not change with it.
            resources.clear()
            return workers[1]

        pool = ResourcePool(making(workers), find, init_count=2)
        assert pool.get() is workers[1]
        assert seen == [workers]
        assert list(pool) == workers

    def test_is_not_asked_about_an_empty_pool(self) -> None:
        pool = ResourcePool(Worker, lambda resources: min(resources, key=len))
        assert pool.get() is pool.get()

    def test_none_asks_for_a_new_one_then_for_the_least_loaded(self) -> None:
        workers = [Worker(2), Worker(1)]
        pool: ResourcePool[Worker] = ResourcePool(making(workers), lambda resources: None, max_count=2)
        assert [pool.get(), pool.get()] == workers
        assert pool.get() is workers[1]

    @pytest.mark.parametrize("answer", [Worker(), (Worker(), True), 0, False])
    def test_a_stranger_is_refused(self, answer: Any) -> None:
        pool: ResourcePool[Worker] = ResourcePool(Worker, lambda resources: answer, init_count=1)
        with pytest.raises(ValueError, match=r"find_best_resource returned a \w+ that is not in the pool"):
            pool.get()

    def test_an_equal_is_not_the_same(self) -> None:
        pool: ResourcePool[list[int]] = ResourcePool(list, lambda resources: [], init_count=1)
        with pytest.raises(ValueError, match="not in the pool"):
            pool.get()

    def test_its_errors_pass_through(self) -> None:
        pool = ResourcePool(Worker, lambda resources: resources[9], init_count=1)
        with pytest.raises(IndexError):
            pool.get()
        assert len(pool) == 1


class TestIdentity:
    def test_res_id_counts_from_0_in_the_order_of_creation(self) -> None:
        pool = ResourcePool(lambda: Worker(1), init_count=2, max_count=3)
        assert pool.get().res_id == 2
        assert [worker.res_id for worker in pool] == [0, 1, 2]

    @pytest.mark.parametrize("create", [list, Slotted, lambda: frozenset([1]), lambda: range(3)])
    def test_what_takes_no_attribute_goes_without(self, create: Callable[[], Sized]) -> None:
        pool = ResourcePool(create, init_count=2)
        assert len(pool) == 2
        assert not hasattr(pool.get(), "res_id")


class TestCreation:
    def test_an_error_of_create_func_passes_through_and_nothing_is_lost(self) -> None:
        first, second = Worker(1), Worker(1)
        pool = ResourcePool(making([first, KeyError("no"), second]))
        assert pool.get() is first
        with pytest.raises(KeyError):
            pool.get()
        assert list(pool) == [first]
        assert pool.get() is second
        assert second.res_id == 1

    def test_a_failed_construction_closes_what_it_made(self) -> None:
        made = [Worker(), Stubborn(), Worker()]
        with pytest.raises(KeyError) as caught:
            ResourcePool(making([*made, KeyError("no")]), init_count=4)
        assert [worker.closings for worker in made] == [1, 1, 1]
        assert "will not" in caught.value.__notes__[0]

    @pytest.mark.parametrize("thing", [None, 7, object()])
    def test_a_resource_without_length_is_refused(self, thing: Any) -> None:
        pool: ResourcePool[Any] = ResourcePool(lambda: thing)
        with pytest.raises(TypeError, match=rf"create_func returned a {type(thing).__name__}, which has no len"):
            pool.get()
        assert len(pool) == 0

    def test_a_coroutine_function_is_refused_without_a_warning(self) -> None:
        async def create() -> Worker:
            return Worker()

        pool: ResourcePool[Any] = ResourcePool(create)
        with pytest.raises(TypeError, match="returned a coroutine, which has no len"):
            pool.get()


class TestClose:
    def test_closes_what_it_made_once(self) -> None:
        pool = ResourcePool(Worker, init_count=2)
        workers = list(pool)
        pool.close()
        pool.close()
        assert [worker.closings for worker in workers] == [1, 1]
        assert len(pool) == 0
        assert repr(pool) == "<ResourcePool: closed>"

    def test_get_afterwards_is_an_error(self) -> None:
        pool = ResourcePool(Worker, init_count=1)
        pool.close()
        with pytest.raises(RuntimeError, match=r"get\(\) was called after close\(\)"):
            pool.get()

    def test_resources_without_close_are_left_alone(self) -> None:
        ResourcePool(list, init_count=2).close()

    def test_one_that_fails_does_not_keep_the_others_open(self) -> None:
        workers = [Stubborn(), Worker(), Stubborn(), Worker()]
        pool = ResourcePool(making(workers), init_count=4)
        with pytest.raises(ExceptionGroup, match=r"2 resource\(s\) failed to close") as caught:
            pool.close()
        assert [str(error) for error in caught.value.exceptions] == ["will not", "will not"]
        pool.close()
        assert [worker.closings for worker in workers] == [1, 1, 1, 1]

    def test_with(self) -> None:
        with ResourcePool(Worker, init_count=1) as pool:
            worker = pool.get()
        assert worker.closings == 1

    def test_with_that_fails(self) -> None:
        pool = ResourcePool(Worker, init_count=1)
        worker = pool.get()
        with pytest.raises(KeyError), pool:
            raise KeyError
        assert worker.closings == 1


class TestArguments:
    @pytest.mark.parametrize("count", [-1, True, False, 1.0, math.nan, "1", None])
    def test_init_count(self, count: Any) -> None:
        with pytest.raises(ValueError, match=r"init_count is .* must be an int of at least 0"):
            ResourcePool(making([]), init_count=count)

    @pytest.mark.parametrize("count", [0, -1, True, 4.0, math.inf, "4", None])
    def test_max_count(self, count: Any) -> None:
        with pytest.raises(ValueError, match=r"max_count is .* must be an int of at least 1"):
            ResourcePool(making([]), max_count=count)

    def test_init_count_above_max_count(self) -> None:
        with pytest.raises(ValueError, match="init_count 5 is more than max_count 4"):
            ResourcePool(making([]), init_count=5)

    def test_create_func(self) -> None:
        with pytest.raises(TypeError, match="create_func is a Worker, which cannot be called"):
            ResourcePool(Worker())  # type: ignore[arg-type]

    def test_find_best_resource(self) -> None:
        with pytest.raises(TypeError, match="find_best_resource is a int, which cannot be called"):
            ResourcePool(Worker, 2)  # type: ignore[arg-type]
