"""Charts of the benchmarks: `python bench/charts.py` draws results/*.json as docs/*.svg.

There are only bars; longer is better, and each has its value.
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
    for name, svg in (("busy-share", draw_busy_share()), ("model-server", draw_model_server())):
        (DOCS / f"{name}.svg").write_text(svg, encoding="utf-8")
        print(DOCS / f"{name}.svg")


if __name__ == "__main__":
    main()
