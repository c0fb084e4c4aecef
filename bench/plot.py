"""Plots as SVG text: bars of one work, lines of cost curves. Pure.

Refuses to be a plotting library: two kinds of plot, drawn alike for alike figures, to the byte. Called by the report's
writer. Law: readable on a light and on a dark page; every bar and every point has its figure written beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-size:14px;font-weight:600}.s{fill:#57606a}"
    ".e{text-anchor:end}.m{text-anchor:middle}.g{stroke:#8c959f;stroke-opacity:.35;fill:none}"
    ".ours{fill:#2f81f7}.limit{fill:#8c959f}.peer{fill:#d4863a}"
    ".l{fill:none;stroke:#2f81f7;stroke-width:2}"
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9da7b1}}"
)
ROW: Final = 22
NAMES: Final = 300
BARS: Final = 260
FIGURE: Final = 70
GAP: Final = 24
TOP: Final = 62


@dataclass(frozen=True, slots=True)
class Bar:
    """One client: its name, what it is ("ours", "peer" or "limit"), and its two figures."""

    name: str
    kind: str
    rate: float
    micros: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One line between two axes, both logarithmic."""

    title: str
    across: str
    up: str
    points: Sequence[tuple[float, float]]


def draw_bars(title: str, bars: Sequence[Bar]) -> str:
    """Requests/s (bars) and CPU us/request (bars, a decade as long as every other) of each client."""
    width = NAMES + 2 * (BARS + FIGURE) + GAP
    height = TOP + ROW * len(bars) + 10
    second = NAMES + BARS + FIGURE + GAP
    parts = [
        _text(10, 22, title, "t"),
        _text(NAMES, 48, "requests/s", "s"),
        _text(second, 48, "CPU us/request, logarithmic", "s"),
    ]
    most = max(bar.rate for bar in bars)
    decades = _decades([bar.micros for bar in bars])
    for number, bar in enumerate(bars):
        y = TOP + ROW * number
        parts.append(_text(NAMES - 8, y + 12, bar.name, "e"))
        share = (math.log10(bar.micros) - decades[0]) / (decades[1] - decades[0])
        for x, length, figure in ((NAMES, bar.rate / most, bar.rate), (second, share, bar.micros)):
            parts.append(_bar(x, y, max(1.0, BARS * length), bar.kind))
            parts.append(_text(x + max(1.0, BARS * length) + 5, y + 12, show(figure)))
    return _page(width, height, parts)


def draw_panels(title: str, panels: Sequence[Panel]) -> str:
    """Panels of lines, two in a row."""
    wide, high = 440, 270
    rows = (len(panels) + 1) // 2
    parts = [_text(10, 22, title, "t")]
    for number, panel in enumerate(panels):
        parts += _draw_panel(panel, 20 + wide * (number % 2), 40 + high * (number // 2))
    return _page(20 + 2 * wide, 40 + rows * high, parts)


def _draw_panel(panel: Panel, left: float, top: float) -> list[str]:
    width, height = 330.0, 170.0
    x0, y0 = left + 50, top + 34
    across, up = (_decades([point[axis] for point in panel.points]) for axis in (0, 1))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = (math.log10(point[0]) - across[0]) / (across[1] - across[0])
        y = (math.log10(point[1]) - up[0]) / (up[1] - up[0])
        return x0 + width * x, y0 + height * (1 - y)

    parts = [_text(left, top + 8, panel.title), _text(left, top + 24, panel.up, "s")]
    for decade in range(across[0], across[1] + 1):
        x = place((10.0**decade, 10.0 ** up[0]))[0]
        parts.append(f'<path class="g" d="M{x:.1f} {y0:.1f}v{height:.1f}"/>')
        parts.append(_text(x, y0 + height + 15, show_short(10**decade), "s m"))
    for decade in range(up[0], up[1] + 1):
        y = place((10.0 ** across[0], 10.0**decade))[1]
        parts.append(f'<path class="g" d="M{x0:.1f} {y:.1f}h{width:.1f}"/>')
        parts.append(_text(x0 - 5, y + 4, show_short(10**decade), "s e"))
    parts.append(_text(x0 + width / 2, y0 + height + 31, panel.across, "s m"))
    spots = [place(point) for point in panel.points]
    parts.append(f'<path class="l" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in spots)}"/>')
    parts += [f'<circle class="ours" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in spots]
    for (x, y), (_, figure) in zip(spots, panel.points, strict=True):
        parts.append(_text(x, y - 8, show(figure), "m"))
    return parts


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around these values."""
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def show(value: float) -> str:
    """Three digits, or all that are before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show_short(value: float) -> str:
    """A power of ten: 100, 10k, 1M; 0.1."""
    for size, letter in ((10**6, "M"), (1000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}>{escape(text)}</text>'


def _bar(x: float, y: float, length: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{length:.1f}" height="16" rx="2"/>'


def _page(width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
    return "\n".join([f'{head} height="{height:g}">', f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"
