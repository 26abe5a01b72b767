"""The numbers of blocks in PaddleX's responses.

Within a page, a block has an id, a place in the reading order, and a group. Over all pages, it has another id and
another group, which joins the parts of a table. Pure: no input or output; only `add_global_numbers` changes its
arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Blocks = list[dict[str, Any]]

# Labels without a number in the reading order (paddlex 3.7.2, `SKIP_ORDER_LABELS`).
_LABELS_WITHOUT_ORDER = {
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


def block_orders(blocks: Blocks, ignored_labels: Collection[str]) -> list[int | None]:
    """Return `block_order` of each block, or None.

    ignored_labels: labels that the Markdown leaves out; their blocks have no order.
    """
    orders: list[int | None] = []
    count = 0
    for block in blocks:
        is_counted = block["block_label"] not in _LABELS_WITHOUT_ORDER and block["block_label"] not in ignored_labels
        count += is_counted
        orders.append(count if is_counted else None)
    return orders


def number_blocks(blocks: Blocks, ignored_labels: Collection[str]) -> Blocks:
    """Return a page's blocks with `block_id`, `block_order` and `group_id`; an existing `group_id` is kept."""
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
        for number, (block, order) in enumerate(zip(blocks, block_orders(blocks, ignored_labels), strict=True))
    ]


def add_global_numbers(pages: Sequence[Blocks], continuations: Sequence[bool]) -> None:
    """Add `global_block_id` and `global_group_id` to the blocks, in place.

    continuations: for each page, True if its first table continues the last table of the page before. The two tables
    then share a group.
    """
    number = 0
    last_group: int | None = None
    for blocks, is_continued in zip(pages, continuations, strict=True):
        tables = [block for block in blocks if block["block_label"] == "table"]
        for block in blocks:
            block |= {"global_block_id": number, "global_group_id": number}
            number += 1
        if is_continued and tables and last_group is not None:
            tables[0]["global_group_id"] = last_group
        last_group = tables[-1]["global_group_id"] if tables else None
