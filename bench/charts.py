"""Charts of the benchmarks: `python bench/charts.py` draws results/*.json as docs/*.svg.

Bars have their values, and longer is better. Lines are labeled at their ends.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
WIDTH, ROW, LEFT, RIGHT = 720, 30, 250, 70
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
  .ours { fill: #1a7f64 } .other { fill: #9aa4b0 } .limit { stroke: #1f2328; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .limit { stroke: #e6edf3 } .other { fill: #6e7681 } }
"""

LINE_STYLE = """
  polyline { fill: none; stroke-width: 2.5; stroke-linejoin: round } .grid { stroke: #9aa4b0; stroke-opacity: .4 }
  .line0 { stroke: #1a7f64 } .line1 { stroke: #b7791f } .line2 { stroke: #c53030 }
"""

Bar = tuple[str, float, bool]  # label, value, true for ours


def draw_chart(title: str, bars: Sequence[Bar], limit: float, unit: str) -> str:
    """Return an SVG whose full width represents `limit`."""
    height = ROW * (len(bars) + 2)
    room = WIDTH - LEFT - RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="10" y="20">{escape(title)}</text>',
    ]
    for index, (label, value, is_ours) in enumerate(bars):
        y = ROW * (index + 1) + 5
        side = "ours" if is_ours else "other"
        length = max(1.0, room * value / limit)
        text_x = LEFT + (room if length > 0.85 * room else length) + 6  # beside the line of the limit, not on it
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{side}" x="{LEFT}" y="{y}" width="{length:.1f}" height="20" rx="2"/>',
            f'<text x="{text_x:.1f}" y="{y + 15}">{value:.3g}{unit}</text>',
        ]
    end = LEFT + room
    bottom = ROW * (len(bars) + 1) + 2
    parts.append(f'<line class="limit" x1="{end}" y1="{ROW}" x2="{end}" y2="{bottom}"/>')
    parts.append(f'<text x="{end}" y="{bottom + 16}" text-anchor="middle">{limit:.3g}{unit}</text></svg>')
    return "\n".join(parts) + "\n"


Line = tuple[str, Sequence[tuple[float, float]]]  # label, points as shares of 0 to 1 of the two axes' ranges


def draw_lines(
    title: str, lines: Sequence[Line], axes: tuple[str, str], ticks: tuple[Sequence[str], Sequence[str]]
) -> str:
    """Return an SVG of lines. ticks: labels at equal distances on each axis, its ends included."""
    left, right, top, height = 60, 150, 56, 300
    room, bottom = WIDTH - left - right, top + height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 50}" role="img">',
        f"<style>{STYLE}{LINE_STYLE}</style>",
        f'<text class="title" x="10" y="20">{escape(title)}</text>',
    ]
    for index, label in enumerate(ticks[0]):
        x = left + room * index / (len(ticks[0]) - 1)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(label)}</text>')
    for index, label in enumerate(ticks[1]):
        y = bottom - height * index / (len(ticks[1]) - 1)
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{left + room}" y2="{y:.1f}"/>')
    for number, (label, points) in enumerate(lines):
        places = [(left + room * x, bottom - height * min(1.0, y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line{number}" points="{path}"/>')
        parts.append(f'<text x="{places[-1][0] + 8:.1f}" y="{places[-1][1] + 4:.1f}">{escape(label)}</text>')
    parts.append(f'<text x="{left + room / 2:.1f}" y="{bottom + 40}" text-anchor="middle">{escape(axes[0])}</text>')
    parts.append(f'<text x="{left + 6}" y="{top - 4}">{escape(axes[1])}</text></svg>')
    return "\n".join(parts) + "\n"


def draw_risk() -> str:
    """Return the chart of wrong blocks among those that `verify` is surest of."""
    highest = 0.2
    lines: list[Line] = []
    for rate, figures in load_results("witness")["calibration"].items():
        points = [(int(share.rstrip("%")) / 100, risk / highest) for share, risk in figures["curve"].items()]
        lines.append((f"{rate} planted", points))
    return draw_lines(
        "Wrong blocks among those with the highest confidence",
        lines,
        ("share of all blocks that is kept, highest confidence first", "share of wrong blocks among them"),
        (["0", "20%", "40%", "60%", "80%", "100%"], ["0", "5%", "10%", "15%", "20%"]),
    )


def load_results(name: str) -> dict[str, Any]:
    """Return the results of a benchmark."""
    results: dict[str, Any] = json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))
    return results


def draw_busy_share() -> str:
    """Return the chart of the engine's busy share."""
    bars: list[Bar] = []
    runs = {"double": "1 to 30 pages", "double, 1 to 3 pages": "1 to 3 pages", "double, 1 to 1 pages": "1 page"}
    for key, pages in runs.items():
        for side, name in (("ours", "this worker"), ("plain", "a plain handler")):
            share = median(run["busy_share"] for run in load_results("busy_share")[key][side])
            bars.append((f"{pages} a job, {name}", 100 * share, side == "ours"))
    return draw_chart("Share of the time in which the engine works", bars, 100, " %")


def draw_model_server() -> str:
    """Return the chart of the pages per second through a model server."""
    results = load_results("model_server")
    rates = results["pages_per_second"]
    bars = [("PaddleX serving", rates["PaddleX serving"], False), ("this worker", rates["ours, as it comes"], True)]
    return draw_chart("Pages a second through the same model server", bars, results["full_pages_per_second"], "")


def main() -> None:
    """Write the charts and print their paths."""
    charts = (("busy-share", draw_busy_share()), ("model-server", draw_model_server()), ("verify-risk", draw_risk()))
    for name, svg in charts:
        (DOCS / f"{name}.svg").write_text(svg, encoding="utf-8")
        print(DOCS / f"{name}.svg")


if __name__ == "__main__":
    main()
