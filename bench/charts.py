"""Draws results/*.json as docs/*.svg: `python bench/charts.py`. Bars only, longer is better, each with its figure."""

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

Bar = tuple[str, float, bool]  # what, figure, whether it is ours


def chart(title: str, bars: Sequence[Bar], limit: float, unit: str) -> str:
    """An SVG; the whole width stands for `limit`."""
    height = ROW * (len(bars) + 2)
    room = WIDTH - LEFT - RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="10" y="20">{escape(title)}</text>',
    ]
    for index, (what, figure, ours) in enumerate(bars):
        y = ROW * (index + 1) + 5
        length = max(1.0, room * figure / limit)
        told = LEFT + (room if length > 0.85 * room else length) + 6  # beside the line of the limit, not on it
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(what)}</text>',
            f'<rect class="{"ours" if ours else "other"}" x="{LEFT}" y="{y}" width="{length:.1f}" height="20" rx="2"/>',
            f'<text x="{told:.1f}" y="{y + 15}">{figure:.3g}{unit}</text>',
        ]
    end = LEFT + room
    bottom = ROW * (len(bars) + 1) + 2
    parts.append(f'<line class="limit" x1="{end}" y1="{ROW}" x2="{end}" y2="{bottom}"/>')
    parts.append(f'<text x="{end}" y="{bottom + 16}" text-anchor="middle">{limit:.3g}{unit}</text></svg>')
    return "\n".join(parts) + "\n"


def results(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def busy() -> str:
    bars: list[Bar] = []
    runs = {"double": "1 to 30 pages", "double, 1 to 3 pages": "1 to 3 pages", "double, 1 to 1 pages": "1 page"}
    for key, what in runs.items():
        for side, name in (("ours", "this worker"), ("plain", "a plain handler")):
            share = median(one["busy_share"] for one in results("busy_share")[key][side])
            bars.append((f"{what} a job, {name}", 100 * share, side == "ours"))
    return chart("Share of the time in which the engine works", bars, 100, " %")


def model_server() -> str:
    found = results("model_server")
    rates = found["pages_per_second"]
    bars = [("PaddleX serving", rates["PaddleX serving"], False), ("this worker", rates["ours, as it comes"], True)]
    return chart("Pages a second through the same model server", bars, found["full_pages_per_second"], "")


def main() -> None:
    for name, drawn in (("busy-share", busy()), ("model-server", model_server())):
        (DOCS / f"{name}.svg").write_text(drawn, encoding="utf-8")
        print(DOCS / f"{name}.svg")


if __name__ == "__main__":
    main()
