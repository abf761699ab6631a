"""The results as a picture, an SVG drawn from results.json alone: throughput, HTTP, and the figures to reach."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.bench.entries import BARE
from tests.bench.report import noise

Results = Mapping[str, Any]
_WIDTH, _NAMES, _FIGURES = 1060, 380, 200
_ROW, _GAP = 24, 44
_COLOURS = {"ours": "#1f6f78", "rivals": "#9aa5b1", "good": "#2f855a", "bad": "#c05621"}
# White round the small letters, where they cross a line.
_STYLE = """
text{font-family:sans-serif;font-size:13px;fill:#1a202c}
.title{font-size:15px;font-weight:bold}
.small{font-size:11px;fill:#4a5568;paint-order:stroke;stroke:#ffffff;stroke-width:3px}
.mark{stroke:#1a202c;stroke-dasharray:3 3}
.range{stroke:#1a202c;stroke-width:1.5}
"""


@dataclass(frozen=True)
class Bar:
    """One line of a chart: how long, from where to where it varied, what is written beside it."""

    name: str
    value: float
    low: float
    high: float
    note: str
    colour: str


@dataclass(frozen=True)
class Chart:
    """Bars on one scale, with upright lines that have a name."""

    title: str
    bars: Sequence[Bar]
    lines: Mapping[str, float]

    @property
    def height(self) -> int:
        """Of the title, the names of the lines and the bars."""
        return _GAP + 18 * bool(self.lines) + _ROW * len(self.bars)

    def draw(self, top: int) -> Iterator[str]:
        """SVG elements, from `top` downwards."""
        most = max([bar.high for bar in self.bars] + list(self.lines.values()), default=1.0) or 1.0
        room = _WIDTH - _NAMES - _FIGURES
        yield f'<text x="20" y="{top + 20}" class="title">{escape(self.title)}</text>'
        start = top + self.height - _ROW * len(self.bars)
        for name, value in self.lines.items():
            x = _NAMES + room * value / most
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{start - 4}" y2="{top + self.height - 4}" class="mark"/>'
            yield f'<text x="{x:.1f}" y="{start - 8}" class="small" text-anchor="middle">{escape(name)}</text>'
        for place, bar in enumerate(self.bars):
            yield from _drawn(bar, start + _ROW * place, room / most)


def draw(results: Results) -> str:
    """The whole picture."""
    charts = [chart for chart in (_throughput(results), _serving(results), _targets(results)) if chart.bars]
    top, parts = 60, list[str]()
    for chart in charts:
        parts += chart.draw(top)
        top += chart.height + 20
    size = f'width="{_WIDTH}" height="{top + 10}"'
    machine = results["machine"]
    about = f"{machine['processor']}, {machine['cores']} cores, {results['measured_at']}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {top + 10}">',
        f'<style>{_STYLE}</style><rect {size} fill="#ffffff"/>',
        f'<text x="20" y="30" class="small">{escape(about)}</text>',
        f'<text x="20" y="46" class="small">{escape(noise(results))}</text>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawn(bar: Bar, top: float, scale: float) -> Iterator[str]:
    middle = top + _ROW / 2 - 3
    low, high = (_NAMES + scale * value for value in (bar.low, bar.high))
    yield f'<text x="{_NAMES - 10}" y="{middle + 4}" text-anchor="end">{escape(bar.name)}</text>'
    yield (
        f'<rect x="{_NAMES}" y="{top}" width="{max(1.0, scale * bar.value):.1f}" height="{_ROW - 7}"'
        f' fill="{bar.colour}"/>'
    )
    yield f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" class="range"/>'
    end = max(high, _NAMES + scale * bar.value)
    yield f'<text x="{end + 8:.1f}" y="{middle + 4}" class="small">{escape(bar.note)}</text>'


def _throughput(results: Results) -> Chart:
    present = [one for one in results["throughput"] if one["rate"] and one["group"] != "sky"]
    # spaCy's own small network is no encoder, and would make all others look alike.
    shown = [one for one in present if one["name"] != "spacy"]
    bars = [_bar(one["title"], one["rate"], _COLOURS[one["group"]]) for one in shown]
    lines = {f"roof, {one['title']}": one["rate"]["median"] for one in shown if one["name"] == BARE}
    return Chart("Comments a processor second, one thread (median, least to greatest round)", bars, lines)


def _serving(results: Results) -> Chart:
    bars, lines = [], {}
    for server in results["serving"]:
        cell = server["cells"].get("c32")
        if cell:
            colour = _COLOURS["ours" if server["name"] == "listenwell" else "rivals"]
            bars.append(
                _bar(server["title"], cell["wall_rate"], colour, f", p99 {cell['p99']['median']:,.0f} ms")
            )
        if server["name"] == "listenwell" and server["bare"]:
            lines["bare encoder, one thread"] = server["bare"]["median"]
    cores = len(results["terms"]["server_cores"]) or results["machine"]["cores"]
    title = f"HTTP, single comments over 32 connections: comments a second on {cores} core(s) of the server"
    return Chart(title, bars, lines)


def _targets(results: Results) -> Chart:
    bars = []
    for one in results["targets"]:
        if one["found"] is None:
            continue
        found, limit = one["found"]["median"], one["limit"]
        share = found / limit if one["at_least"] else limit / max(found, limit / 2)
        note = f"{found:.4g} {one['unit']} of {'at least' if one['at_least'] else 'at most'} {limit:g}"
        shown = min(share, 2.0)
        bars.append(
            Bar(one["title"], shown, shown, shown, note, _COLOURS["good" if one["reached"] else "bad"])
        )
    return Chart(
        "Figures to reach: how much of what is wanted was found (cut off at twice)", bars, {"wanted": 1.0}
    )


def _bar(name: str, spread: Mapping[str, Any], colour: str, more: str = "") -> Bar:
    note = f"{spread['median']:,.0f} ({spread['low']:,.0f}–{spread['high']:,.0f}){more}"
    return Bar(name, spread["median"], spread["low"], spread["high"], note, colour)
