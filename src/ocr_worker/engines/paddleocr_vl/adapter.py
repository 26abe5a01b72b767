"""The one place that runs Paddle: builds the pipeline, calls it, and turns its errors into ours."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore", category=UserWarning, module=r"paddle")  # of ccache, of tensor copies

import paddle  # noqa: E402
from paddleocr import PaddleOCRVL  # noqa: E402
from paddlex.inference.pipelines.paddleocr_vl.pipeline import _PaddleOCRVLPipeline  # noqa: E402
from paddlex.inference.pipelines.paddleocr_vl.uilts import truncate_repetitive_content  # noqa: E402

from ocr_worker.engines.paddleocr_vl import arguments, warmup  # noqa: E402
from ocr_worker.engines.paddleocr_vl.convert import parsed_page, restructured, share_figures  # noqa: E402
from ocr_worker.engines.paddleocr_vl.faults import Fault, diagnose  # noqa: E402
from ocr_worker.engines.paddleocr_vl.model_server import ModelServer, Server, place, still_reads  # noqa: E402
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions, check_options  # noqa: E402
from ocr_worker.engines.paddleocr_vl.repetition import Recognizer, other_limits, sampled  # noqa: E402
from ocr_worker.errors import EngineOutOfMemory, EngineUnavailable, InvalidRequest, OcrWorkerError, SettingsInvalid  # noqa: E402
from ocr_worker.pages import PageImage, ParsedPage  # noqa: E402
from ocr_worker.settings import Settings  # noqa: E402
from ocr_worker.wire.schema import EngineInfo, PageWarning  # noqa: E402

log = logging.getLogger(__name__)
logging.getLogger("paddlex").setLevel(logging.ERROR)  # its warnings can print what it was given
logging.getLogger("httpx2").setLevel(logging.WARNING)  # of the openai client: a line for each crop that is read

_restructuring = threading.Lock()

# Two replicas of four pages a call fill a model server best (bench/server_backend.py); more only delays other jobs.
_PAGES_A_CALL = 4

REPETITION = PageWarning(
    code="REPETITION",
    message="a block ran into repetition or into `max_new_tokens`; its text may be cut or wrong",
)
FEWER_PIXELS = PageWarning(code="FEWER_PIXELS", message="memory was short: blocks were read with half the pixels")


class PaddleOcrVl:
    """PaddleOCR-VL on one thread.

    The native model reads crops one at a time, so that pages gain nothing from each other (measured: 0.31, 0.30, 0.30 s
    a page at 1, 2, 4 pages a call); a model server reads the crops of all pages of a call at once.
    """

    preferred_dpi = 144  # PaddleX's own for PDFs: 2.0 times 72

    def __init__(self, pipeline: Any, settings: Settings, model_server: ModelServer | None = None) -> None:
        """pipeline: a PaddleOCRVL, or what behaves like one. model_server: what reads its crops; None: Paddle itself.

        Raises EngineUnavailable or EngineTimedOut when the model server is not what it should be.
        """
        self._pipeline = pipeline
        self._settings = settings
        self._model_server = model_server
        self.batch_size = _PAGES_A_CALL if model_server else 1
        self._server: Server | None = None
        self._start = 0
        self._recognizer = _watch(pipeline, settings.retry_repetition, model_server is not None)
        if model_server:
            model_server.join()
            self.revive()
        self.info = EngineInfo(
            name="paddleocr-vl",
            version=f"{settings.vl_version} (paddleocr {version('paddleocr')}, paddle {paddle.version.full_version})",
            backend=settings.backend,
        )

    def warm_up(self) -> None:
        """Parses a page with known text. Raises EngineUnavailable when it does not come back."""
        warmup.run(self, self._settings)

    def parse(self, pages: Sequence[PageImage], options: PaddleOcrVlOptions) -> list[ParsedPage]:
        """See `Engine.parse`.

        Raises InvalidRequest, EngineOutOfMemory, EngineUnavailable, and whatever else Paddle raises on a page.
        """
        check_options(options, self._settings)
        if self._server and not self._server.takes_pixel_limits and (options.min_pixels or options.max_pixels):
            raise InvalidRequest("options: the model server has pixel limits of its own; leave `*_pixels` out")
        if len(pages) > 1 and (parsed := self._parse_together(pages, options)):
            return parsed
        return [self._parse(page, options) for page in pages]

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> list[ParsedPage | None]:
        """Return a document's pages, parsed with `merge_pages`, with tables joined over page breaks and titles leveled.

        None stands for a page that failed: nothing is joined over it. Any thread may call it: see `_restructured`.
        """
        empty = {"parsing_res_list": [], "model_settings": {}, "width": 1, "height": 1}
        documents = [{"res": dict(page.raw or empty) if page else dict(empty)} for page in pages]
        results = _restructured(documents)
        return [page and restructured(page, result) for page, result in zip(pages, results, strict=True)]

    def revive(self) -> None:
        """See `Revives`: waits while a model server of ours is started again."""
        if self._model_server:
            self._server, self._start = self._model_server.wait()

    def abandon(self) -> OcrWorkerError | None:
        """See `Revives`: without a model server there is only this process, which cannot be revived."""
        if self._model_server:
            return self._model_server.abandon(self._start)
        return EngineUnavailable("the engine is gone; the worker is replaced")

    def lost(self) -> OcrWorkerError | None:
        """See `Revives`."""
        return self._model_server.lost() if self._model_server else None

    def close(self) -> None:
        """Ends the pipeline and gives its memory on the device back; the last engine ends a model server of ours."""
        if self._model_server:
            self._model_server.leave()
        self._pipeline.close()
        _free_cache()

    def _parse_together(self, pages: Sequence[PageImage], options: PaddleOcrVlOptions) -> list[ParsedPage] | None:
        """The pages of one call; None when they must be read one by one: something is to be said of one of them, and
        the call does not tell of which, or their figures get in each other's way."""
        self._recognizer.repeated = 0
        results = self._predict(pages, arguments.of_call(options, self._settings, self._server))
        if results is None or self._recognizer.repeated or share_figures(results):
            return None
        return [_converted(result, page, options) for result, page in zip(results, pages, strict=True)]

    def _parse(self, page: PageImage, options: PaddleOcrVlOptions) -> ParsedPage:
        given = arguments.of_call(options, self._settings, self._server)
        self._recognizer.repeated = 0
        notes = []
        results = self._predict([page], given)
        if results is None:
            _free_cache()
            notes.append(FEWER_PIXELS)
            results = self._predict([page], given | arguments.half_the_pixels(given))
        if results is None:
            raise EngineOutOfMemory(
                f"page {page.number} needs more memory than the device has, even with half the pixels;"
                " lower `max_pixels` or `dpi`, or use a larger device"
            )
        if self._recognizer.repeated:
            notes.append(REPETITION)
        return _converted(results[0], page, options, notes)

    def _predict(self, pages: Sequence[PageImage], given: Mapping[str, Any]) -> list[Any] | None:
        """The pipeline's results, or None when memory ran out. Raises EngineUnavailable for a poisoned process."""
        try:
            # Queues cost half a second a call and three threads, and hide the error's type.
            return list(self._pipeline.predict([page.pixels for page in pages], use_queues=False, **given))
        except Exception as error:
            fault, words = diagnose(error)
            if self._is_gone(fault):
                server = self._server and f"the model server at {place(self._server.url)} is gone"
                what = server or "the device's context is broken"
                raise EngineUnavailable(f"{what} ({words}); send the page again") from error
            if fault is not Fault.OUT_OF_MEMORY:
                raise
            log.warning("page %d ran out of memory (%s)", pages[0].number, words)
            return None

    def _is_gone(self, fault: Fault) -> bool:
        """Whether no page can be read any more, not just this one."""
        if fault is Fault.SERVER_FAILED and self._server:
            return not still_reads(self._settings, self._server)
        return fault is Fault.POISONED


def _restructured(documents: list[dict[str, Any]]) -> list[Any]:
    """Return PaddleX's result for each page of `documents`, with tables joined and titles leveled over all of them.

    Safe beside engines that read, on any thread. `_PaddleOCRVLPipeline.restructure_pages` (paddlex 3.7.2,
    `inference/pipelines/paddleocr_vl/pipeline.py`) does not use its `self`: it is called without a pipeline, so that it
    can touch no model. What it calls (`merge_tables_across_pages` in `layout_parsing/merge_table.py`,
    `assign_levels_to_parsing_res` in `layout_parsing/title_level.py`) changes only the blocks made from `documents`.

    One call at a time: `cluster_global_heights` in `title_level.py` runs scikit-learn's KMeans, which limits the BLAS
    threads of the whole process and then restores what it found. Of two at once, one would restore the other's limit.
    """
    with _restructuring:
        pages = _PaddleOCRVLPipeline.restructure_pages(None, documents, merge_tables=True, relevel_titles=True)
        return list(pages)


def _converted(
    result: Any, page: PageImage, options: PaddleOcrVlOptions, notes: Sequence[PageWarning] = ()
) -> ParsedPage:
    return parsed_page(
        result,
        page.number,
        inline_figures=options.figures == "inline",
        keep_raw=options.merge_pages,
        warnings=notes,
        picture=page.pixels if options.page_images == "inline" else None,
    )


def load(settings: Settings, directories: Mapping[str, Path], model_server: ModelServer | None = None) -> PaddleOcrVl:
    """The engine on `directories` (see `weights.models`). Raises SettingsInvalid and EngineUnavailable."""
    _check_device(settings.device)
    parts = {part: str(directory) for part, directory in directories.items()}
    reader = arguments.of_server_pipeline(settings, model_server) if model_server else {"vl_rec_model_dir": parts["vl"]}
    try:
        pipeline = PaddleOCRVL(
            pipeline_version=settings.vl_version,
            layout_detection_model_dir=parts["layout"],
            **reader,
            doc_orientation_classify_model_dir=parts.get("doc_orientation_classify"),
            doc_unwarping_model_dir=parts.get("doc_unwarping"),
            use_doc_orientation_classify=settings.use_doc_orientation_classify,
            use_doc_unwarping=settings.use_doc_unwarping,
            device=settings.device,
        )
    except Exception as error:
        log.debug("PaddleOCRVL could not be built", exc_info=error)
        raise EngineUnavailable(
            f"PaddleOCR-VL {settings.vl_version} could not be built from {' and '.join(parts.values())}:"
            f" {type(error).__name__}\n"
            f"check the weights: ocr-worker weights verify --version {settings.vl_version}"
            " (OCR_LOG_LEVEL=DEBUG shows the error)"
        ) from error
    return PaddleOcrVl(pipeline, settings, model_server)


def _check_device(device: str) -> None:
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return
    if not paddle.device.is_compiled_with_cuda():
        raise SettingsInvalid(
            f"OCR_DEVICE={device}, but the installed Paddle is the one for CPUs\n"
            "install paddlepaddle-gpu, or set OCR_DEVICE=cpu"
        )
    count = paddle.device.cuda.device_count()
    if int(index or 0) >= count:
        raise SettingsInvalid(f"OCR_DEVICE={device}, but Paddle sees {count} GPUs\nset it to one of them, or to cpu")


def _watch(pipeline: Any, retry: bool, served: bool) -> Recognizer:
    """Puts a `Recognizer` in the place of the pipeline's model (paddlex 3.7.2; a test holds the names in place)."""
    inner = pipeline.paddlex_pipeline._pipeline
    # A server keeps the tokenizer and the client drops why an answer ended: only repetition is seen then.
    tokenizer = None if served else inner.vl_rec_model.processor.tokenizer
    inner.vl_rec_model = Recognizer(
        inner.vl_rec_model,
        cut=truncate_repetitive_content,
        count_tokens=lambda text: len(tokenizer(text)["input_ids"]) if tokenizer else 0,
        retry=retry,
        again=sampled if served else other_limits,
    )
    watched: Recognizer = inner.vl_rec_model
    return watched


def _free_cache() -> None:
    if paddle.device.is_compiled_with_cuda():
        paddle.device.cuda.empty_cache()
