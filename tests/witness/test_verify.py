"""The option `verify`, from a request to the response, with the real witness process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.registry import read_request
from ocr_worker.errors import InvalidRequest
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.parsing.verification import check_verify
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import PageResult, ParseOptions
from ocr_worker.witness.process import WitnessProcess
from support import doubles
from support.drawing import request
from support.waiting import PATIENCE_S, eventually

TEXT = "The narrow harbour describes 1482 ledgers"


def drawn(*texts: str) -> bytes:
    """A PNG with a line for each text."""
    image = Image.new("RGB", (1000, 400), "white")
    for number, text in enumerate(texts):
        ImageDraw.Draw(image).text((60, 60 + 120 * number), text, "black", ImageFont.load_default(36))
    data = BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    # At the lowest priority, as a worker runs it, it would read nothing while other tests use all processors.
    settings = Settings(
        engine="support.doubles:repairing", verify_processes=1, verify_wait_s=PATIENCE_S, verify_niceness=0
    )
    pipeline = Pipeline(settings)
    pipeline.start()
    yield pipeline
    pipeline.close()


def read(pipeline: Pipeline, recited: str, *lines: str, **options: Any) -> PageResult:
    """Return the page with these lines as the engine that always answers `recited` in the upper third parses it."""
    doubles.RECITED = recited
    job = pipeline.job(read_request(request(drawn(*lines), **options), pipeline.spec), "job")
    (document,) = job.run().documents
    return document.pages[0]


@pytest.mark.process
def test_a_page_is_compared_with_its_second_reading(pipeline: Pipeline) -> None:
    """A right page has a high confidence and no warning; an invented one, a low confidence and warnings with boxes."""
    right = read(pipeline, TEXT, TEXT, verify="auto")
    assert right.verified
    assert right.ink_coverage == 1
    assert right.warnings == []
    invented = read(pipeline, TEXT.replace("1482", "1932"), TEXT, "Silent copper valleys", verify="auto")
    assert {warning.code for warning in invented.warnings} == {"NUMBERS_DIFFER", "TEXT_MISSED"}
    assert all(warning.bbox for warning in invented.warnings)
    assert invented.ink_coverage
    assert invented.ink_coverage < 0.8
    assert right.blocks
    assert invented.blocks
    low, high = invented.blocks[0].confidence, right.blocks[0].confidence
    assert low is not None
    assert high is not None
    assert low < high < 1
    without = read(pipeline, TEXT, TEXT)
    assert without.verified is None
    assert without.blocks
    assert without.blocks[0].confidence is None


@pytest.mark.process
def test_a_page_with_findings_is_repaired(pipeline: Pipeline) -> None:
    """The better reading and the missed text are in blocks and Markdown, marked; each warning says what changed."""
    doubles.REREAD = ["Silent copper valleys", TEXT]  # the larger region comes first
    page = read(pipeline, TEXT.replace("1482", "1932"), TEXT, "Silent copper valleys", verify="repair")
    assert page.blocks
    assert [(block.content, block.repair) for block in page.blocks] == [
        (TEXT, "replaced"),
        ("Silent copper valleys", "inserted"),
    ]
    assert page.markdown == f"{TEXT}\n\nSilent copper valleys"
    assert page.regions_reread == 2
    assert page.ink_coverage == 1
    assert all(block.confidence and block.confidence > 0.5 for block in page.blocks)
    repairs = {warning.code: warning.repair for warning in page.warnings}
    number, missed = repairs["NUMBERS_DIFFER"], repairs["TEXT_MISSED"]
    assert number
    assert (number.outcome, number.before, number.after) == ("replaced", "1932", "1482")
    assert missed
    assert (missed.outcome, missed.after) == ("inserted", "Silent copper valleys")
    assert eventually(lambda: pipeline.scheduler._held_bytes == 0)


@pytest.mark.process
def test_a_reading_without_more_evidence_changes_nothing(pipeline: Pipeline) -> None:
    """A second reading that is no better is in the warning only, and a page without findings is not read again."""
    doubles.REREAD = ["The narrow harbour describes 7777 ledgers"]
    wrong = TEXT.replace("1482", "1932")
    page = read(pipeline, wrong, TEXT, verify="repair")
    assert page.markdown == wrong
    (warning,) = page.warnings
    assert warning.repair
    assert (warning.repair.outcome, warning.repair.before, warning.repair.after) == ("kept", "1932", "7777")
    right = read(pipeline, TEXT, TEXT, verify="repair")
    assert (right.regions_reread, right.warnings) == (0, [])


@pytest.mark.process
def test_the_witness_has_the_lowest_priority_and_ends_with_its_owner() -> None:
    """The kernel runs it when nobody else wants to, also where each session has a share of its own."""
    process = WitnessProcess()
    process.wait_ready()
    pid = process._process.pid
    assert psutil.Process(pid).nice() == 19
    policies = [os.sched_getscheduler(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]
    assert policies.count(os.SCHED_OTHER) == 1  # the thread that ends the process with its owner
    assert policies.count(os.SCHED_IDLE) == len(policies) - 1
    autogroup = Path(f"/proc/{pid}/autogroup")
    assert not autogroup.exists() or autogroup.read_text().endswith("nice 19\n")
    process.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.process
def test_a_job_that_waits_for_its_witness_makes_room_for_another(pipeline: Pipeline) -> None:
    """Once its pages are parsed, a job counts as verifying, until it ends; without `verify` it never does."""
    counts: list[int] = []
    doubles.RECITED = TEXT
    for verify in ("off", "auto"):
        options = request(drawn(TEXT), verify=verify)
        job = pipeline.job(read_request(options, pipeline.spec), "job")
        job.on_parsed = lambda: counts.append(pipeline.jobs_verifying)
        job.run()
        assert pipeline.jobs_verifying == 0
    assert counts == [1]


def test_verify_is_refused_where_it_would_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded engine is the witness itself; and without the small reader the error names the extra."""
    from ocr_worker.engines.embedded.spec import SPEC

    with pytest.raises(InvalidRequest, match="OCR_ENGINE=embedded"):
        check_verify(ParseOptions(verify="auto"), SPEC)
    monkeypatch.setattr("ocr_worker.parsing.verification.installed_version", lambda name: None)
    with pytest.raises(InvalidRequest, match="requirements/light"):
        check_verify(ParseOptions(verify="auto"), doubles.reciting)
    check_verify(ParseOptions(), doubles.reciting)


def test_repair_needs_an_engine_that_reads_blocks() -> None:
    """`repair` is rejected where an engine has no way to read a block again, and the error names `auto`."""
    with pytest.raises(InvalidRequest, match="`auto`"):
        check_verify(ParseOptions(verify="repair"), doubles.reciting)
    check_verify(ParseOptions(verify="repair"), doubles.repairing)
