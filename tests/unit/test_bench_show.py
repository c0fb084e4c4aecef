"""bench.show: the report, the plots and README follow from the figures that are kept, to the byte."""

import json
import re
from pathlib import Path

import pytest
from bench import report, show
from bench.rounds import Plan, Results
from bench.sample import Sample


def test_each_page_is_what_the_figures_say() -> None:
    for path, text in show.render().items():
        assert path.read_text() == text, f"{path.name}: run python -m bench show"


def test_readme_names_results_that_are_there() -> None:
    names = re.findall(r"\]\((bench/results/[^)]+)\)", show.README.read_text())
    assert names
    assert [name for name in names if not (show.README.parent / name).exists()] == []


@pytest.fixture
def document() -> dict[str, object]:
    clients = ("wrk", "request-uvloop", "fetch-uvloop", "httpx")
    samples: dict[str, list[Sample | None]] = {name: [Sample(2000, 1.0, 0.5)] for name in clients}
    samples["httpx"] = [None]
    results = Results({"small-50": samples, "pipelined-50": {"h2load": [Sample(9, 1, 1)]}})
    machine = {"Python": "CPython 3", "processor": "two"}
    held: dict[str, dict[str, float | None]] = {"http": {"uvloop": 4096.0}, "https": {"uvloop": None}}
    return report.write_json(results, report.Circumstances(machine, {}, Plan(3, 1.2, 0.3), "pyreqwest", held))


def test_a_section_is_written_between_the_marks(tmp_path: Path, document: dict[str, object]) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    (tmp_path / "race.json").write_text(json.dumps(document))
    text = show.renew_readme(tmp_path, readme)[readme]
    assert text.startswith("before\n<!-- bench -->\n\nCPython 3 on two processors; medians of 3 interleaved")
    assert text.endswith("\n<!-- /bench -->\nafter\n")
    assert "| **Client.request, uvloop** | 2,000 | 250 | - | - | - |" in text
    assert "| httpx, uvloop | - | - | - | - | - |" in text
    assert "SimpleKeepAlive" not in text
    assert "pipelining" not in text
    assert "takes 4.0 KiB of memory" in text
    assert "old" not in text


def test_a_readme_without_its_marks_is_an_error(tmp_path: Path, document: dict[str, object]) -> None:
    (tmp_path / "race.json").write_text(json.dumps(document))
    readme = tmp_path / "README.md"
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="README.md has 0 places"):
        show.renew_readme(tmp_path, readme)


def test_figures_are_kept_with_their_pages(tmp_path: Path, document: dict[str, object]) -> None:
    show.write(tmp_path / "new", document, "race.json")
    assert json.loads((tmp_path / "new" / "race.json").read_text()) == json.loads(json.dumps(document))
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"race.json", "report.md", "small-50.svg", "pipelined-50.svg"}


def test_show_takes_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert show.main(["--help"]) == 2
    assert "no arguments" in capsys.readouterr().out
