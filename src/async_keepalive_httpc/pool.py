"""ResourcePool: a few things that do the same work, and the one of them to use next.

Refuses: HTTP, event loops, waiting and locks. A resource is anything with `len()`; what its length counts
(for a client: requests waiting and active) is its load, and 0 is idle. Resources are shared, not lent:
nothing is given back, because the load tells by itself when a resource is free again.
Called by: users. Imports nothing of ours. A pool belongs to one thread, as what it holds does.

    get(), by itself        an idle one, the earliest made | else a new one below max_count
                            | else the least loaded, the earliest made among equals
    find_best_resource(all) the one it returns | None: as above from "a new one" on
    close()                 each is closed, whatever another's close() raises
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import suppress
from typing import Generic, Self, TypeVar

R = TypeVar("R", bound=Sized)


class ResourcePool(Generic[R]):
    """Make up to `max_count` resources, and balance the work over them by their length.

    `create_func()` makes one resource: any object with `len()`. It runs `init_count` times at once, and later
    when `get()` finds no idle resource. What it raises passes through; a pool whose construction fails closes
    what it had made.

    `find_best_resource(resources)` replaces the search for an idle resource. It is asked on each `get()` of a
    pool that holds any, with the list of all of them in the order they were made, idle ones included. It
    returns one of them, or None for a new one; in a full pool None means the least loaded.

    Each resource is given `res_id`, an int that counts from 0 in the order of creation, where the object
    takes attributes. Where it does not (slots, builtin types) its place in `list(pool)` is the same number.

    `init_count` (default 0) and `max_count` (default 4) are numbers of resources. Raises ValueError unless
    both are ints with 0 <= init_count <= max_count and 1 <= max_count, TypeError if a function is not
    callable or `create_func` returns an object without `len()`.
    """

    def __init__(
        self,
        create_func: Callable[[], R],
        find_best_resource: Callable[[list[R]], R | None] | None = None,
        init_count: int = 0,
        max_count: int = 4,
    ) -> None:
        _check_functions(create_func, find_best_resource)
        _check_counts(init_count, max_count)
        self._create_func = create_func
        self._find_best_resource = find_best_resource or _find_idle
        self._max_count = max_count
        self._pool: list[R] = []
        self._closed = False
        try:
            for _ in range(init_count):
                self._create()
        except BaseException as error:
            for failure in self._close_all():
                error.add_note(f"ResourcePool closed what it had made so far; this failed too: {failure!r}")
            raise

    def get(self) -> R:
        """Return the resource to use next; see the class for which one.

        Raises RuntimeError after `close()`, ValueError if `find_best_resource` returns anything else than a
        resource of the pool or None, TypeError if `create_func` returns an object without `len()`.
        """
        if self._closed:
            raise RuntimeError("ResourcePool.get() was called after close(): make a new pool")
        best = self._find_best_resource(list(self._pool)) if self._pool else None
        if best is not None:
            return self._own(best)
        if len(self._pool) < self._max_count:
            return self._create()
        return min(self._pool, key=len)

    def close(self) -> None:
        """Call `close()`, where there is one, on each resource, and forget them all; again does nothing.

        The call is not awaited: what closes only by a coroutine is the caller's to close, before this. Raises
        an ExceptionGroup at the end with what the resources raised.
        """
        if failures := self._close_all():
            raise ExceptionGroup(
                f"ResourcePool.close(): {len(failures)} resource(s) failed to close; the others are closed",
                failures,
            )

    def __len__(self) -> int:
        """The number of resources made; 0 after `close()`."""
        return len(self._pool)

    def __iter__(self) -> Iterator[R]:
        """The resources in the order they were made, as they are now."""
        return iter(tuple(self._pool))

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._pool)} of {self._max_count} made"
        return f"<{type(self).__name__}: {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create(self) -> R:
        resource = self._create_func()
        if not isinstance(resource, Sized):
            with suppress(Exception):
                _close(resource)
            raise TypeError(
                f"ResourcePool: create_func returned a {type(resource).__name__}, which has no len(); "
                "the pool balances by length, so return an object with __len__ (0 when idle)"
            )
        self._pool.append(resource)
        with suppress(AttributeError, TypeError):
            resource.res_id = len(self._pool) - 1  # type: ignore[attr-defined]
        return resource

    def _own(self, best: R) -> R:
        if any(resource is best for resource in self._pool):
            return best
        raise ValueError(
            f"ResourcePool: find_best_resource returned a {type(best).__name__} that is not in the pool; "
            "return one of the resources it was given, or None for a new one"
        )

    def _close_all(self) -> list[Exception]:
        self._closed = True
        made, self._pool = self._pool, []
        failures = []
        for resource in made:
            try:
                _close(resource)
            except Exception as error:
                failures.append(error)
        return failures


def _find_idle(resources: list[R]) -> R | None:
    # The earliest, not the next in turn: the later ones stay cold, and may lose their connections unmissed.
    return next((resource for resource in resources if not len(resource)), None)


def _close(resource: object) -> None:
    close = getattr(resource, "close", None)
    if callable(close):
        close()


def _check_functions(create_func: object, find_best_resource: object) -> None:
    if not callable(create_func):
        raise TypeError(
            f"ResourcePool: create_func is a {type(create_func).__name__}, which cannot be called; "
            "pass a function without arguments that makes one resource"
        )
    if find_best_resource is not None and not callable(find_best_resource):
        raise TypeError(
            f"ResourcePool: find_best_resource is a {type(find_best_resource).__name__}, which cannot be "
            "called; pass a function that takes the list of resources, or None"
        )


def _check_counts(init_count: int, max_count: int) -> None:
    counts: tuple[tuple[str, object, int], ...] = (("init_count", init_count, 0), ("max_count", max_count, 1))
    for name, count, least in counts:
        # True and False are ints to Python; a caller who passes one means something else.
        if not isinstance(count, int) or isinstance(count, bool) or count < least:
            raise ValueError(f"ResourcePool: {name} is {count!r}; it must be an int of at least {least}")
    if init_count > max_count:
        raise ValueError(
            f"ResourcePool: init_count {init_count} is more than max_count {max_count}; lower one or raise the other"
        )
