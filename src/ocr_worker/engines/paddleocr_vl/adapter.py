"""The engine that runs PaddleX: `load` builds the pipeline, and `PaddleOcrVl` calls it and translates its errors.

`frameworks` has what runs its models, Paddle or torch. Modules that import neither do the rest: `arguments` builds the
arguments of calls, `convert` converts results, `failures` classifies errors, and `repetition` detects repetition.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2

from ocr_worker.engines.paddleocr_vl.hub_clients import deferred
from ocr_worker.lean_import import without

with deferred(), without("sklearn"):  # of pipelines for time series
    from paddleocr import PaddleOCRVL
from paddlex.inference.pipelines.paddleocr_vl.pipeline import _PaddleOCRVLPipeline
from paddlex.inference.pipelines.paddleocr_vl.uilts import truncate_repetitive_content

from ocr_worker.engines.paddleocr_vl import arguments, frameworks, warmup
from ocr_worker.engines.paddleocr_vl.convert import (
    MERGE_TABLES,
    RELEVEL_TITLES,
    parsed_page,
    revise_page,
)
from ocr_worker.engines.paddleocr_vl.failures import Failure, classify
from ocr_worker.engines.paddleocr_vl.gpu_memory import layout_batch, smallest_card_mb
from ocr_worker.engines.paddleocr_vl.layer_text import LayerText
from ocr_worker.engines.paddleocr_vl.model_server import ModelServer, ServedModel, can_still_read, host_and_port
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions, check_options
from ocr_worker.engines.paddleocr_vl.repetition import Recognizer, retry_pixel_limits, sampling_arguments
from ocr_worker.engines.paddleocr_vl.seam import PageCount, Seam
from ocr_worker.engines.paddleocr_vl.server_client import ServerClient
from ocr_worker.engines.text_layer.small_reader import SmallReader
from ocr_worker.errors import EngineOutOfMemory, EngineUnavailable, InvalidRequest, OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.settings import Settings, processor_count
from ocr_worker.wire.schema import EngineInfo, PageWarning

log = logging.getLogger(__name__)
logging.getLogger("paddlex").setLevel(logging.ERROR)  # its warnings can contain document data

_restructure_lock = threading.Lock()

REPETITION = PageWarning(
    code="REPETITION",
    message="a block repeated itself or reached `max_new_tokens`; its text may be truncated or wrong",
)
TABLE_FIXED = PageWarning(
    code="TABLE_FIXED_FROM_LAYER", message="digits in a table that were read wrongly are those of the text layer"
)
FEWER_PIXELS = PageWarning(
    code="FEWER_PIXELS", message="device memory was short; blocks were read with half the pixels"
)


class PaddleOcrVl:
    """The PaddleOCR-VL engine of one replica; see `Engine` for its threads.

    Paddle's model reads crops one at a time, so several pages per call gain nothing (measured: 0.31, 0.30, 0.30 s per
    page at 1, 2, 4 pages per call). A model server and torch's model read the crops of all pages of a call together.
    """

    def __init__(
        self,
        pipeline: Any,
        settings: Settings,
        framework: frameworks.Framework,
        model_server: ModelServer | None = None,
    ) -> None:
        """Prepare the pipeline, and wait for the model server, if any.

        pipeline: a PaddleOCRVL, or an object that behaves like one. framework: on which its models run. model_server:
        reads the crops; None: native backend. Raises EngineUnavailable or EngineTimedOut if the model server cannot be
        used.
        """
        self._pipeline = pipeline
        self._settings = settings
        self._model_server = model_server
        self.batch_size = settings.pages_per_call if settings.reads_pages_together else 1
        self._served_model: ServedModel | None = None
        self._server_start = 0
        self._client = _server_client(pipeline, settings) if model_server else None
        self._framework = framework
        self._seam = _install_seam(
            pipeline, self._framework, settings.retry_repetition, has_model_server=model_server is not None
        )
        self._small_reader = SmallReader()
        if model_server:
            model_server.join()
            self.revive()
        self.info = EngineInfo(
            name="paddleocr-vl",
            version=f"{settings.vl_version} (paddleocr {version('paddleocr')}, {self._framework.version})",
            backend=settings.backend,
        )

    def warm_up(self) -> None:
        """Parse a page with known text. Raises EngineUnavailable if that text is not in the result."""
        warmup.run(self, self._settings)

    def parse(self, pages: Sequence[PageImage], options: PaddleOcrVlOptions) -> list[ParsedPage]:
        """Parse the pages; see `Engine.parse`.

        Raises InvalidRequest, EngineOutOfMemory, EngineUnavailable, and whatever else Paddle raises for a page.
        """
        check_options(options, self._settings)
        if (
            self._served_model
            and not self._served_model.can_limit_pixels
            and (options.min_pixels or options.max_pixels or options.vlm_extra_args)
        ):
            raise InvalidRequest(
                "options: the model server uses its own pixel limits; remove `min_pixels`, `max_pixels` and"
                " `vlm_extra_args`"
            )
        if len(pages) > 1 and (parsed_pages := self._parse_together(pages, options)):
            return parsed_pages
        return [self._parse(page, options) for page in pages]

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> list[ParsedPage | None]:
        """Return a document's pages, parsed with `merge_pages`, with tables joined over page breaks and titles leveled.

        None is a page that failed: nothing is joined over it. Safe on any thread: see `_restructure`.
        """
        empty_page = {"parsing_res_list": [], "model_settings": {}, "width": 1, "height": 1}
        documents = [{"res": dict(page.raw or empty_page) if page else dict(empty_page)} for page in pages]
        merge_options = next((page.raw for page in pages if page and page.raw), {})
        results = _restructure(
            documents, merge_options.get(MERGE_TABLES, True), merge_options.get(RELEVEL_TITLES, True)
        )
        return [page and revise_page(page, result) for page, result in zip(pages, results, strict=True)]

    def revive(self) -> None:
        """Choose the model server of the next call; wait until one can be used. See `Revives`."""
        if self._model_server and self._client:
            self._served_model, self._server_start = self._model_server.wait()
            self._client.use(self._served_model.url)

    def abandon(self) -> OcrWorkerError | None:
        """Abandon the model server after a failed call, and end a call that hangs. See `Revives`.

        Without a model server, Paddle runs in this process, which cannot be revived.
        """
        if self._model_server and self._client:
            self._client.cancel()
            return self._model_server.abandon(self._server_start)
        return EngineUnavailable("the engine is lost and the worker asks to be replaced; send the page again")

    def lost(self) -> OcrWorkerError | None:
        """Return why the model server will never be usable again, or None. See `Revives`."""
        return self._model_server.lost() if self._model_server else None

    def close(self) -> None:
        """Close the pipeline and free its memory on the device; the last engine stops a managed model server."""
        if self._model_server:
            self._model_server.leave()
        if self._client:
            self._client.close()
        self._pipeline.close()
        self._framework.free_cache()

    def _parse_together(self, pages: Sequence[PageImage], options: PaddleOcrVlOptions) -> list[ParsedPage] | None:
        """Parse the pages in one call. Return None if memory ran out, and they must be parsed one by one."""
        call = self._seam.begin([self._text_of(page, options) for page in pages])
        results = self._predict(pages, arguments.call_arguments(options, self._settings, self._served_model))
        if results is None:
            return None
        return [
            _convert(result, page, options, _warnings_of(count))
            for result, page, count in zip(results, pages, call.pages, strict=True)
        ]

    def _parse(self, page: PageImage, options: PaddleOcrVlOptions) -> ParsedPage:
        """Parse a page, with half the pixels if memory runs out. Raises EngineOutOfMemory if that is not enough."""
        if parsed_pages := self._parse_together([page], options):
            return parsed_pages[0]
        self._framework.free_cache()
        pipeline_arguments = arguments.call_arguments(options, self._settings, self._served_model)
        call = self._seam.begin([self._text_of(page, options)])
        results = self._predict([page], pipeline_arguments | arguments.halve_pixels(pipeline_arguments))
        if results is None:
            raise EngineOutOfMemory(
                f"page {page.number} needs more memory than the device has, even with half the pixels;"
                " lower `max_pixels` or `dpi`, or use a larger device"
            )
        return _convert(results[0], page, options, [FEWER_PIXELS, *_warnings_of(call.pages[0])])

    def _text_of(self, page: PageImage, options: PaddleOcrVlOptions) -> LayerText | None:
        """Return the page's own text, if it has one and the options use it."""
        return LayerText(page, self._small_reader.read) if options.text_layer == "auto" and page.text_lines else None

    def _predict(self, pages: Sequence[PageImage], pipeline_arguments: Mapping[str, Any]) -> list[Any] | None:
        """Return the pipeline's results, or None if memory ran out.

        Raises EngineUnavailable if this process or the model server is unusable.
        """
        try:
            # Queues cost half a second per call and three threads, and hide the error's type.
            return list(self._pipeline.predict([page.pixels for page in pages], use_queues=False, **pipeline_arguments))
        except Exception as error:
            failure, text = classify(error)
            if self._is_unusable(failure):
                server = (
                    self._served_model
                    and f"the model server at {host_and_port(self._served_model.url)} no longer works"
                )
                cause = server or "the device is in a broken state"
                raise EngineUnavailable(f"{cause} ({text}); send the page again") from error
            if failure is not Failure.OUT_OF_MEMORY:
                raise
            log.warning("page %d ran out of memory (%s)", pages[0].number, text)
            return None

    def _is_unusable(self, failure: Failure) -> bool:
        """Return True if the failure affects all pages from now on, not just this page."""
        if failure is Failure.SERVER_FAILED and self._served_model:
            return not can_still_read(self._settings, self._served_model)
        return failure is Failure.POISONED


def _restructure(documents: list[dict[str, Any]], merge_tables: bool, relevel_titles: bool) -> list[Any]:
    """Return PaddleX's result for each page of `documents`, with tables joined and titles leveled over all of them.

    Safe on any thread, while engines parse. `_PaddleOCRVLPipeline.restructure_pages` (paddlex 3.7.2,
    `inference/pipelines/paddleocr_vl/pipeline.py`) does not use its `self`: it is called without a pipeline, so that it
    cannot use a model. What it calls (`merge_tables_across_pages` in `layout_parsing/merge_table.py`,
    `assign_levels_to_parsing_res` in `layout_parsing/title_level.py`) changes only the blocks made from `documents`.

    One call at a time: `cluster_global_heights` in `title_level.py` runs scikit-learn's KMeans, which limits the BLAS
    threads of the whole process and then restores the old limit. Of two at once, one would restore the other's limit.
    """
    with _restructure_lock:
        pages = _PaddleOCRVLPipeline.restructure_pages(
            None, documents, merge_tables=merge_tables, relevel_titles=relevel_titles
        )
        return list(pages)


def _convert(
    result: Any, page: PageImage, options: PaddleOcrVlOptions, page_warnings: Sequence[PageWarning] = ()
) -> ParsedPage:
    return parsed_page(
        result,
        page.number,
        has_inline_figures=options.figures == "inline",
        merge_options=_merge_options(options),
        is_neutralized=options.markdown_escape,
        has_text_sources=options.text_layer == "auto",
        warnings=page_warnings,
        page_image=page.pixels if options.page_images == "inline" else None,
    )


def _warnings_of(count: PageCount) -> list[PageWarning]:
    return ([REPETITION] if count.repetitions else []) + ([TABLE_FIXED] if count.tables_fixed else [])


def _merge_options(options: PaddleOcrVlOptions) -> dict[str, bool] | None:
    """Return what `merge_pages` shall do, for `ParsedPage.raw`, or None if it is not called.

    For a page with repaired blocks, it only writes the Markdown.
    """
    if not options.merge_pages:
        return {MERGE_TABLES: False, RELEVEL_TITLES: False} if options.verify == "repair" else None
    return {MERGE_TABLES: options.merge_tables is not False, RELEVEL_TITLES: options.relevel_titles is not False}


def load(
    settings: Settings,
    directories: Mapping[str, Path],
    framework: frameworks.Framework,
    model_server: ModelServer | None = None,
) -> PaddleOcrVl:
    """Return an engine.

    directories: of the weights, by part of the pipeline (see `weights.models`). framework: on which the models run.
    model_server: reads the crops; None: native backend. Raises EngineUnavailable: the pipeline cannot be built, or the
    model server cannot be used.
    """
    cv2.setNumThreads(processor_count())  # OpenCV ignores OMP_NUM_THREADS, and its threads wait actively
    parts = {part: str(directory) for part, directory in directories.items()}
    model_arguments = (
        arguments.server_pipeline_arguments(settings, model_server)
        if model_server
        else {"vl_rec_model_dir": parts["vl"]}
    )
    try:
        pipeline = PaddleOCRVL(
            pipeline_version=settings.vl_version,
            layout_detection_model_dir=parts["layout"],
            **model_arguments,
            doc_orientation_classify_model_dir=parts.get("doc_orientation_classify"),
            doc_unwarping_model_dir=parts.get("doc_unwarping"),
            use_doc_orientation_classify=settings.use_doc_orientation_classify,
            use_doc_unwarping=settings.use_doc_unwarping,
            device=settings.device,
            **framework.pipeline_arguments,
        )
    except Exception as error:
        log.debug("PaddleOCR-VL could not be loaded", exc_info=error)
        raise EngineUnavailable(
            f"PaddleOCR-VL {settings.vl_version} could not be loaded from {' and '.join(parts.values())}:"
            f" {type(error).__name__}\n"
            f"check the weights: ocr-worker weights verify --version {settings.vl_version}"
            " (OCR_LOG_LEVEL=DEBUG shows the error)"
        ) from error
    if settings.reads_pages_together:
        _limit_layout_batch(pipeline, layout_batch(settings, _card_mb(settings)))
    return PaddleOcrVl(pipeline, settings, framework, model_server)


def _card_mb(settings: Settings) -> float | None:
    return None if settings.device == "cpu" else smallest_card_mb()


def _limit_layout_batch(pipeline: Any, pages: int) -> None:
    """Set how many pages the layout model reads at once (attributes of paddlex 3.7.2, checked by a test).

    The library's configuration says 8 for each pipeline, which needs gigabytes of the GPU's memory.
    """
    pipeline.paddlex_pipeline._pipeline.layout_det_model.batch_sampler.batch_size = pages


def _server_client(pipeline: Any, settings: Settings) -> ServerClient:
    """Return the pipeline's client of model servers. Call before `_install_seam`."""
    key = settings.server_api_key
    client = pipeline.paddlex_pipeline._pipeline.vl_rec_model.genai_client
    return ServerClient(client, key.get_secret_value() if key else None)


def _install_seam(pipeline: Any, framework: frameworks.Framework, can_retry: bool, *, has_model_server: bool) -> Seam:
    """Replace the pipeline's model by a `Recognizer`, and install a `Seam` (paddlex 3.7.2). Return the seam."""
    inner = pipeline.paddlex_pipeline._pipeline
    # With a model server there is no tokenizer, but the server says what it truncated.
    tokenizer = None if has_model_server else inner.vl_rec_model.processor.tokenizer
    inner.vl_rec_model = recognizer = Recognizer(
        inner.vl_rec_model if has_model_server else framework.model(inner.vl_rec_model),
        cut=truncate_repetitive_content,
        count_tokens=lambda text: len(tokenizer(text)["input_ids"]) if tokenizer else 0,
        can_retry=can_retry,
        retry_arguments=sampling_arguments if has_model_server else retry_pixel_limits,
    )
    return Seam(inner, recognizer)
