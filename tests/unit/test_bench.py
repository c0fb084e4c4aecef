"""The pure parts of the bench: medians, ratios, tables, arguments, nginx's configuration."""

import asyncio
import itertools
import json
import re
import sys
from pathlib import Path

import bench.__main__
import pytest
from bench import report
from bench.clients import CONTENDERS, Contender
from bench.command import SHORT, parse_arguments
from bench.goal import GOALS
from bench.held import Held
from bench.machine import ROOT, choose_cpus, describe_machine, hide_paths, pin
from bench.rounds import MeasurementError, Plan, Results, ask_worker, find_missing, find_variables, read_answer
from bench.sample import Sample, Spread, compare_rates, find_median
from bench.server import ServerError, build_configuration, read_status
from bench.work import WORKS, Work
from bench.worker import Load, WrongResponse, measure
from tests.conftest import Run


def make_samples(*rates: float | None) -> list[Sample | None]:
    return [None if rate is None else Sample(int(rate * 2), 2.0, 1.0) for rate in rates]


def test_sample_tells_rate_and_cpu_per_request() -> None:
    sample = Sample(requests=1000, seconds=2.0, cpu_seconds=0.5)
    assert (sample.rate, sample.cpu_micros, sample.busy_percent) == (500.0, 500.0, 25.0)


def test_median_is_of_the_known_figures() -> None:
    assert find_median(make_samples(10, None, 30, 20), lambda sample: sample.rate) == 20
    assert find_median(make_samples(None), lambda sample: sample.rate) is None
    assert find_median(make_samples(10), lambda sample: sample.peak_bytes) is None


def test_ratios_are_taken_within_rounds() -> None:
    # The medians alone would say 200 / 100 = 2.
    assert compare_rates(make_samples(100, 200, 900), make_samples(100, 50, 300)) == Spread(3.0, 1.0, 4.0)


def test_rounds_without_both_sides_have_no_ratio() -> None:
    assert compare_rates(make_samples(100, None, 90), make_samples(None, 50, 30)) == Spread(3.0, 3.0, 3.0)
    assert compare_rates(make_samples(100), make_samples(None)) is None
    assert compare_rates(make_samples(100), ()) is None


def test_worker_answer_is_its_last_line() -> None:
    answer = '{"requests": 5, "seconds": 1.0, "cpu_seconds": 0.5, "peak_bytes": 7, "connections": null}'
    assert read_answer(f"noise\n{answer}\n", "") == Sample(5, 1.0, 0.5, 7)


@pytest.mark.parametrize(
    ("stdout", "stderr", "text"),
    [
        ('{"error": "WrongResponse: 404"}\n', "", "WrongResponse: 404"),
        ("", "Traceback\nValueError: bad\n", "the last it said: ValueError: bad"),
        ("", "", "nothing"),
        ("no json\n", "", "gave no answer"),
    ],
)
def test_worker_without_sample_is_an_error(stdout: str, stderr: str, text: str) -> None:
    with pytest.raises(MeasurementError, match=text):
        read_answer(stdout, stderr)


def test_connections_are_read_from_the_status_page() -> None:
    page = "Active connections: 1 \nserver accepts handled requests\n 52 52 283501 \nReading: 0 Writing: 1\n"
    assert read_status(page) == (1, 52)
    with pytest.raises(ServerError, match="404"):
        read_status("404 Not Found")


def test_configuration_serves_each_path_once() -> None:
    works = [Work("a", "a", 1), Work("b", "b", 50), Work("c", "c", 1, size=5000), Work("d", "d", 1, fields=2)]
    text = build_configuration(Path("/folder"), (8080, 8443), works, 1)
    assert text.count("location = /3/0 ") == 1
    assert 'location = /3/0 { return 200 "abc"; }' in text
    assert "location = /5000/0 { alias /folder/5000; }" in text
    assert text.count("add_header X-Field-") == 2
    assert "worker_cpu_affinity 10;" in text
    assert "affinity" not in build_configuration(Path("/folder"), (1, 2), [], None)
    assert "listen 127.0.0.1:8080;" in text
    assert "listen 127.0.0.1:8443 ssl;" in text


def test_arguments_have_defaults() -> None:
    chosen = parse_arguments([])
    assert (chosen.rounds, chosen.seconds, chosen.warmup, chosen.peer) == (3, 1.0, 0.25, "pyreqwest")
    assert chosen.works == ["small-50", "small-1", "https-50", "mib-8", "pipelined-50"]
    assert chosen.clients == list(CONTENDERS)
    assert (chosen.short, SHORT.rounds) == (False, 1)


def test_arguments_choose() -> None:
    chosen = parse_arguments(["--works", "mib-8", "--clients", "wrk", "floor", "--rounds", "5", "--seconds", ".5"])
    assert (chosen.works, chosen.clients, chosen.rounds, chosen.seconds) == (
        ["mib-8"],
        ["wrk", "floor"],
        5,
        0.5,
    )


def test_everything_runs_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    statuses = {"race": 1, "curves": 0}

    def run(name: str, arguments: list[str]) -> int:
        ran.append(name)
        return statuses.get(name, 0)

    monkeypatch.setattr(bench.__main__, "run", run)
    assert bench.__main__.main(["all"]) == 1
    assert set(ran) < set(bench.__main__.COMMANDS)
    statuses["curves"] = 130
    ran.clear()
    assert bench.__main__.main(["all"]) == 130
    assert ran == ["race", "curves"]
    assert bench.__main__.main(["inside"]) == 0
    assert bench.__main__.main(["--short"]) == 1
    assert ran[2:] == ["inside", "race"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rounds", "0"], "'0' is not a whole number of 1 or more"),
        (["--rounds", "-1"], "'-1' is not a whole number"),
        (["--rounds", "1.5"], "'1.5' is not a whole number"),
        (["--seconds", "0"], "'0' is not a number of seconds above 0"),
        (["--seconds", "nan"], "'nan' is not a number of seconds"),
        (["--warmup", "inf"], "'inf' is not a number of seconds"),
        (["--seconds", "soon"], "'soon' is not a number of seconds"),
        (["--works", "teapot"], "small-50"),
        (["--clients", "curl"], "tornado-curl"),
        (["--peer", "nobody"], "pyreqwest"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parse_arguments(arguments)
    assert refused.value.code == 2
    assert text in capsys.readouterr().err


def test_contenders_take_part_in_what_suits_them() -> None:
    single = Contender(name="a", title="a", settings="", most=1)
    secure = Contender(name="b", title="b", settings="", scheme="https")
    assert not Contender(name="c", title="c", settings="", longest=1000).suits(WORKS["mib-8"])
    assert [work.name for work in WORKS.values() if single.suits(work)] == ["small-1", "https-1"]
    assert [work.name for work in WORKS.values() if secure.suits(work)] == ["https-50", "https-1"]


def test_one_connection_is_for_those_that_pipeline() -> None:
    plain = Contender(name="a", title="a", settings="")
    both = Contender(name="b", title="b", settings="", pipeline=True)
    only = Contender(name="c", title="c", settings="", pipeline=True, pipeline_only=True)
    shared, apart = WORKS["pipelined-50"], WORKS["small-50"]
    assert [one.suits(shared) for one in (plain, both, only)] == [False, True, True]
    assert [one.suits(apart) for one in (plain, both, only)] == [True, True, False]


def test_a_home_of_its_own_is_looked_into() -> None:
    away = Contender(name="a", title="a", settings="", address="m:f", needs=("trustme",), home="no-such-folder")
    assert away.find_folders() == []
    assert away.find_missing() == "trustme"
    assert away.find_python().endswith("no-such-folder/bin/python")
    assert Contender(name="b", title="b", settings="").find_python() == sys.executable


def test_proxies_of_the_machine_are_not_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://p:1")
    monkeypatch.setenv("NO_PROXY", "x")
    order = {"client": "floor", "nonsense": 1}
    with pytest.raises(MeasurementError, match="nonsense"):
        ask_worker("bench.worker", order, Plan(1, 0.1, 0.1), {})
    assert not [name for name in find_variables() if name.lower().endswith("_proxy")]


def test_missing_modules_are_told() -> None:
    present = Contender(name="a", title="a", settings="", address="m:f", loop="asyncio", needs=("json",))
    absent = Contender(name="b", title="b", settings="", address="m:f", needs=("no_such_package.client",))
    assert find_missing([present, absent]) == {"b": "no_such_package.client"}


def test_goals_name_works_and_clients_that_exist() -> None:
    for goal in GOALS:
        assert CONTENDERS[goal.client].suits(WORKS[goal.work])
        assert CONTENDERS[goal.base].suits(WORKS[goal.work])
        assert WORKS[goal.work].by_default


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (3, "3"), (8.04, "8.0"), (99.96, "100.0"), (1234.6, "1,235")])
def test_numbers_are_shown(value: float | None, text: str) -> None:
    assert report.show_number(value) == text


def test_spreads_are_shown_with_digits_by_size() -> None:
    assert report.show_spread(Spread(0.614, 0.6, 0.65)) == "0.61 (0.60 to 0.65)"
    assert report.show_spread(Spread(412.3, 15.04, 0.00321)) == "412 (15.0 to 0.0032)"
    assert report.show_spread(None) == "-"


def test_work_table_has_the_fastest_first_and_both_ratios() -> None:
    clients = {
        "aiohttp": make_samples(100, 110),
        "wrk": make_samples(1000, 1100),
        "httpx": make_samples(None),
    }
    lines = report.tabulate_work(clients, "aiohttp").splitlines()
    assert lines[1] == "|" + " --- |" * 8
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| wrk -t1",
        "| aiohttp, uvloop",
        "| httpx, uvloop",
    ]
    assert lines[2].endswith("| 1,050 | 477 | 50 | - | - | 1.00 (1.00 to 1.00) | 10.0 (10.0 to 10.0) |")
    assert lines[4].endswith("| - | - | - | - | - | - | - |")


@pytest.fixture
def circumstances() -> report.Circumstances:
    return report.Circumstances({"kernel": "Linux 1.2"}, {"nginx": "1.0"}, Plan(2, 2.5, 0.5), "pyreqwest")


def test_report_tells_goals_missing_and_errors(circumstances: report.Circumstances) -> None:
    results = Results(
        {"small-50": {"request-uvloop": make_samples(50, 60), "wrk": make_samples(100, 100)}},
        {"httpx": "httpx"},
        ["small GET: aiohttp: WrongResponse"],
    )
    page = report.write_markdown(results, circumstances)
    assert "| 0.4 | 0.55 (0.50 to 0.60) | yes |" in page
    assert "| 0.55 | 0.55 (0.50 to 0.60) | yes |" in page
    assert "| 4.5 | - | - |" in page
    assert "memory" not in page.split("## Goals")[1]
    assert "- httpx, uvloop: httpx is not installed" in page
    assert "- small GET: aiohttp: WrongResponse" in page
    assert "2 interleaved rounds of 2.5 s" in page


def test_a_goal_may_be_reached_by_rate_alone() -> None:
    rounds = {"pipelined-uvloop": make_samples(95_000), "h2load": make_samples(950_000)}
    goals = report.tabulate_goals(Results({"pipelined-50": rounds}), {})
    assert "| 0.45, or 90,000 requests/s | 0.10 (0.10 to 0.10); 95,000/s | yes |" in goals
    rounds["pipelined-uvloop"] = make_samples(85_000)
    assert "85,000/s | no |" in report.tabulate_goals(Results({"pipelined-50": rounds}), {})


def test_memory_of_idle_connections_is_told_and_judged() -> None:
    held: Held = {"http": {"uvloop": 4096.0, "asyncio": 9000.0}, "https": {"uvloop": None}}
    goals = report.tabulate_goals(Results(), held)
    assert "| ours, uvloop | at most 8 KiB | 4.0 KiB | yes |" in goals
    assert "| ours, asyncio | at most 8 KiB | 8.8 KiB | no |" in goals
    assert "| https, uvloop | - |" in report.tabulate_held(held)


def test_figures_come_back_from_json(circumstances: report.Circumstances) -> None:
    results = Results({"small-50": {"wrk": [Sample(1, 2.0, 3.0, 4, 5), None]}}, {"httpx": "httpx"}, ["error"])
    document = json.loads(json.dumps(report.write_json(results, circumstances)))
    assert report.read_json(document) == (results, circumstances)


def test_json_holds_every_sample(circumstances: report.Circumstances) -> None:
    results = Results({"small-50": {"wrk": [Sample(1, 2.0, 3.0), None]}})
    document = json.loads(json.dumps(report.write_json(results, circumstances)))
    first, second = document["samples"]["small-50"]["wrk"]
    assert (first["requests"], second) == (1, None)
    assert document["plan"] == {"rounds": 2, "seconds": 2.5, "warmup": 0.5, "cpu": None}


def test_machine_facts_name_no_host() -> None:
    facts = describe_machine((0, 1))
    assert facts["pinning"] == "client on CPU 0 (with one request in flight: on any), nginx's worker on CPU 1"
    assert "not pinned" in describe_machine(None)["pinning"]
    assert facts["kernel"].split()[1].replace(".", "").isdigit()


def test_paths_of_the_machine_are_hidden() -> None:
    assert hide_paths(f"in {ROOT}/bench/x.py, {sys.prefix}/y") == "in (project)/bench/x.py, (python)/y"


def test_pinning_ends_with_its_block() -> None:
    cpus = choose_cpus()
    if cpus is not None:
        with pin(cpus[0]):
            assert choose_cpus() is None
    with pin(None):
        assert choose_cpus() == cpus
    assert choose_cpus() == cpus


class FakeSession:
    """A client that needs no server: it answers with the same pair each time."""

    def __init__(self, *answer: int) -> None:
        self.answer = answer

    async def fetch(self) -> tuple[int, int]:
        await asyncio.sleep(0)
        status, length = self.answer
        return status, length

    async def close(self) -> None:
        """Nothing is open."""


def test_measuring_counts_what_ends_within_the_window(run: Run) -> None:
    sample = run(measure(Load(FakeSession(200, 3).fetch, (200, 3)), 3, 0.01, 0.02))
    assert sample.requests > 0
    assert 1 << 20 < (sample.peak_bytes or 0) < 1 << 40


def test_a_window_is_open_until_something_has_ended(run: Run) -> None:
    session = FakeSession(200, 3)
    turns = itertools.count()

    async def fetch() -> tuple[int, int]:
        # The first three, one for each in flight, take longer than the window.
        await asyncio.sleep(0.1 if next(turns) < 3 else 0)
        return await session.fetch()

    sample = run(measure(Load(fetch, (200, 3)), 3, 0.01, 0.02))
    assert sample.requests > 0
    assert sample.seconds > 0.02


@pytest.mark.parametrize("answer", [(200, 4), (404, 3), (304, 0)])
def test_measuring_ends_at_a_wrong_response(run: Run, answer: tuple[int, int]) -> None:
    with pytest.raises(WrongResponse, match=re.escape(f"is {answer}, not (200, 3)")):
        run(measure(Load(FakeSession(*answer).fetch, (200, 3)), 3, 0.01, 0.02))
