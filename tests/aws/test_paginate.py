"""Pages, with botocore's paginator as the oracle: the same pages, calls, tokens and whole results."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from botocore.exceptions import OperationNotPageableError, PaginationError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.paginate import Paginator as Theirs
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Run

from async_keepalive_httpc.aws.paginate import Paginator, models, reader, starting_token

PAGED = [
    ("dynamodb", "Query"),
    ("dynamodb", "Scan"),
    ("dynamodb", "ListTables"),
    ("dynamodb", "ListBackups"),
    ("sqs", "ListQueues"),
    ("sqs", "ListDeadLetterSourceQueues"),
    ("kinesis", "DescribeStream"),
    ("kinesis", "ListStreams"),
    ("kinesis", "ListStreamConsumers"),
    ("logs", "DescribeLogGroups"),
    ("ecs", "ListTasks"),
]


def operation(service: str, name: str) -> Any:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service).operation_model(name)


class Service:
    """Answers pages in order, whatever the token; notes its calls."""

    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = copy.deepcopy(pages)
        self.calls: list[dict[str, Any]] = []

    def answer(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        return self._pages[len(self.calls) - 1]

    async def call(self, **arguments: Any) -> dict[str, Any]:
        return self.answer(**arguments)


def pages_of(service: str, name: str, sizes: list[int | None], repeat: bool = False) -> list[dict[str, Any]]:
    """Pages as the service sends them: with a token each but the last, a count where it has one."""
    config = models(service)[name]
    listed = [config["result_key"]] if isinstance(config["result_key"], str) else config["result_key"]
    pages = []
    for number, size in enumerate(sizes):
        page: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": 200}}
        for key in listed:
            holder, _, leaf = key.rpartition(".")
            inner = page.setdefault(holder, {}) if holder else page
            if leaf in ("Count", "ScannedCount"):
                inner[leaf] = size or 0
            elif size is not None:
                inner[leaf] = [{"ShardId": f"{number}-{item}"} for item in range(size)]
        more = number + 1 < len(sizes)
        if "more_results" in config:
            holder, _, leaf = config["more_results"].rpartition(".")
            (page.setdefault(holder, {}) if holder else page)[leaf] = more
        tokens = [config["output_token"]] if isinstance(config["output_token"], str) else config["output_token"]
        for token in tokens:
            if more and token.isidentifier():
                page[token] = {"id": {"B": b"\x00\xff"}} if name in ("Query", "Scan") and not repeat else f"t{number}"
                if name in ("Query", "Scan"):
                    page[token] = {"id": {"B": bytes([0 if repeat else number])}}
                elif repeat:
                    page[token] = "t"
        for key in config.get("non_aggregate_keys", ()):
            holder, _, leaf = key.rpartition(".")
            (page.setdefault(holder, {}) if holder else page)[leaf] = f"fixed-{number}"
        pages.append(page)
    return pages


def theirs(service: str, name: str, pages: list[dict[str, Any]], arguments: dict[str, Any]) -> list[Any]:
    source, again = Service(pages), Service(pages)
    model = operation(service, name)
    found = Theirs(source.answer, models(service)[name], model).paginate(**copy.deepcopy(arguments))
    seen: list[Any] = []
    try:
        # botocore changes the arguments of one dictionary from call to call.
        found._method = lambda **given: source.answer(**dict(given))
        seen.append([copy.deepcopy(page) for page in found])
        whole = Theirs(again.answer, models(service)[name], model).paginate(**copy.deepcopy(arguments))
        seen += [found.resume_token, whole.build_full_result()]
    except PaginationError as error:
        seen.append(str(error))
    return [*seen, source.calls]


async def ours(service: str, name: str, pages: list[dict[str, Any]], arguments: dict[str, Any]) -> list[Any]:
    source, again = Service(pages), Service(pages)
    model = operation(service, name)
    found = Paginator(service, model, source.call).paginate(**copy.deepcopy(arguments))
    seen: list[Any] = []
    try:
        seen.append([copy.deepcopy(page) async for page in found])
        whole = Paginator(service, model, again.call).paginate(**copy.deepcopy(arguments))
        seen += [found.resume_token, await whole.build_full_result()]
    except PaginationError as error:
        seen.append(str(error))
    return [*seen, source.calls]


@given(data=st.data())
def test_as_botocore_has_it(run: Run, data: st.DataObject) -> None:
    service, name = data.draw(st.sampled_from(PAGED))
    sizes = data.draw(st.lists(st.integers(0, 4) | st.none(), min_size=1, max_size=5))
    if name == "DescribeStream":
        # Its token is the last shard's id: a page without shards has none.
        sizes = [size or 1 for size in sizes]
    config: dict[str, Any] = {}
    most = data.draw(st.none() | st.integers(0, 12))
    if most is not None:
        config["MaxItems"] = data.draw(st.sampled_from([most, str(most)]))
    if data.draw(st.booleans()):
        config["PageSize"] = data.draw(st.sampled_from([3, "3"]))
    arguments: dict[str, Any] = {"PaginationConfig": config} if config else {}
    if name != "ListStreamConsumers":
        arguments["Other"] = "x"
    pages = pages_of(service, name, sizes)
    expected = theirs(service, name, pages, arguments)
    assert run(ours(service, name, pages, arguments)) == expected
    token = expected[1]
    if token is not None:
        # What one stopped at, the other resumes from.
        arguments.setdefault("PaginationConfig", {})["StartingToken"] = token
        assert run(ours(service, name, pages, arguments)) == theirs(service, name, pages, arguments)


@pytest.mark.parametrize("name", ["ListQueues", "ListDeadLetterSourceQueues"])
@pytest.mark.parametrize("token", ["plain", "None", "a___3", "a___x", "a___None", "___", "bm90IGpzb24="])
def test_starting_tokens_as_botocore_has_it(run: Run, name: str, token: str) -> None:
    pages = pages_of("sqs", name, [5, 2])
    arguments = {"PaginationConfig": {"StartingToken": token}}
    try:
        expected = theirs("sqs", name, pages, arguments)
    except (ValueError, AttributeError, TypeError):
        with pytest.raises((ValueError, TypeError)):
            run(ours("sqs", name, pages, arguments))
    else:
        assert run(ours("sqs", name, pages, arguments)) == expected


def test_starting_token_of_several_parts() -> None:
    assert starting_token("a___b___2", ["x", "y"]) == ({"x": "a", "y": "b"}, 2)
    # A service's own token that happens to be JSON in base64.
    assert starting_token("MTI=", ["x"]) == ({"x": "MTI="}, 0)
    assert starting_token("a", ["x", "y"]) == ({"x": "a", "y": None}, 0)
    with pytest.raises(ValueError, match="Bad starting token: a___b___c___d"):
        starting_token("a___b___c___d", ["x", "y"])


def test_the_same_token_twice(run: Run) -> None:
    for service, name in (("sqs", "ListQueues"), ("dynamodb", "Scan")):
        pages = pages_of(service, name, [1, 1, 1], repeat=True)
        found = run(ours(service, name, pages, {}))
        assert found == theirs(service, name, pages, {})
        assert "same next token" in found[0]


def test_two_rounds(run: Run) -> None:
    async def main() -> None:
        model = operation("sqs", "ListQueues")
        pages = pages_of("sqs", "ListQueues", [2, 1])
        source = Service(pages + pages)
        found = Paginator("sqs", model, source.call).paginate(QueueNamePrefix="q")
        assert [len(page["QueueUrls"]) async for page in found] == [2, 1]
        assert [len(page["QueueUrls"]) async for page in found] == [2, 1]
        first = {"QueueNamePrefix": "q"}
        assert source.calls == [first, {**first, "NextToken": "t0"}] * 2

    run(main())


def test_search(run: Run) -> None:
    async def main() -> None:
        model = operation("dynamodb", "Scan")
        pages = pages_of("dynamodb", "Scan", [2, 1])
        found = Paginator("dynamodb", model, Service(pages).call).paginate()
        assert [element async for element in found.search("Items[].ShardId")] == ["0-0", "0-1", "1-0"]
        found = Paginator("dynamodb", model, Service(pages).call).paginate()
        assert [element async for element in found.search("Count")] == [2, 1]

    run(main())


def test_kinesis_wants_a_token_alone(run: Run) -> None:
    async def main() -> None:
        pages: list[dict[str, Any]] = [{"Shards": [{"ShardId": "1"}], "NextToken": "t"}, {"Shards": [{"ShardId": "2"}]}]
        source = Service(pages)
        found = Paginator("kinesis", operation("kinesis", "ListShards"), source.call).paginate(
            StreamName="S", ShardFilter={"Type": "AT_LATEST"}
        )
        assert [shard async for shard in found.search("Shards[].ShardId")] == ["1", "2"]
        assert source.calls == [
            {"StreamName": "S", "ShardFilter": {"Type": "AT_LATEST"}},
            {"NextToken": "t", "ShardFilter": {"Type": "AT_LATEST"}},
        ]

    run(main())


def test_refusals() -> None:
    with pytest.raises(OperationNotPageableError):
        Paginator("sqs", operation("sqs", "SendMessage"), Service([]).call)
    with pytest.raises(OperationNotPageableError):
        Paginator("sts", operation("sts", "GetCallerIdentity"), Service([]).call)
    assert models("nothing") == {}
    paginator = Paginator("sqs", operation("sqs", "ListQueues"), Service([]).call)
    paginator._limit = None
    with pytest.raises(PaginationError, match="PageSize"):
        paginator.paginate(PaginationConfig={"PageSize": 1})


def test_reader() -> None:
    assert reader("a")({"a": 1}) == 1
    assert reader("a.b[-1]")({"a": {"b": [1, 2]}}) == 2
    assert reader("a")({}) is None
