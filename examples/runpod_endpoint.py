"""Create, update or delete the worker's RunPod endpoint through RunPod's REST API, version 2.

    export RUNPOD_API_KEY=...
    python examples/runpod_endpoint.py create REGISTRY/paddleocr-vl-worker:1 --name ocr
    python examples/runpod_endpoint.py update ENDPOINT_ID --workers-max 5 --env OCR_MAX_PAGES=500
    python examples/runpod_endpoint.py delete ENDPOINT_ID

Checked, not run: the requests follow RunPod's documentation of `/v2/serverless`, read in November 2026, and a test
runs the script against a server that accepts only the fields documented there. It has never met the platform. Version
1 of the API, at rest.runpod.io, was to be retired on November 15, 2026.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import requests

API_URL = "https://api.runpod.io/v2"
TIMEOUT_S = 60

GPU_POOLS = ["AMPERE_24", "ADA_24", "AMPERE_16"]  # 24 GB first: L4, A5000, 3090; 4090; then cards of 16 GB
MIN_CUDA = {"native": "12.6", "vllm": "13.0"}  # what the wheels of Paddle, and of vLLM on PyPI, are built for
DISK_GB = {"native": 20, "vllm": 40}  # unpacked image, and room for what is written beside it
JOB_TIMEOUT_S = 600  # the platform stops a job after this; the worker returns what it has a tenth earlier


class ApiError(Exception):
    """The API rejected a request. The message is the API's own."""


class RunpodApi:
    """The routes of `/v2/serverless`. Each method raises ApiError when the API rejects the request."""

    def __init__(self, api_key: str, url: str = API_URL) -> None:
        self._url = f"{url}/serverless"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {api_key}"

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create an endpoint. Return it, with its `id` and `requestUrls`."""
        return self._call("POST", "", body)

    def get(self, endpoint_id: str) -> dict[str, Any]:
        """Return an endpoint."""
        return self._call("GET", f"/{endpoint_id}")

    def update(self, endpoint_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change the fields of an endpoint that `body` has. Return the endpoint."""
        return self._call("PATCH", f"/{endpoint_id}", body)

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint. Its jobs are cancelled and its workers end."""
        self._call("DELETE", f"/{endpoint_id}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._session.request(method, self._url + path, json=body, timeout=TIMEOUT_S)
        if not response.ok:
            raise ApiError(_describe_error(response))
        endpoint: dict[str, Any] = response.json() if response.content else {}
        return endpoint


def _describe_error(response: requests.Response) -> str:
    """Return the text of an error response, which is a problem document (RFC 9457)."""
    try:
        problem = response.json()
    except ValueError:
        return f"HTTP {response.status_code}: {response.text[:200]}"
    details = [problem.get("detail", ""), *problem.get("errors", [])]
    return f"HTTP {response.status_code}: {problem.get('title', '')}: {'; '.join(details)}"


def creation_body(options: argparse.Namespace) -> dict[str, Any]:
    """Return the body that creates a queue-based endpoint."""
    env = {"OCR_JOB_TIMEOUT_S": str(JOB_TIMEOUT_S * 9 // 10), **dict(options.env)}
    return {
        "name": options.name,
        "type": "QUEUE",
        "image": options.image,
        "disk": DISK_GB[options.backend],
        "env": env,
        "gpu": {"pools": GPU_POOLS, "count": 1, "minCudaVersion": MIN_CUDA[options.backend]},
        "workers": {"min": options.workers_min, "max": options.workers_max, "idleTimeout": 60},
        "scaling": {"type": "QUEUE_DELAY", "queueDelay": 4},
        "timeout": JOB_TIMEOUT_S * 1000,
        "flashboot": "FLASHBOOT",
    }


def update_body(options: argparse.Namespace, endpoint: dict[str, Any]) -> dict[str, Any]:
    """Return the body that changes what the options name. The rest of `env` and `workers` is sent again unchanged."""
    counts = {"min": options.workers_min, "max": options.workers_max}
    counts = {name: count for name, count in counts.items() if count is not None}
    fields = {
        "image": options.image,
        "env": {**endpoint.get("env", {}), **dict(options.env)} if options.env else None,
        "workers": {**endpoint["workers"], **counts} if counts else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--api", default=API_URL, metavar="URL", help=f"the REST API ({API_URL})")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="create an endpoint and print its id and URL")
    create.add_argument("image", help="the worker's image, with its tag")
    create.add_argument("--name", default="ocr", help="name of the endpoint (ocr)")
    create.add_argument("--backend", choices=DISK_GB, default="native", help="vllm needs an image of `--target vllm`")
    update = commands.add_parser("update", help="change an endpoint; workers are replaced one after the other")
    update.add_argument("id", help="the endpoint's id")
    update.add_argument("--image", help="the worker's image, with its tag")
    for command in (create, update):
        command.add_argument("--env", type=_variable, action="append", default=[], metavar="NAME=VALUE")
        command.add_argument("--workers-min", type=int, metavar="N", help="workers that are always on, and paid (0)")
        command.add_argument("--workers-max", type=int, metavar="N", help="most workers at the same time (3)")
    create.set_defaults(workers_min=0, workers_max=3)
    commands.add_parser("delete", help="delete an endpoint").add_argument("id", help="the endpoint's id")
    return parser.parse_args(arguments)


def _variable(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text}: write NAME=VALUE")
    return name, value


def main(arguments: Sequence[str]) -> int:
    """Run the command. Return the exit code."""
    options = read_options(arguments)
    api_key = os.environ.get("RUNPOD_API_KEY")
    if not api_key:
        print("RUNPOD_API_KEY is not set: create a key in RunPod's console", file=sys.stderr)
        return 2
    api = RunpodApi(api_key, options.api)
    try:
        if options.command == "create":
            endpoint = api.create(creation_body(options))
            print(endpoint["id"], endpoint["requestUrls"]["run"])
        elif options.command == "update":
            api.update(options.id, update_body(options, api.get(options.id)))
        else:
            api.delete(options.id)
    except (ApiError, requests.RequestException) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
