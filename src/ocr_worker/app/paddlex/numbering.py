"""The numbers that PaddleX gives blocks: of the block, its order, its group, and over all pages. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Blocks = list[dict[str, Any]]

# Labels that have no number in the reading order (paddlex 3.7.2, `SKIP_ORDER_LABELS`).
_WITHOUT_ORDER = {
    "figure_title",
    "vision_footnote",
    "image",
    "chart",
    "table",
    "header",
    "header_image",
    "footer",
    "footer_image",
    "footnote",
    "aside_text",
}


def ordered(blocks: Blocks, ignored: Collection[str]) -> list[int | None]:
    """`block_order` of each block; ignored: labels that are left out of the Markdown, and have none either."""
    orders: list[int | None] = []
    count = 0
    for block in blocks:
        counts = block["block_label"] not in _WITHOUT_ORDER and block["block_label"] not in ignored
        count += counts
        orders.append(count if counts else None)
    return orders


def numbered(blocks: Blocks, ignored: Collection[str]) -> Blocks:
    """The blocks of a page with `block_id`, `block_order` and `group_id`, which is kept where it is there."""
    return [
        {
            "block_label": block["block_label"],
            "block_content": block["block_content"],
            "block_bbox": block["block_bbox"],
            "block_id": number,
            "block_order": order,
            "group_id": number if block.get("group_id") is None else block["group_id"],
            **{name: block[name] for name in ("global_block_id", "global_group_id") if name in block},
            **{name: block[name] for name in ("block_polygon_points",) if name in block},
        }
        for number, (block, order) in enumerate(zip(blocks, ordered(blocks, ignored), strict=True))
    ]


def tables_joined(pages: Sequence[Blocks], continued: Sequence[bool]) -> None:
    """Gives the blocks `global_block_id` and `global_group_id`, in place.

    continued: whether the page's first table is the rest of the last one of the page before, whose group it shares.
    """
    number = 0
    last_group: int | None = None
    for blocks, goes_on in zip(pages, continued, strict=True):
        tables = [block for block in blocks if block["block_label"] == "table"]
        for block in blocks:
            block |= {"global_block_id": number, "global_group_id": number}
            number += 1
        if goes_on and tables and last_group is not None:
            tables[0]["global_group_id"] = last_group
        last_group = tables[-1]["global_group_id"] if tables else None
