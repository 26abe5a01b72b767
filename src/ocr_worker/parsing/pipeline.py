"""Run the jobs of a worker: start the stages that they share, and make each job.

`Pipeline` belongs to the process, and `ParseJob` (`parse_job`) is one job: it fetches each document, renders it, has
its pages parsed, and builds the response. `PageSubmitter` (`page_submission`) hands the pages of a document to the
engine. None of the three knows anything of the platform, of HTTP, or of how a response leaves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ocr_worker.delivery import open_cache
from ocr_worker.delivery.checkpoints import Checkpoints, NoCheckpoints
from ocr_worker.errors import OcrWorkerError
from ocr_worker.memory import garbage_kept
from ocr_worker.parsing.parse_job import OnOpen, OnPage, ParseJob
from ocr_worker.parsing.rendering import OpenDocument
from ocr_worker.parsing.stages import Stages
from ocr_worker.parsing.verification import check_verify
from ocr_worker.settings import Settings, unknown_variables
from ocr_worker.wire.schema import ParseRequest

log = logging.getLogger(__name__)

_NOT_RENDERED: Mapping[str, OpenDocument] = MappingProxyType({})


class Pipeline(Stages):
    """The stages, with their start and their end, and the jobs that use them.

    on_engine_lost: called for each engine replica that is lost, with the error. on_last_engine_lost: called after that
    for the last one, without which no page is parsed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_engine_lost: Callable[[OcrWorkerError], None] = lambda error: None,
        on_last_engine_lost: Callable[[OcrWorkerError], None] = lambda error: None,
    ) -> None:
        def on_lost(error: OcrWorkerError) -> None:
            on_engine_lost(error)
            if not self.engine.alive_count:
                on_last_engine_lost(error)

        super().__init__(settings, on_lost)

    def start(self, *, is_for_one_job: bool = False) -> dict[str, float]:
        """Load and warm the engine, and open the content cache. Return the seconds by phase.

        is_for_one_job: whether only one job comes, so that a warm-up that proves nothing is left out.
        Raises any error of the engine, and of the bucket's settings.
        """
        self.begin(is_for_one_job=is_for_one_job)
        return self.wait()

    def begin(self, *, is_for_one_job: bool = False) -> None:
        """Begin what `start` does; `wait` must follow. A job may run meanwhile, and render its first page.

        Raises any error of the bucket's settings.
        """
        for name in unknown_variables(self.spec.variables):
            log.warning("%s is not a setting of this worker, and has no effect", name)
        self.cache = open_cache(self.settings, self.spec.weights)
        self.engine.begin(warm_up=self.spec.proves_by_warm_up or not is_for_one_job)

    def wait(self) -> dict[str, float]:
        """Wait until the engine is loaded. Return the seconds by phase. Raises any error of the engine."""
        with garbage_kept():  # a tenth of the time in which an engine's packages are imported goes into looking for it
            return self.engine.wait()

    def job(
        self,
        request: ParseRequest,
        job_id: str,
        on_page: OnPage | None = None,
        checkpoints: Checkpoints | None = None,
        on_open: OnOpen = lambda document_id, pages_expected: None,
        rendered: Mapping[str, OpenDocument] = _NOT_RENDERED,
    ) -> ParseJob:
        """Return a job that is ready to run.

        on_page: receiver of each page. on_open: receiver of each open document. checkpoints: store of pages; by default
        nothing is stored. rendered: documents by id that need not be fetched and rendered. Raises InvalidRequest for
        options that this worker, as it was started, would have to ignore.
        """
        self.spec.check_options(request.options, self.settings)
        check_verify(request.options, self.spec)
        request = request.model_copy(update={"options": self.spec.fill_options(request.options, self.settings)})
        receive_page = on_page or (lambda *page: None)
        return ParseJob(self, request, job_id, receive_page, checkpoints or NoCheckpoints(), on_open, rendered)

    def close(self) -> None:
        """End the rasterizer processes, and let the engine's threads end after their current calls."""
        self.engine.close()
        self.rasters.close()
        self.witnesses.close()
