"""From PaddleX's own result objects to ours."""

from __future__ import annotations

import base64
import io
from concurrent.futures import Future
from typing import Any

import pytest
from PIL import Image

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.convert import parsed_page
from ocr_worker.pages import ParsedPage
from ocr_worker.wire.schema import Block
from support.interleaving import WatchedLock, meanwhile
from support.planned import block, result

pytestmark = pytest.mark.paddle

CROP = Image.new("RGB", (40, 30), (200, 0, 0))
HEAD = "<tr><td>Gauge</td><td>Lowest</td></tr>"


def convert(*blocks: object, number: int = 1, **arguments: object) -> ParsedPage:
    return parsed_page(result(*blocks, **arguments), number, has_inline_figures=False, merge_options={})  # type: ignore[arg-type]


def table(*rows: str) -> str:
    return f"<table>{HEAD}{''.join(rows)}</table>"


def row(name: str, value: str) -> str:
    return f"<tr><td>{name}</td><td>{value}</td></tr>"


def test_merged_blocks_become_one() -> None:
    """The empty block that merging leaves is dropped, and its box united with the block that took its text."""
    parsed = convert(
        block("text", (10, 10, 200, 300), "left and right", group=0),
        block("text", (220, 20, 400, 310), "", group=0),
        block("text", (10, 400, 400, 500), "below", group=2),
    )
    assert parsed.blocks == [
        Block(label="text", content="left and right", bbox=(10, 10, 400, 310)),
        Block(label="text", content="below", bbox=(10, 400, 400, 500)),
    ]
    assert parsed.markdown == "left and right\n\nbelow"


def test_an_empty_block_of_its_own_stays() -> None:
    """A region that was found but in which nothing was read is kept: it was not merged into another."""
    parsed = convert(block("text", (0, 0, 50, 20), "", group=0), block("text", (0, 40, 50, 60), "", group=1))
    assert len(parsed.blocks) == 2


def test_a_figure_is_the_crop_of_its_whole_box() -> None:
    """A figure that was also cut out along a polygon has the picture of the pipeline's own Markdown."""
    cut = Image.new("RGB", (40, 30), (0, 200, 0))
    path = "imgs/img_in_image_box_0_0_40_30.jpg"
    page = result(
        block("image", (0, 0, 40, 30), crop=cut), in_tables=[{"path": path, "img": CROP, "coordinate": (0, 0, 40, 30)}]
    )
    (figure,) = parsed_page(page, 1, has_inline_figures=True, merge_options=None).figures
    assert figure.bbox == (0, 0, 40, 30)
    picture = Image.open(io.BytesIO(base64.b64decode(figure.base64 or ""))).convert("RGB")
    assert picture.getpixel((20, 15)) == pytest.approx(CROP.getpixel((0, 0)), abs=8)


def test_tables_and_formulas() -> None:
    """A table's content is HTML and a formula's LaTeX, as the pipeline wrote them."""
    html, latex = table(row("Mill", "0.65")), " $$ E = mc^2 $$ "
    parsed = convert(block("table", (0, 0, 100, 100), html), block("display_formula", (0, 120, 100, 140), latex))
    assert [parsed_block.content for parsed_block in parsed.blocks] == [html, latex]
    assert "0.65" in parsed.markdown
    assert "E = mc^2" in parsed.markdown


def test_ignored_labels() -> None:
    """Page furniture stays in the blocks and is left out of the Markdown, its pictures included."""
    parsed = convert(
        block("header", (0, 0, 100, 20), "River Council"),
        block("header_image", (200, 0, 240, 30), crop=CROP),
        block("text", (0, 40, 100, 60), "body"),
        block("number", (0, 700, 20, 720), "17"),
    )
    assert parsed.markdown == "body"
    assert [parsed_block.label for parsed_block in parsed.blocks] == ["header", "header_image", "text", "number"]
    assert parsed.figures == []


def test_figures_inside_tables() -> None:
    """A picture in a table's cell is a figure under the same name in the table's HTML and in the Markdown."""
    path = "imgs/img_in_image_box_5_5_45_35.jpg"
    html = table(row("Mill", f'<img src="{path}" />'))
    inside = {"path": path, "img": CROP, "coordinate": (5, 5, 45, 35)}
    parsed = convert(block("table", (0, 0, 100, 100), html), in_tables=[inside], number=7)
    (figure,) = parsed.figures
    assert (figure.name, figure.bbox) == ("page-7-figure-1.jpg", (5, 5, 45, 35))
    assert "page-7-figure-1.jpg" in parsed.blocks[0].content
    assert "page-7-figure-1.jpg" in parsed.markdown
    assert "imgs/" not in parsed.markdown + parsed.blocks[0].content


def test_figures_are_numbered_as_they_appear() -> None:
    """Figures are numbered in the order the Markdown shows them."""
    parsed = convert(
        block("image", (500, 400, 540, 430), crop=CROP),
        block("image", (0, 0, 40, 30), crop=CROP),
    )
    assert [figure.bbox for figure in parsed.figures] == [(500, 400, 540, 430), (0, 0, 40, 30)]
    assert parsed.markdown.index("figure-1") < parsed.markdown.index("figure-2")


def test_boxes_are_cut_at_the_page() -> None:
    """A box that reaches beyond the page ends at its edge."""
    assert convert(block("text", (-5, -1, 1004, 900), "all")).blocks[0].bbox == (0, 0, 1000, 800)


FOREIGN = "see <b>this</b>, [it](javascript:alert(1)) and ![](https://tracker.example/1.png)"
NEUTRAL = "see &lt;b>this&lt;/b>, [it\\](javascript:alert(1)) and ![\\](https://tracker.example/1.png)"


@pytest.mark.parametrize("label", ["text", "doc_title", "paragraph_title", "figure_title", "algorithm", "content"])
def test_foreign_markup_is_text_in_markdown(label: str) -> None:
    """HTML, links and images that the model read are text in the Markdown of every label, and raw in the blocks."""
    neutral = convert(block(label, (0, 0, 400, 60), FOREIGN))
    assert "&lt;b>" in neutral.markdown
    assert "<b>" not in neutral.markdown
    assert neutral.blocks[0].content == FOREIGN
    raw = parsed_page(
        result(block(label, (0, 0, 400, 60), FOREIGN)),
        1,
        has_inline_figures=False,
        merge_options={},
        is_neutralized=False,
    )
    assert FOREIGN in raw.markdown


def test_a_tag_does_not_form_from_two_lines() -> None:
    """A tag that forms when the pipeline joins a title's lines is text, too."""
    title = convert(block("doc_title", (0, 0, 400, 60), "the <-\nimg src=x onerror=alert(1)>"))
    assert title.markdown == "# the &lt;img src=x onerror=alert(1)>"


def test_what_the_pipeline_writes_is_not_neutralized() -> None:
    """Figures, captions, tables and formulas are in the Markdown as PaddleX wrote them."""
    blocks = [
        block("image", (0, 0, 40, 30), crop=CROP),
        block("figure_title", (0, 40, 400, 60), "Figure 1"),
        block("table", (0, 100, 100, 200), table(row("Mill", "0.65"))),
        block("display_formula", (0, 220, 100, 240), " $$ a<b, f[x](y) $$ "),
    ]
    page = parsed_page(result(*blocks), 1, has_inline_figures=False, merge_options={}, is_neutralized=False)
    blocks[-1].content = " $$ a<b, f[x] (y) $$ "
    assert convert(*blocks).markdown == page.markdown.replace("](y)", "] (y)")


# --------------------------------------------------------------------------- a document's pages together


@pytest.mark.parametrize("is_neutralized", [True, False])
def test_merged_pages_are_neutralized_as_before(engine: Engine, is_neutralized: bool) -> None:
    """Merging writes the Markdown anew, without foreign markup unless the request wants it."""
    blocks = [block("text", (0, 0, 400, 60), FOREIGN)]
    page = parsed_page(result(*blocks), 1, has_inline_figures=False, merge_options={}, is_neutralized=is_neutralized)
    (merged,) = engine.merge_pages([page])
    assert merged.markdown == (NEUTRAL if is_neutralized else FOREIGN)


def test_figures_in_merged_tables_stay(engine: Engine) -> None:
    """A figure in a table that is joined over a page break is a figure in the Markdown afterwards."""
    path = "imgs/img_in_image_box_5_505_45_535.jpg"
    html = table(row("Mill", f'<img src="{path}" alt="Image"" />'))
    inside = {"path": path, "img": CROP, "coordinate": (5, 505, 45, 535)}
    first = convert(block("table", (0, 500, 900, 780), html), in_tables=[inside])
    second = convert(block("table", (0, 0, 900, 200), table(row("Weir", "0.91"))), number=2)
    merged, _ = engine.merge_pages([first, second])
    assert "0.91" in merged.markdown
    assert "&lt;" not in merged.markdown
    assert 'src="page-1-figure-1.jpg"' in merged.markdown


def test_tables_are_joined_over_a_page_break(engine: Engine) -> None:
    """A table that continues on the next page is joined by the pipeline's own rules, with a warning on that page."""
    first = convert(
        block("text", (0, 0, 900, 40), "before"), block("table", (0, 500, 900, 780), table(row("Mill", "0.65")))
    )
    second = convert(block("table", (0, 0, 900, 200), table(row("Weir", "0.91"))), number=2)
    merged_first, merged_second = engine.merge_pages([first, second])
    assert merged_first.blocks[1].content.count("<tr>") == 3
    assert "0.91" in merged_first.markdown
    assert merged_second.blocks[0].content == ""
    assert "0.91" not in merged_second.markdown
    assert [warning.code for warning in merged_second.warnings] == ["TABLE_CONTINUED"]
    assert (merged_first.raw, merged_second.raw) == (None, None)


def test_nothing_is_joined_over_a_failed_page(engine: Engine) -> None:
    """Tables before and after a page that failed stay apart."""
    first = convert(block("table", (0, 500, 900, 780), table(row("Mill", "0.65"))))
    third = convert(block("table", (0, 0, 900, 200), table(row("Weir", "0.91"))), number=3)
    merged_first, failed, merged_third = engine.merge_pages([first, None, third])
    assert failed is None
    assert [page.blocks for page in (merged_first, merged_third)] == [first.blocks, third.blocks]


def test_titles_are_levelled_over_the_document(engine: Engine) -> None:
    """The whole document determines the levels of titles: larger type has a higher level."""
    first = convert(block("paragraph_title", (0, 0, 400, 60), "Basin"), block("text", (0, 80, 400, 100), "text"))
    second = convert(block("paragraph_title", (0, 0, 400, 30), "Gauges"), number=2)
    merged_first, merged_second = engine.merge_pages([first, second])
    assert (merged_first.markdown, merged_second.markdown) == ("## Basin\n\ntext", "### Gauges")
    assert second.markdown == "## Gauges"


def test_figures_keep_their_names_when_pages_are_merged(engine: Engine) -> None:
    """Merging writes the Markdown anew, with the same names of figures and the same pictures left out."""
    page = convert(
        block("header_image", (200, 0, 240, 30), crop=CROP), block("image", (0, 0, 40, 30), crop=CROP), number=3
    )
    (merged,) = engine.merge_pages([page])
    assert merged.markdown == page.markdown
    assert "page-3-figure-1.jpg" in merged.markdown
    assert merged.figures == page.figures


def titles() -> list[ParsedPage | None]:
    """A page of two titles, whose levels are clustered."""
    return [
        convert(block("paragraph_title", (0, 0, 400, 60), "Basin"), block("paragraph_title", (0, 80, 400, 110), "Mill"))
    ]


def test_merging_uses_no_pipeline(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are merged without the engine's pipeline, which may be reading on its own thread, hang or be closed."""
    monkeypatch.setattr(engine, "_pipeline", None)
    (merged,) = engine.merge_pages(titles())
    assert merged.markdown == "## Basin\n\n### Mill"


def test_two_documents_are_merged_one_after_the_other(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """scikit-learn's KMeans sets the threads of the whole process, and is never entered by two merges at once."""
    lock = WatchedLock()
    others: list[Future[Any]] = []
    inside: list[bool] = []
    most: list[int] = []

    import sklearn.cluster

    from ocr_worker.engines.paddleocr_vl import adapter

    class Interrupted(sklearn.cluster.KMeans):
        def fit(self, *arguments: Any) -> Any:
            inside.append(True)
            most.append(len(inside))
            if most == [1]:
                others.append(meanwhile(lambda: engine.merge_pages(titles()), lock))
            inside.pop()
            return super().fit(*arguments)

    monkeypatch.setattr(adapter, "_restructure_lock", lock)
    monkeypatch.setattr(sklearn.cluster, "KMeans", Interrupted)
    engine.merge_pages(titles())
    (merged,) = others[0].result()
    assert merged.markdown == "## Basin\n\n### Mill"
    assert most == [1, 1]
