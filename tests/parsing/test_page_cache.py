"""The content cache: each page is parsed once, wherever it is, and nobody gets a page that he could not have parsed."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pikepdf
import pytest

from ocr_worker.delivery.page_cache import JobCache, PageCache, renumber
from ocr_worker.engines.registry import read_request
from ocr_worker.errors import DeliveryFailed, SettingsInvalid
from ocr_worker.pages import PageImage, PageOutcome, ParsedPage, TextLine, Verification
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import load_settings
from ocr_worker.wire.schema import Figure, PageWarning, ParseResponse
from support.drawing import document, pdf, tiff
from support.s3_server import S3Server
from support.waiting import PATIENCE_S

RED, GREEN, BLUE = (0, 255, 255), (85, 255, 255), (170, 255, 255)


class Objects:
    """A bucket in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.is_down = False
        self.calls = 0

    def find(self, key: str) -> bytes | None:
        self.calls += 1
        if self.is_down:
            raise DeliveryFailed("the bucket does not respond")
        return self.bodies.get(key)

    def put(self, key: str, body: bytes) -> None:
        self.bodies[key] = body


def image(value: int = 0, number: int = 1, **fields: Any) -> PageImage:
    return PageImage(number, numpy.full((4, 4, 3), value, numpy.uint8), **fields)


def parsed(number: int = 1, *codes: str) -> PageOutcome:
    warnings = [PageWarning(code=code, message="m") for code in codes]
    return PageOutcome(number, ParsedPage(4, 4, "text", [], warnings=warnings))


def claim_and_parse(job: JobCache, page: PageImage, outcome: PageOutcome | None) -> bool:
    """Claim the page and end it with the outcome. Return whether it had to be parsed."""
    claim = job.claim(page, {}, lambda: False)
    if claim.outcome is None:
        claim.done(outcome)
    return claim.outcome is None


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def cache(objects: Objects) -> PageCache:
    return PageCache(objects, "", "weights")


# --------------------------------------------------------------------------- keys


def test_whatever_changes_a_page_changes_its_key(cache: PageCache, objects: Objects) -> None:
    """Pixels, their shape, resolution, text layer, warnings, options, weights and prefix do; the number does not."""
    line = TextLine("text", (0, 0, 1, 1))
    warning = PageWarning(code="DPI_LOWERED", message="m")
    pages = [
        image(),
        image(1),
        image(dpi=72),
        image(text_lines=()),
        image(text_lines=(line,)),
        image(warnings=(warning,)),
    ]
    pages.append(PageImage(1, numpy.zeros((2, 8, 3), numpy.uint8)))
    keys = {cache.key(page, {}) for page in pages}
    keys |= {cache.key(image(), {"options": 1}), PageCache(objects, "", "others").key(image(), {})}
    keys.add(PageCache(objects, "tenant", "weights").key(image(), {}))
    assert len(keys) == len(pages) + 3
    assert cache.key(image(number=7), {}) == cache.key(image(), {})


def test_a_page_in_another_place_has_figures_of_that_place() -> None:
    """The number of the page is in the names of its figures, in both places that have them."""
    figures = [Figure(name=f"page-3-figure-{index}.jpg", bbox=(0, 0, 1, 1)) for index in (1, 2)]
    markdown = "![](page-3-figure-1.jpg) ![](page-3-figure-2.jpg)"
    page = renumber(PageOutcome(3, ParsedPage(4, 4, markdown, [], figures)), 12)
    assert isinstance(page.result, ParsedPage)
    assert (page.number, page.result.markdown) == (12, markdown.replace("page-3", "page-12"))
    assert [figure.name for figure in page.result.figures] == ["page-12-figure-1.jpg", "page-12-figure-2.jpg"]


# --------------------------------------------------------------------------- claims


def test_a_stored_page_is_not_parsed_again(cache: PageCache) -> None:
    """Another job gets it with its second reading, with its own number and marked as stored."""
    first, second = cache.job(), cache.job()
    outcome = replace(parsed(), verification=Verification(is_verified=True, ink_coverage=0.5))
    assert claim_and_parse(first, image(), outcome)
    first.close()
    claim = second.claim(image(number=5), {}, lambda: False)
    assert claim.outcome is not None
    assert (claim.outcome.number, claim.outcome.from_checkpoint) == (5, True)
    assert claim.outcome.verification is not None
    assert claim.outcome.verification.ink_coverage == 0.5


@pytest.mark.parametrize(
    "outcome", [None, parsed(1, "REPETITION"), parsed(1, "FEWER_PIXELS"), PageOutcome(1, DeliveryFailed("m"))]
)
def test_what_another_attempt_may_do_better_is_not_stored(
    cache: PageCache, objects: Objects, outcome: PageOutcome | None
) -> None:
    """An error, a page that was given up, and pages with short memory or repetition."""
    job = cache.job()
    assert claim_and_parse(job, image(), outcome)
    job.close()
    assert objects.bodies == {}
    assert claim_and_parse(cache.job(), image(), parsed())


@pytest.mark.parametrize("outcome", [parsed(), None])
def test_a_page_that_is_being_parsed_is_waited_for(cache: PageCache, outcome: PageOutcome | None) -> None:
    """The second claimant gets the first one's page; after an error it parses the page itself; a stopped job ends."""
    first = cache.job().claim(image(), {}, lambda: False)
    claims, is_waiting = [], threading.Event()
    second = threading.Thread(
        target=lambda: claims.append(cache.job().claim(image(number=2), {}, lambda: is_waiting.set() or False))
    )
    second.start()
    assert is_waiting.wait(PATIENCE_S)
    assert cache.job().claim(image(), {}, lambda: True).outcome is None
    first.done(outcome)
    second.join()
    assert (claims[0].outcome is None) == (outcome is None)


def test_a_bucket_that_is_down_delays_one_page(cache: PageCache, objects: Objects) -> None:
    """After a failure, pages are parsed without a look into the bucket."""
    objects.is_down = True
    job = cache.job()
    assert [claim_and_parse(job, image(value), parsed()) for value in range(3)] == [True] * 3
    assert objects.calls == 1


# --------------------------------------------------------------------------- a worker's jobs


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def journal(tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "journal"
    path.touch()
    environment = {"OCR_ENGINE": "support.doubles:reading", "DOUBLE_JOURNAL": str(path), "OCR_CACHE": "true"}
    for name, value in {**environment, **s3.settings()}.items():
        monkeypatch.setenv(name, value)
    return path


def run_jobs(*inputs: dict[str, Any]) -> list[ParseResponse]:
    """Run the jobs at the same time, in a worker of their own."""
    pipeline = Pipeline(load_settings())
    pipeline.start()
    jobs = [pipeline.job(read_request(job_input, pipeline.spec), str(n)) for n, job_input in enumerate(inputs)]
    responses: list[ParseResponse] = []
    threads = [threading.Thread(target=lambda job=job: responses.append(job.run())) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipeline.close()
    return responses


def job(data: bytes, **fields: Any) -> dict[str, Any]:
    return {"documents": [document(data, **fields)]}


@pytest.mark.process
def test_the_same_pages_in_another_order_are_not_parsed_again(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker gets them in another document, order and under other names; another tenant parses them."""
    monkeypatch.setenv("OCR_CACHE_PREFIX", "order")
    run_jobs(job(tiff([RED, GREEN, BLUE]), id="first"))
    assert len(journal.read_text().split()) == 3
    (response,) = run_jobs(job(tiff([BLUE, RED, GREEN]), id="second"))
    assert len(journal.read_text().split()) == 3
    assert [page.from_checkpoint for page in response.documents[0].pages] == [True] * 3
    assert [page.page for page in response.documents[0].pages] == [1, 2, 3]
    monkeypatch.setenv("OCR_CACHE_PREFIX", "another")
    run_jobs(job(tiff([RED, GREEN, BLUE])))
    assert len(journal.read_text().split()) == 6


@pytest.mark.process
def test_jobs_at_once_parse_each_page_once(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs of one worker with the same pages, one of them twice in a document."""
    monkeypatch.setenv("OCR_CACHE_PREFIX", "at-once")
    monkeypatch.setenv("DOUBLE_SECONDS", "0.05")
    first, second = run_jobs(job(tiff([RED, GREEN, RED, BLUE])), job(tiff([BLUE, GREEN, RED])))
    assert {first.status, second.status} == {"succeeded"}
    assert len(journal.read_text().split()) == 3


@pytest.mark.process
def test_a_password_is_needed_for_a_stored_page(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document without its password fails, though all of its pages are stored."""
    monkeypatch.setenv("OCR_CACHE_PREFIX", "password")
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf([RED]))) as plain:
        plain.save(buffer, encryption=pikepdf.Encryption(user="secret", owner="secret"))
    data = buffer.getvalue()
    run_jobs(job(data, password="secret"))
    (response,) = run_jobs(job(data))
    assert response.documents[0].error is not None
    assert response.documents[0].error.code == "DOCUMENT_ENCRYPTED"
    assert response.documents[0].pages == []


def test_a_cache_needs_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """OCR_CACHE alone is an error that says what is missing."""
    monkeypatch.setenv("OCR_CACHE", "true")
    with pytest.raises(SettingsInvalid, match="BUCKET_ENDPOINT_URL"):
        load_settings()
