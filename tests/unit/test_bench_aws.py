"""bench.aws: its works and their answers, the canned server, the adapters that need no peer, arguments, the report."""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from bench.aws import report, server
from bench.aws.clients import CONTENDERS, OPEN, Blocking, Target, expect
from bench.aws.command import find_lacking, measure, parse_arguments
from bench.aws.work import CANNED, WORKS
from bench.aws.worker import Order
from bench.report import Circumstances
from bench.rounds import MeasurementError, Plan, Results, ask_worker
from bench.sample import Sample, Spread, compare_costs
from bench.worker import WrongResponse
from tests.conftest import Run
from tests.live import node

from async_keepalive_httpc.aws import checks, model

SHORT = Plan(rounds=1, seconds=0.05, warmup=0.01)


def make_samples(*costs: float | None) -> list[Sample | None]:
    """Rounds of so many microseconds a call."""
    return [None if cost is None else Sample(1000, 1.0, cost / 1000) for cost in costs]


def test_costs_are_compared_within_rounds() -> None:
    assert compare_costs(make_samples(10, 20, None), make_samples(200, 500, 300)) == Spread(22.5, 20.0, 25.0)
    assert compare_costs(make_samples(10), ()) is None


@pytest.mark.parametrize("work", CANNED, ids=[work.name for work in CANNED])
def test_prepared_answers_pass_the_checks_of_every_client(work: Any) -> None:
    head, _, body = server.answer_work(work).partition(b"\r\n\r\n")
    fields = head.lower() + b"\r\n"
    assert int(server.read_field(fields, b"content-length")) == len(body)
    operation = model.load(work.service).operation(work.operation)
    assert operation.decode(body) == work.answer
    assert operation.encode(dict(work.parameters))
    stated = server.read_field(fields, b"x-amz-crc32")
    assert stated == (b"%d" % zlib.crc32(body) if work.service == "dynamodb" else b"")
    check = checks.SQS.get(work.operation)
    assert check is None or check(work.parameters, work.answer) is None


@pytest.mark.parametrize(
    ("head", "start"),
    [
        (b"x-amz-target: dynamodb_20120810.getitem\r\nauthorization: aws4-hmac-sha256 c", b"HTTP/1.1 200 "),
        (b"x-amz-target: dynamodb_20120810.getitem\r\nauthorization: basic c", b"HTTP/1.1 400 "),
        (b"x-amz-target: dynamodb_20120810.getitem", b"HTTP/1.1 400 "),
        (b"x-amz-target: dynamodb_20120810.scan\r\nauthorization: aws4-hmac-sha256 c", b"HTTP/1.1 400 "),
        (b"host: h\r\nauthorization: aws4-hmac-sha256 c", b"HTTP/1.1 400 "),
    ],
)
def test_the_server_answers_signed_works_only(head: bytes, start: bytes) -> None:
    assert server.choose_answer(b"post / http/1.1\r\n" + head + b"\r\n").startswith(start)


def test_ours_is_measured_on_every_work() -> None:
    with server.serve() as canned:
        for work in CANNED:
            sample = measure(CONTENDERS["ours"], work, SHORT, {"canned": canned})
            assert sample.requests > 0
            assert sample.connections == work.concurrency


def test_what_fails_is_told() -> None:
    order = asdict(Order("ours", "teapot", "http://h", 0.01, 0.05))
    with pytest.raises(MeasurementError, match="KeyError: 'teapot'"):
        ask_worker("bench.aws.worker", order, SHORT, {})


def test_emulators_that_are_missing_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_lacking(["canned"]) == {}
    monkeypatch.setattr(node, "FOLDER", tmp_path)
    assert list(find_lacking(["canned", "fauxqs"])) == ["fauxqs"]


def test_a_wrong_first_answer_is_refused() -> None:
    expect({"a": 1}, {"a": 1})
    with pytest.raises(WrongResponse, match=r"\{'a': 2\}, not \{'a': 1\}"):
        expect({"a": 1}, {"a": 2})


def test_blocking_clients_let_the_loop_turn(run: Run) -> None:
    class Client:
        def get_item(self, **parameters: Any) -> Any:
            return parameters

    async def main() -> None:
        turned = asyncio.Event()
        asyncio.get_running_loop().call_soon(turned.set)
        assert await Blocking(Client()).get_item(Key=1) == {"Key": 1}
        assert turned.is_set()

    run(main())


def test_every_contender_has_an_adapter() -> None:
    assert set(CONTENDERS) == set(OPEN)
    assert report.PEER in CONTENDERS
    assert [name for name in WORKS if CONTENDERS["aiodynamo"].suits(WORKS[name])] == [
        "get-item",
        "put-item",
        "query-100",
    ]
    assert Target(WORKS["send"], "http://h").arguments()["endpoint_url"] == "http://h"


def test_arguments() -> None:
    chosen = parse_arguments([])
    assert (chosen.works, chosen.clients, chosen.rounds) == (list(WORKS), list(CONTENDERS), 5)
    chosen = parse_arguments(["--works", "send", "--clients", "ours", "--rounds", "2", "--short"])
    assert (chosen.works, chosen.clients, chosen.rounds, chosen.short) == (["send"], ["ours"], 2, True)
    with pytest.raises(SystemExit):
        parse_arguments(["--works", "teapot"])


def test_goals_name_works_and_clients_that_exist() -> None:
    for goal in report.GOALS:
        assert CONTENDERS[goal.base].suits(WORKS[goal.work])


def test_the_report_tells_goals_missing_and_errors() -> None:
    samples = {"get-item": {"aiobotocore": make_samples(900, 700), "ours": make_samples(30, 30), "boto3": []}}
    results = Results(
        samples, {"aiodynamo": "aiodynamo", "dynalite": "there is no Node"}, ["GetItem: boto3: WrongResponse"]
    )
    page = report.write_markdown(results, Circumstances({"kernel": "Linux 1.2"}, {"botocore": "1"}, SHORT, report.PEER))
    assert "| 20 | 26.7 (23.3 to 30.0) | yes |" in page
    assert "| 5 | - | - |" in page
    assert "| ours, aws.client | 30 | 1,000 |" in page
    assert page.index("| ours, aws.client | 30") < page.index("| aiobotocore | 800")
    assert "- aiodynamo: aiodynamo is not installed\n- dynalite: there is no Node" in page
    assert "- GetItem: boto3: WrongResponse" in page
    assert json.dumps(page).isascii()
