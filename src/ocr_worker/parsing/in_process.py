"""Parse documents in this process, for programs: one function that needs no worker, endpoint or event loop.

`parse_file` builds a pipeline from the settings, runs one job on it and closes it. A program that parses many documents
one after another uses the batch client with its local service instead, which starts the engine once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.parsing.job_host import typed_errors
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import load_settings
from ocr_worker.sources.documents import Source, make_documents
from ocr_worker.wire.results import error_of, job_error
from ocr_worker.wire.schema import ParseResponse

_JOB_ID = "parse_file"


def parse_file(
    source: Source | Sequence[Source],
    *,
    engine: str | None = None,
    pages: str | None = None,
    password: str | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> ParseResponse:
    """Parse documents in this process and return the response. Each call starts the engine and ends it again.

    source: a path, an http(s) URL, a data URI, the bytes of a file, or a list of these, which share one engine. engine:
    its name, such as `embedded`; default: the setting `OCR_ENGINE`. All other settings are read from the environment,
    too. pages: 1-based ranges such as `1-3,8`, of every document; default: all. password: for encrypted PDFs. options:
    `options` of the request.

    Raises SettingsInvalid: a setting is wrong, or the engine's extra is not installed; InvalidRequest: the options or
    pages are wrong; SourceRejected: a file cannot be read; EngineUnavailable or WeightsMissing: the engine cannot
    start. If no page was parsed, the error of the first document is raised.
    """
    settings = load_settings()
    if engine is not None:
        settings = settings.model_copy(update={"engine": engine})
    documents = make_documents(source, pages=pages, password=password)
    request = read_request({"documents": documents, "options": dict(options)}, engine_spec(settings.engine))
    pipeline = Pipeline(settings.for_one_job(len(documents)))
    try:
        with typed_errors(_JOB_ID):
            pipeline.start(is_for_one_job=True)
            response = pipeline.job(request, _JOB_ID).run()
    finally:
        pipeline.close()
    if error := job_error(response):
        raise error_of(error)
    return response
