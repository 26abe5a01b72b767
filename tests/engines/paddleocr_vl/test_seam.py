"""The seam in PaddleX's own pipeline: its contract, the crops that are read, and the places of the answers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from ocr_worker.engines.paddleocr_vl import frameworks
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.paddleocr_vl.seam import Seam
from ocr_worker.pages import PageImage, ParsedPage
from support import tinyvl
from support.arranged import ArrangedPipeline, Layout, Reader, Region

pytestmark = pytest.mark.paddle

LOOP = "The river rose. " + "and then again " * 20

# A merged group, of which the second block is beside the first; a table with a figure inside; a title.
LEFT: Region = ("text", (50, 200, 450, 700))
RIGHT: Region = ("text", (500, 150, 900, 600))
TITLE: Region = ("doc_title", (50, 20, 900, 100))
TABLE: Region = ("table", (50, 750, 900, 1100))
FIGURE: Region = ("image", (100, 800, 300, 1000))


def page(number: int = 1) -> PageImage:
    return PageImage(number, np.full((1200, 1000, 3), 200 + number, np.uint8))


def engine_of(pipeline: ArrangedPipeline) -> Any:
    from ocr_worker.engines.paddleocr_vl.adapter import PaddleOcrVl

    settings = tinyvl.settings(retry_repetition=True)
    return PaddleOcrVl(pipeline, settings, frameworks.load(settings))


def number_of(crop: Mapping[str, Any]) -> int:
    """Return the number of the page that a crop is from, by its color."""
    return int(np.asarray(crop["image"])[3, 3, 0]) - 200


class Texts:
    """A page's texts, by the label of the block. blocks: those of the last call."""

    def __init__(self, **by_label: str) -> None:
        self.by_label = by_label
        self.blocks: list[Mapping[str, Any]] = []

    def texts(self, blocks: Sequence[Mapping[str, Any]], quarters: int) -> dict[int, str]:
        self.blocks = list(blocks)
        return {i: self.by_label[block["label"]] for i, block in enumerate(blocks) if block["label"] in self.by_label}

    def fix_table(self, block: int, html: str) -> str:
        return html.replace("7", "1")


# --------------------------------------------------------------------------- the contract


def test_the_three_methods() -> None:
    """The methods that the seam replaces have the parameters that it passes on."""
    from paddlex.inference.pipelines.paddleocr_vl.pipeline import _PaddleOCRVLPipeline as Inner

    parameters = {
        "_paddleocr_vl_aggregate_vlm_batches": ["self", "page_results"],
        "_paddleocr_vl_run_vl_recognition_batches": ["self", "batch_dict_by_pixel", "has_spotting", "vlm_kwargs"],
        "_paddleocr_vl_assemble_parsing_results": [
            "self",
            "blocks",
            "batch_dict_by_pixel",
            "id2pixel_key_map",
            "drop_figures_set",
            "vis_image_labels",
        ],
    }
    assert {name: list(inspect.signature(getattr(Inner, name)).parameters) for name in parameters} == parameters


def test_what_passes_the_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops come by pixel limits, in the order of pages and blocks; their lists are aligned with the block ids."""
    calls: list[Any] = []

    def watched(self: Seam, batches: dict[Any, Any], has_spotting: bool, arguments: Any) -> None:
        calls.append(
            {
                key: {name: list(values) for name, values in batch.items() if name != "curr_vlm_block_idx"}
                for key, batch in batches.items()
            }
        )
        run(self, batches, has_spotting, arguments)

    run = Seam._run
    monkeypatch.setattr(Seam, "_run", watched)
    layout = Layout([TITLE, LEFT, RIGHT, TABLE, FIGURE], [LEFT, FIGURE, TITLE])
    engine = engine_of(ArrangedPipeline(layout, Reader(lambda crop: "read")))
    engine.parse([page(1), page(2)], PaddleOcrVlOptions(vlm_extra_args={"table_max_pixels": 500_000}))
    (batches,) = calls
    assert list(batches) == [(112_896, 1_003_520), (112_896, 500_000)]
    usual, tables = batches.values()
    assert list(usual) == list(tables) == ["images", "queries", "figure_token_maps", "vlm_block_ids"]
    assert usual["vlm_block_ids"] == [(0, 0), (0, 1), (1, 0), (1, 2)]
    assert usual["queries"] == ["OCR:"] * 4
    assert tables["vlm_block_ids"] == [(0, 3)]
    assert [*tables["figure_token_maps"][0].values()] == ["imgs/img_in_image_box_100_800_300_1000.jpg"]


def test_blocks_of_a_merged_group() -> None:
    """The first block of a merged group holds the joined picture and the group's number, the others no picture."""
    texts = Texts()
    pipeline = ArrangedPipeline(Layout([TITLE, LEFT, RIGHT]), Reader(lambda crop: "read"))
    seam = engine_of(pipeline)._seam
    call = seam.begin([texts])
    list(pipeline.predict([page().pixels], use_queues=False))
    assert [(block["label"], block.get("group_id"), block["img"] is not None) for block in texts.blocks] == [
        ("doc_title", 0, True),
        ("text", 1, True),
        ("text", 1, False),
    ]
    assert all({"box", "polygon_points"} <= block.keys() for block in texts.blocks)
    assert (call.pages[0].crops, call.pages[0].crops_read) == (2, 2)


# --------------------------------------------------------------------------- texts instead of readings


def results(
    pipeline: ArrangedPipeline, seam: Seam, *texts: Texts | None, **arguments: Any
) -> list[list[tuple[str, str, str]]]:
    """Return label, content and origin of the blocks of as many pages as there are texts."""
    seam.begin(texts)
    pages = [page(number + 1).pixels for number in range(len(texts))]
    return [
        [(region.label, region.content, region.text_source) for region in result["parsing_res_list"]]
        for result in pipeline.predict(pages, use_queues=False, **arguments)
    ]


def test_texts_take_the_places_of_answers() -> None:
    """Of two pages with two pixel limits, the model reads what has no text, and every text reaches the right block."""
    reader = Reader(lambda crop: f"read on {number_of(crop)}")
    layout = Layout([TITLE, LEFT, RIGHT, TABLE, FIGURE], [LEFT, FIGURE, TITLE])
    pipeline = ArrangedPipeline(layout, reader)
    seam = engine_of(pipeline)._seam
    first, second = results(
        pipeline,
        seam,
        Texts(text="cost: $5 \\(net\\)"),
        Texts(doc_title="Title"),
        vlm_extra_args={"table_max_pixels": 9**6},
    )
    assert first == [
        ("doc_title", "read on 1", "picture"),
        ("text", "cost: $5 \\(net\\)", "text_layer"),
        ("text", "", "picture"),
        ("table", "read on 1", "picture"),
    ]
    assert second == [
        ("text", "read on 2", "picture"),
        ("image", "", "picture"),
        ("doc_title", "Title", "text_layer"),
    ]
    assert [[crop["query"] for crop in call] for call in reader.calls] == [["OCR:", "OCR:"], ["Table Recognition:"]]


def test_texts_are_not_repaired() -> None:
    """A text of the file that looks like repetition or formulas stays as it is."""
    text = LOOP + r"$5 \(a\) \[b\]"
    pipeline = ArrangedPipeline(Layout([LEFT]), Reader(lambda crop: ""))
    assert results(pipeline, engine_of(pipeline)._seam, Texts(text=text)) == [[("text", text, "text_layer")]]


def test_a_page_without_crops_is_not_sent() -> None:
    """If no block of a call must be read, the model is not called."""
    reader = Reader(lambda crop: "read")
    pipeline = ArrangedPipeline(Layout([LEFT, RIGHT], [TITLE]), reader)
    assert results(pipeline, engine_of(pipeline)._seam, Texts(text="a"), Texts(doc_title="b")) == [
        [("text", "a", "text_layer"), ("text", "", "picture")],
        [("doc_title", "b", "text_layer")],
    ]
    assert reader.calls == []


class Damaged(Texts):
    """A text layer that cannot be used."""

    def texts(self, blocks: Sequence[Mapping[str, Any]], quarters: int) -> dict[int, str]:
        raise ValueError("damaged")

    def fix_table(self, block: int, html: str) -> str:
        raise ValueError("damaged")


def test_a_damaged_text_layer_costs_nothing() -> None:
    """A page whose text layer raises an error is read by the model."""
    pipeline = ArrangedPipeline(Layout([LEFT, TABLE], [LEFT]), Reader(lambda crop: "<fcel>7<nl>"))
    first, second = results(pipeline, engine_of(pipeline)._seam, Damaged(), Texts(text="text of the file"))
    assert [source for _, _, source in first] == ["picture", "picture"]
    assert second == [("text", "text of the file", "text_layer")]


def test_a_figure_in_a_table_of_another_page() -> None:
    """A figure that is inside a table on one page stays on a page with the same figure and no table."""

    def parse(layout: Layout) -> list[ParsedPage]:
        reader = Reader(lambda crop: "<fcel>[F2]<nl>" if crop["query"] == "Table Recognition:" else "read")
        parsed: list[ParsedPage] = engine_of(ArrangedPipeline(layout, reader)).parse(
            [page(1), page(2)], PaddleOcrVlOptions()
        )
        assert len(reader.calls) == 1
        return parsed

    with_table, without = parse(Layout([TABLE, FIGURE], [FIGURE, TITLE]))
    assert [block.label for block in with_table.blocks] == ["table"]
    assert [block.label for block in without.blocks] == ["image", "doc_title"]
    assert [figure.name for figure in without.figures] == ["page-2-figure-1.jpg"]


# --------------------------------------------------------------------------- repetition


def test_a_repeating_crop_costs_one_retry() -> None:
    """With a repeating crop among eight pages, the model reads every crop and one retry, and that page alone warns."""
    reader = Reader(lambda crop: LOOP if number_of(crop) == 5 and crop["image"].shape[0] == 80 else "fine")
    engine = engine_of(ArrangedPipeline(Layout(*[[TITLE, LEFT, TABLE]] * 8), reader))
    parsed = engine.parse([page(number) for number in range(1, 9)], PaddleOcrVlOptions())
    assert len(reader.crops) == 8 * 3 + 1
    assert [crop["query"] for crop in reader.calls[1]] == ["OCR:"]
    assert [[warning.code for warning in each.warnings] for each in parsed] == [
        ["REPETITION"] if number == 5 else [] for number in range(1, 9)
    ]


def test_repetition_is_counted_beside_texts() -> None:
    """Blocks whose text is in the file do not shift the count of repetitions to another page."""
    reader = Reader(lambda crop: LOOP if number_of(crop) == 3 else "fine")
    pipeline = ArrangedPipeline(Layout([TITLE, LEFT], [LEFT], [TITLE, LEFT]), reader)
    seam = engine_of(pipeline)._seam
    call = seam.begin([Texts(text="a", doc_title="b"), None, Texts(text="c")])
    list(pipeline.predict([page(number).pixels for number in (1, 2, 3)], use_queues=False))
    assert [(count.crops, count.crops_read, count.repetitions) for count in call.pages] == [
        (2, 0, 0),
        (1, 1, 0),
        (2, 1, 1),
    ]
