"""Waiters, with botocore's as the oracle, and a sleep that only counts."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterConfigError, WaiterError
from botocore.loaders import Loader
from botocore.waiter import NormalizedOperationMethod, WaiterModel
from botocore.waiter import Waiter as Theirs
from tests.conftest import Run

from async_keepalive_httpc.aws import waiters
from async_keepalive_httpc.aws.waiters import Waiter, explanation, matcher, models

ACTIVE = {"Table": {"TableStatus": "ACTIVE"}}
CREATING = {"Table": {"TableStatus": "CREATING"}}
ABSENT = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "DescribeTable")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "denied"}}, "DescribeTable")
DESTINATIONS = "KinesisDataStreamDestinations"


def destinations(*statuses: str) -> dict[str, Any]:
    return {DESTINATIONS: [{"DestinationStatus": status} for status in statuses]}


class Service:
    def __init__(self, answers: list[Any]) -> None:
        self._answers = list(answers)
        self.calls: list[dict[str, Any]] = []
        self.slept: list[float] = []

    def answer(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def call(self, **arguments: Any) -> Any:
        return self.answer(**arguments)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def theirs(service: str, name: str, answers: list[Any], arguments: dict[str, Any]) -> list[Any]:
    source = Service(answers)
    config = WaiterModel(Loader().load_service_model(service, "waiters-2")).get_waiter(name)
    outcome: Any = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.waiter.time.sleep", source.slept.append)
        try:
            Theirs(name, config, NormalizedOperationMethod(source.answer)).wait(**arguments)
        except WaiterError as error:
            outcome = (str(error), error.last_response)
    return [outcome, source.calls, source.slept]


async def ours(service: str, name: str, answers: list[Any], arguments: dict[str, Any]) -> list[Any]:
    source = Service(answers)
    config = next(config for config in models(service).values() if config["name"] == name)
    outcome: Any = None
    try:
        await Waiter(config, source.call, sleep=source.sleep).wait(**arguments)
    except WaiterError as error:
        outcome = (str(error), error.last_response)
    return [outcome, source.calls, source.slept]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("TableExists", [ACTIVE]),
        ("TableExists", [ABSENT, CREATING, ACTIVE]),
        ("TableExists", [ABSENT]),
        ("TableExists", [CREATING]),
        ("TableExists", [DENIED]),
        ("TableNotExists", [ACTIVE, ABSENT]),
        ("ExportCompleted", [{"ExportDescription": {"ExportStatus": "FAILED"}}]),
        ("ImportCompleted", [{}, {"ImportTableDescription": {"ImportStatus": "CANCELLED"}}]),
        ("KinesisStreamingDestinationActive", [destinations("ENABLING"), destinations("DISABLED", "ACTIVE")]),
        ("KinesisStreamingDestinationActive", [destinations(), destinations("DISABLED", "ENABLE_FAILED")]),
    ],
)
@pytest.mark.parametrize("config", [None, {"Delay": 1, "MaxAttempts": 3}, {"MaxAttempts": 1}])
def test_as_botocore_has_it(run: Run, name: str, answers: list[Any], config: dict[str, int] | None) -> None:
    arguments: dict[str, Any] = {"TableName": "T"}
    if config is not None:
        arguments["WaiterConfig"] = config
    assert run(ours("dynamodb", name, answers, dict(arguments))) == theirs("dynamodb", name, answers, dict(arguments))


def test_an_answer_without_the_member_is_no_match(run: Run) -> None:
    answers: list[Any] = [{}, destinations("ACTIVE")]
    assert run(ours("dynamodb", "KinesisStreamingDestinationActive", answers, {})) == [None, [{}, {}], [20]]


@pytest.mark.parametrize(
    "acceptor",
    [
        {"matcher": "status", "expected": 404},
        {"matcher": "error", "expected": True},
        {"matcher": "error", "expected": False},
        {"matcher": "error", "expected": "Gone"},
        {"matcher": "path", "argument": "Items[0]", "expected": 1},
        {"matcher": "pathAll", "argument": "Items", "expected": 1},
        {"matcher": "pathAny", "argument": "Items", "expected": 1},
    ],
)
def test_matchers_as_botocore_has_it(acceptor: dict[str, Any]) -> None:
    from botocore.waiter import AcceptorConfig

    theirs = AcceptorConfig({**acceptor, "state": "success"})
    assert explanation(acceptor) == theirs.explanation
    answers: list[dict[str, Any]] = [
        {"ResponseMetadata": {"HTTPStatusCode": 404}},
        {"ResponseMetadata": {"HTTPStatusCode": 200}, "Items": [1, 1]},
        {"Items": [1, 2]},
        {"Items": [2]},
        {"Items": []},
        {"Items": "1"},
        {"Error": {"Code": "Gone"}, "Items": [1]},
        {"Error": {"Code": "Other"}},
        {},
    ]
    for answer in answers:
        assert matcher(acceptor)(answer) == bool(theirs.matcher_func(answer)), answer


def test_every_waiter_of_botocore_compiles() -> None:
    loader = Loader()
    names = 0
    for service in loader.list_available_services("waiters-2"):
        for config in models(service).values():
            names += 1
            Waiter(config, Service([{}]).call)
    assert names > 200
    assert {"table_exists", "table_not_exists", "export_completed"} <= set(models("dynamodb"))
    assert models("sqs") == models("nothing") == {}
    assert repr(Waiter(models("kinesis")["stream_exists"], Service([{}]).call)) == "<Waiter StreamExists>"


def test_unknown_models_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WaiterConfigError, match="Unknown acceptor: moon"):
        matcher({"matcher": "moon", "expected": 1})

    class Newer:
        def load_service_model(self, service: str, kind: str) -> dict[str, Any]:
            return {"version": 3, "waiters": {}}

    monkeypatch.setattr(waiters, "loader", lambda path: Newer())
    with pytest.raises(WaiterConfigError, match="version 3"):
        models("a service of the future")
