"""bench.curve and bench.curves: what is asked of each point, how growth is told, what comes back from JSON."""

import json
from pathlib import Path

import pytest
from bench import curve, point
from bench.curve import CURVES, Measured, find_power, grow, judge
from bench.curves import choose_points, make_order, make_work, parse_arguments
from bench.rounds import Plan
from bench.sample import Sample
from bench.server import Server

PLAN = Plan(3, 0.5, 0.1)
SERVER = Server(8080, 8443, Path("authority.pem"))


def make_sample(micros: float) -> Sample:
    return Sample(1000, 1.0, micros * 1000 / 1e6)


@pytest.fixture
def measured() -> Measured:
    samples: dict[str, dict[int, list[Sample | None]]] = {
        "waiting": {50: [make_sample(10), make_sample(12), None], 200: [make_sample(22)] * 3},
        "size": {3: [None], 1000: [make_sample(10)], 10_000: [make_sample(150)]},
        "held-http": {100: [Sample(100, 1.0, 0.0, 100 * 4096, 100)]},
    }
    return Measured({"kernel": "Linux 1"}, {"nginx": "1"}, {"rounds": 3, "seconds": 0.5}, samples, ["size 3: lost"])


def test_growth_is_of_the_whole_work() -> None:
    assert grow(CURVES["origins"], (1, 10.0), (10, 11.0)) == (10, 11.0 * 10 / 10.0)
    assert grow(CURVES["size"], (1000, 10.0), (10_000, 50.0)) == (10, 5.0)


def test_power_of_growth() -> None:
    assert find_power(CURVES["size"], [(10, 1.0), (100, 3.0), (1000, 10_000.0)]) == pytest.approx(2.0)
    assert find_power(CURVES["concurrency"], [(10, 5.0), (1000, 5.0)]) == pytest.approx(1.0)
    assert find_power(CURVES["size"], [(10, 1.0)]) is None


def test_what_grows_faster_than_its_work_is_told() -> None:
    assert judge(CURVES["size"], [(10, 1.0), (100, 50.0)]) == "In all x10: x50, power 1.70: WORSE THAN LINEAR."
    assert judge(CURVES["size"], [(10, 1.0), (100, 10.0)]) == "In all x10: x10, power 1.00: no worse than linear."


def test_a_page_tells_each_point_and_its_growth(measured: Measured) -> None:
    page = curve.write_markdown(measured)
    assert "| 200 | 1,000 | 22 | 2.2 | x4: x8 |" in page
    assert "| 3 | - | - | - | - |" in page
    assert "| 10,000 | 1,000 | 150 | 15 | x10: x15 |" in page
    assert "| 100 | - | 4 | - | - |" in page
    assert "Too few points" in page
    assert "- size 3: lost" in page
    assert [len(panel.points) for panel in measured.panels()] == [2, 2, 1]


def test_figures_of_curves_come_back_from_json(measured: Measured) -> None:
    assert curve.read_json(json.loads(json.dumps(curve.write_json(measured)))) == measured


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("concurrency", 5000, (5000, 5000, 1, 3)),
        ("waiting", 5000, (5000, 50, 1, 3)),
        ("size", 10**8, (4, 4, 1, 10**8)),
        ("fields", 500, (50, 50, 1, 3)),
        ("origins", 1, (50, 50, 1, 3)),
        ("origins", 10, (50, 5, 10, 3)),
        ("origins", 10_000, (50, 1, 10_000, 3)),
    ],
)
def test_each_point_asks_for_what_varies(name: str, at: int, expected: tuple[int, int, int, int]) -> None:
    order = make_order(CURVES[name], at, PLAN, SERVER)
    assert (order.concurrency, order.connections, order.origins, order.size) == expected
    assert order.url == SERVER.locate(make_work(CURVES[name], at))


def test_fields_of_nginx_itself_are_among_the_fields() -> None:
    assert make_work(CURVES["fields"], 5).fields == 0
    assert make_work(CURVES["fields"], 500).fields == 495
    assert make_work(CURVES["origins"], 10).fields == 0


def test_each_origin_has_a_name() -> None:
    order = make_order(CURVES["origins"], 10, PLAN, SERVER)
    urls = point.locate(order)
    assert len(set(urls)) == 10
    assert urls[9] == "http://h9.bench:8080/3/0"


def test_arguments_of_curves() -> None:
    chosen = parse_arguments(["--curves", "size", "origins", "--short"])
    assert choose_points(chosen.curves, chosen.short) == {"size": (3, 1000), "origins": (1, 10)}
    assert choose_points(["size"], False) == {"size": CURVES["size"].points}
    assert parse_arguments([]).curves == list(CURVES)
    with pytest.raises(SystemExit):
        parse_arguments(["--curves", "teapots"])
