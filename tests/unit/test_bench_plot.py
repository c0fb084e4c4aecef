"""bench.plot: what is drawn is well formed, has its figures beside it, and is the same each time."""

import math
import re
from xml.etree import ElementTree

import pytest
from bench.plot import Bar, Panel, draw_bars, draw_panels, show, show_short

BARS = [Bar("a <fast> one", "ours", 100_000, 8.0), Bar("slow & old", "peer", 50.0, 5139.2)]
SVG = "{http://www.w3.org/2000/svg}"


def read(text: str) -> tuple[ElementTree.Element, list[str]]:
    """The page, and its texts."""
    page = ElementTree.fromstring(text)
    return page, [found.text or "" for found in page.iter(f"{SVG}text")]


def test_bars_have_names_and_figures() -> None:
    page, texts = read(draw_bars("a work", BARS))
    assert {"a work", "a <fast> one", "100,000", "8", "slow & old", "50", "5,139"} <= set(texts)
    widths = [float(bar.attrib["width"]) for bar in page.iter(f"{SVG}rect")]
    assert widths[0] == 260
    assert widths[2] == 1.0
    assert widths[1] / widths[3] == pytest.approx(math.log10(8.0) / math.log10(5139.2), abs=0.01)


def test_panels_have_points_and_figures() -> None:
    panels = [Panel(f"curve {n}", "bytes", "us", [(3, 10.0), (1000, 12.5), (10**8, 100_000)]) for n in range(3)]
    page, texts = read(draw_panels("curves", panels))
    assert {"curve 0", "curve 2", "bytes", "us", "12.5", "100,000", "100M"} <= set(texts)
    assert len(list(page.iter(f"{SVG}circle"))) == 9
    left, top, width, height = map(float, page.attrib["viewBox"].split())
    spots = [(float(spot.attrib["cx"]), float(spot.attrib["cy"])) for spot in page.iter(f"{SVG}circle")]
    assert all(left < x < width and top < y < height for x, y in spots)


def test_a_panel_of_one_point() -> None:
    assert len(list(read(draw_panels("one", [Panel("a", "b", "c", [(100, 1.0)])]))[0].iter(f"{SVG}circle"))) == 1


def test_a_plot_is_the_same_each_time_and_suits_both_kinds_of_page() -> None:
    text = draw_bars("a work", BARS)
    assert text == draw_bars("a work", list(BARS))
    assert "prefers-color-scheme:dark" in text
    assert len(text) < 3000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


@pytest.mark.parametrize(
    ("value", "long", "short"),
    [
        (0.1, "0.1", "0.1"),
        (8.04, "8.04", "8.04"),
        (100, "100", "100"),
        (10_000, "10,000", "10k"),
        (1e6, "1,000,000", "1M"),
    ],
)
def test_figures_are_short(value: float, long: str, short: str) -> None:
    assert (show(value), show_short(value)) == (long, short)
