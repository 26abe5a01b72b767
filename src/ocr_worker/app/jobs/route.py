"""The routes of the PaddleOCR job API, and the form of its responses and errors.

Every response has `code`, 0 for success, and `msg`. An error also has `errorMsg`, because some clients read only that,
and `error`: code, message and retryability as on all routes. The routes of results need no API key: their addresses are
the secret, since clients fetch them without one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ocr_worker.app import problems
from ocr_worker.app.jobs.addresses import public_base
from ocr_worker.app.jobs.results import with_addresses
from ocr_worker.app.jobs.service import JobReport, JobService, JobState
from ocr_worker.app.jobs.submission import read_submission
from ocr_worker.app.problems import CodedResponse, HttpError
from ocr_worker.errors import (
    ClientError,
    EndpointUnavailable,
    InvalidRequest,
    JobExpired,
    OcrWorkerError,
    as_worker_error,
)
from ocr_worker.settings import Settings
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ErrorInfo

log = logging.getLogger(__name__)

JOBS, RESULTS = "/api/v2/ocr/jobs", "/api/v2/ocr/results"
_SUCCESS = {"code": 0, "msg": "Success"}
_JSON_LINES, _JPEG = "application/x-ndjson", "image/jpeg"


class JobCreated(BaseModel):
    """Id of a job."""

    jobId: str


class Submitted(BaseModel):
    """Response to a submission."""

    code: int
    msg: str
    data: JobCreated


class ExtractProgress(BaseModel):
    """Progress of a job. Times are in ISO 8601, in UTC."""

    totalPages: int
    extractedPages: int
    startTime: str | None = None
    endTime: str | None = None


class ResultUrl(BaseModel):
    """Address of the result, which is as secret as the result."""

    jsonUrl: str


class JobStateData(BaseModel):
    """State of a job. A failed job has `errorMsg`, and an address if some pages were parsed."""

    jobId: str
    state: JobState
    extractProgress: ExtractProgress
    resultUrl: ResultUrl | None = None
    resultJsonUrl: str | None = None
    errorMsg: str | None = None


class JobStateResponse(BaseModel):
    """Response to a request for the state of a job."""

    code: int
    msg: str
    data: JobStateData


class BatchData(BaseModel):
    """States of the jobs of a batch, in the order of submission."""

    batchId: str
    extractResult: list[JobStateData]


class BatchResponse(BaseModel):
    """Response to a request for the states of a batch."""

    code: int
    msg: str
    data: BatchData


class JobErrorResponse(BaseModel):
    """An error. code: the HTTP status."""

    code: int
    msg: str
    errorMsg: str
    error: ErrorInfo


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": JobErrorResponse} for status in (400, 401, 404, 413, 415, 422, 429, 500, 502, 503)
}
_FIELDS = {
    "model": {"type": "string", "examples": ["PaddleOCR-VL-1.6"]},
    "pageRanges": {"type": "string", "examples": ["2,4-6"]},
    "batchId": {"type": "string"},
}
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "model"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "optionalPayload": {"type": "string", "description": "Options of `/layout-parsing`, as JSON."},
                    **_FIELDS,
                },
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["fileUrl", "model"],
                "properties": {
                    "fileUrl": {"type": "string", "format": "uri"},
                    "optionalPayload": {"type": "object", "description": "Options of `/layout-parsing`."},
                    **_FIELDS,
                },
            }
        },
    },
}


def router(service: JobService, settings: Settings) -> APIRouter:
    """Return the router of the jobs, which need an API key if there are any."""
    router = APIRouter(tags=["jobs"], route_class=JobRoute)

    @router.post(
        JOBS,
        response_model=Submitted,
        responses=_ERRORS,
        openapi_extra={"requestBody": _BODY},
    )
    async def job_submit(request: Request) -> dict[str, Any]:
        """Accept a job. It is on disk, or at the endpoint, when the response is sent."""
        try:
            job_id = await service.submit(await read_submission(request))
        finally:
            await request.close()  # deletes the upload from disk
        return {**_SUCCESS, "data": {"jobId": job_id}}

    @router.get(
        JOBS + "/{job_id}",
        response_model=JobStateResponse,
        response_model_exclude_none=True,
        responses=_ERRORS,
    )
    async def job_state(job_id: str, request: Request) -> dict[str, Any]:
        """Return the state of a job and, when it has ended, the address of its result."""
        return {**_SUCCESS, "data": _state_data(await service.report(job_id), public_base(request, settings))}

    @router.get(
        JOBS + "/batch/{batch_id}",
        response_model=BatchResponse,
        response_model_exclude_none=True,
        responses=_ERRORS,
    )
    async def job_batch(batch_id: str, request: Request) -> dict[str, Any]:
        """Return the states of the jobs that were submitted with this `batchId`."""
        base = public_base(request, settings)
        states = [_state_data(report, base) for report in await service.batch(batch_id)]
        return {**_SUCCESS, "data": {"batchId": batch_id, "extractResult": states}}

    return router


def results_router(service: JobService, settings: Settings) -> APIRouter:
    """Return the router of the results, which need no API key."""
    router = APIRouter(tags=["jobs"], route_class=JobRoute)

    @router.get(
        RESULTS + "/{result_key}/result.jsonl",
        response_class=Response,
        responses={200: {"content": {_JSON_LINES: {"schema": {"type": "string"}}}}, **_ERRORS},
    )
    async def job_result(result_key: str, request: Request) -> Response:
        """Return a result: a line of JSON for each page, with addresses of its pictures."""
        folder = f"{public_base(request, settings)}{RESULTS}/{result_key}"
        result_lines = await service.lines(result_key)

        def body() -> Iterator[str]:
            for line in result_lines:
                yield with_addresses(line, lambda name: f"{folder}/{name}") + "\n"

        return StreamingResponse(body(), media_type=_JSON_LINES)

    @router.get(
        RESULTS + "/{result_key}/{name}",
        response_class=Response,
        responses={200: {"content": {_JPEG: {"schema": {"type": "string", "format": "binary"}}}}, **_ERRORS},
    )
    async def job_picture(result_key: str, name: str) -> Response:
        """Return a picture of a result."""
        return Response(await service.picture(result_key, name), media_type=_JPEG)

    return router


def _state_data(report: JobReport, base: str) -> dict[str, Any]:
    url = f"{base}{RESULTS}/{report.result_key}/result.jsonl" if report.result_key else None
    return {
        "jobId": report.id,
        "state": report.state,
        "extractProgress": {
            "totalPages": report.pages_expected,
            "extractedPages": report.pages_done,
            "startTime": _time(report.started_at),
            "endTime": _time(report.ended_at),
        },
        "resultUrl": {"jsonUrl": url} if url else None,
        "resultJsonUrl": url,
        "errorMsg": report.error,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


# --------------------------------------------------------------------------- errors


async def _write_error(request: Request, error: Exception) -> Response:
    status, info = _status_and_info(error)
    return rejection(info, status)


JobRoute = problems.route_class(_write_error)


def rejection(info: ErrorInfo, status: HTTPStatus | None = None) -> JSONResponse:
    """Return the response to an error, also of a request that a middleware rejects. See `problems.rejection`."""
    status = status or problems.status_of(info.code)
    content = {"code": int(status), "msg": info.message, "errorMsg": info.message, "error": info.model_dump()}
    return CodedResponse(info.code, content, status, problems.status_headers(status))


def _status_and_info(error: Exception) -> tuple[HTTPStatus, ErrorInfo]:
    if isinstance(error, HttpError):
        return error.status, error.error
    if isinstance(error, HTTPException):
        return HTTPStatus(error.status_code), ErrorInfo(
            code=InvalidRequest.code, message=str(error.detail), retryable=False
        )
    if not isinstance(error, OcrWorkerError):
        log.exception("unexpected error of the PaddleOCR job API", exc_info=error)
    worker_error = as_worker_error(error)
    return _status_of(worker_error), error_info(worker_error)


def _status_of(error: OcrWorkerError) -> HTTPStatus:
    """Return the HTTP status: as on all routes, and of the endpoint's errors none that accuses the client."""
    if isinstance(error, InvalidRequest):
        return HTTPStatus.BAD_REQUEST
    if isinstance(error, JobExpired):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, EndpointUnavailable):
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, ClientError):
        return HTTPStatus.BAD_GATEWAY
    return problems.status_of(error.code)


ERROR_WRITERS = {JOBS: rejection}  # of submissions that a middleware rejects
