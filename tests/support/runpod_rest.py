"""A double of RunPod's REST API, version 2: the routes of `/v2/serverless` that `examples/runpod_endpoint.py` uses.

It accepts only the fields, types and values that RunPod documents for these routes (https://docs.runpod.io, the OpenAPI
document of API v2, read in November 2026), and answers errors as problem documents, as documented. It starts no
workers. The platform may reject more than the document says; the double cannot tell.
"""

from __future__ import annotations

import json
import threading
from http.server import ThreadingHTTPServer
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from support.http_handler import Answering

Name = Annotated[str, StringConstraints(min_length=1)]
CudaVersion = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")]
# The pools in RunPod's list of GPU types; the OpenAPI document leaves them to the catalog.
Pool = Literal["AMPERE_16", "AMPERE_24", "ADA_24", "AMPERE_48", "ADA_48_PRO", "AMPERE_80", "ADA_80_PRO", "HOPPER_141"]


class Body(BaseModel):
    """Part of a request. Unknown fields and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Gpu(Body):
    pools: Annotated[list[Pool], Field(min_length=1)]
    excludedTypes: list[str] = []
    count: int = Field(1, ge=1)
    allowedCudaVersions: list[CudaVersion] = []
    minCudaVersion: CudaVersion | None = None

    @model_validator(mode="after")
    def _one_constraint(self) -> Self:
        if self.allowedCudaVersions and self.minCudaVersion:
            raise ValueError("allowedCudaVersions and minCudaVersion exclude each other")
        return self


class Workers(Body):
    min: int = Field(0, ge=0)
    max: int = Field(3, ge=0)
    idleTimeout: int = Field(10, ge=1, le=3600)


class QueueDelay(Body):
    type: Literal["QUEUE_DELAY"]
    queueDelay: float = Field(ge=0.5)


class RequestCount(Body):
    type: Literal["REQUEST_COUNT"]
    requestCount: int = Field(ge=1)


Scaling = Annotated[QueueDelay | RequestCount, Field(discriminator="type")]


class Container(Body):
    image: Name | None = None
    args: str = ""
    disk: int = Field(20, ge=1)
    ports: list[str] = []
    env: dict[str, str] = {}
    registry: str | None = None


class CreateEndpoint(Container):
    """The body of `POST /v2/serverless`, for an endpoint with GPUs."""

    name: Name
    type: Literal["QUEUE", "LOAD_BALANCER"]
    scaling: Scaling
    gpu: Gpu
    workers: Workers = Workers()
    dataCenterIds: list[str] = []
    networkVolumes: list[str] = []
    templateId: Name | None = None
    timeout: int = 300_000
    flashboot: Literal["OFF", "FLASHBOOT", "PRIORITY_FLASHBOOT"] = "OFF"

    @model_validator(mode="after")
    def _has_an_image(self) -> Self:
        if not self.image and not self.templateId:
            raise ValueError("image is required unless templateId is set")
        return self


class UpdateEndpoint(Container):
    """The body of `PATCH /v2/serverless/{id}`, for an endpoint with GPUs."""

    name: Name | None = None
    scaling: Scaling | None = None
    gpu: Gpu | None = None
    workers: Workers | None = None
    dataCenterIds: list[str] = []
    networkVolumes: list[str] = []
    templateId: str | None = None
    timeout: int | None = None
    flashboot: Literal["OFF", "FLASHBOOT", "PRIORITY_FLASHBOOT"] | None = None


class RunpodRest(ThreadingHTTPServer):
    """A context manager: the API at `url`. endpoints: those that exist, by id."""

    def __init__(self, api_key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Routes)
        self.api_key = api_key
        self.url = f"http://127.0.0.1:{self.server_port}/v2"
        self.endpoints: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), name="runpod-rest", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Routes(Answering):
    server: RunpodRest

    def do_POST(self) -> None:
        body = self._read_body(CreateEndpoint)
        if body is None or not self._is_authorized():
            return
        if self.path != "/v2/serverless":
            self._problem(404, "Not Found", f"{self.path} is no route")
            return
        endpoint_id = f"endpoint{len(self.server.endpoints) + 1}"
        base = f"https://api.runpod.ai/v2/{endpoint_id}"
        urls = {"run": f"{base}/run", "runSync": f"{base}/runsync", "health": f"{base}/health"}
        self.server.endpoints[endpoint_id] = {
            "id": endpoint_id,
            "requestUrls": urls,
            "createdAt": "2026-11-26T12:00:00Z",
            **body.model_dump(mode="json"),
        }
        self._send(201, self.server.endpoints[endpoint_id])

    def do_GET(self) -> None:
        if endpoint := self._find_endpoint():
            self._send(200, endpoint)

    def do_PATCH(self) -> None:
        body = self._read_body(UpdateEndpoint)
        if body is not None and (endpoint := self._find_endpoint()):
            endpoint |= body.model_dump(mode="json", exclude_unset=True)
            self._send(200, endpoint)

    def do_DELETE(self) -> None:
        if endpoint := self._find_endpoint():
            del self.server.endpoints[endpoint["id"]]
            self._send(204, None)

    def _read_body(self, model: type[Body]) -> Any:
        """Return the valid body; None after it was answered with its errors."""
        data = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            errors = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()]
            self._problem(422, "Unprocessable Entity", "the body is not valid", errors)
            return None

    def _is_authorized(self) -> bool:
        is_authorized = self.headers["Authorization"] == f"Bearer {self.server.api_key}"
        if not is_authorized:
            self._problem(401, "Unauthorized", "the API key is missing or wrong")
        return is_authorized

    def _find_endpoint(self) -> dict[str, Any] | None:
        """Return the endpoint of the path; None after the request was answered with an error."""
        if not self._is_authorized():
            return None
        endpoint = self.server.endpoints.get(self.path.removeprefix("/v2/serverless/"))
        if endpoint is None:
            self._problem(404, "Not Found", "there is no such endpoint")
        return endpoint

    def _send(self, status: int, body: dict[str, Any] | None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.answer(data, status, Content_Type="application/json")

    def _problem(self, status: int, title: str, detail: str, errors: list[str] | None = None) -> None:
        problem = {"title": title, "status": status, "detail": detail, **({"errors": errors} if errors else {})}
        self.answer(json.dumps(problem).encode(), status, Content_Type="application/problem+json")
