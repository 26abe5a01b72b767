"""`examples/runpod_endpoint.py`, run against a double of the REST API that knows only the documented fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ocr_worker.settings import Settings, variable_name
from support.examples import load_script
from support.runpod_rest import RunpodRest

KEY = "rpa_secret"
IMAGE = "registry.example/paddleocr-vl-worker:1"


@pytest.fixture
def api() -> Iterator[RunpodRest]:
    with RunpodRest(KEY) as server:
        yield server


@pytest.fixture
def run(api: RunpodRest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a function that runs the script with arguments against the double, and returns its exit code."""
    monkeypatch.setenv("RUNPOD_API_KEY", KEY)
    script = load_script("runpod_endpoint.py")
    return lambda *arguments: script.main(["--api", api.url, *arguments])


def test_an_endpoint_is_created(run: Callable[..., int], api: RunpodRest, capsys: pytest.CaptureFixture[str]) -> None:
    """`create` sends only documented fields, and prints the id and the URL that jobs go to."""
    assert run("create", IMAGE, "--name", "papers", "--env", "OCR_STREAM=true") == 0
    assert capsys.readouterr().out == "endpoint1 https://api.runpod.ai/v2/endpoint1/run\n"
    endpoint = api.endpoints["endpoint1"]
    assert (endpoint["name"], endpoint["type"], endpoint["image"]) == ("papers", "QUEUE", IMAGE)
    assert endpoint["workers"] == {"min": 0, "max": 3, "idleTimeout": 60}
    assert endpoint["env"] == {"OCR_JOB_TIMEOUT_S": "540", "OCR_STREAM": "true"}
    assert endpoint["gpu"]["minCudaVersion"] == "12.6"


def test_the_worker_ends_a_job_before_the_platform_does(run: Callable[..., int], api: RunpodRest) -> None:
    """The worker's own time limit is below the endpoint's, so that parsed pages are returned."""
    run("create", IMAGE)
    endpoint = api.endpoints["endpoint1"]
    assert int(endpoint["env"]["OCR_JOB_TIMEOUT_S"]) < endpoint["timeout"] / 1000


def test_the_image_with_vllm_gets_machines_that_can_run_it(run: Callable[..., int], api: RunpodRest) -> None:
    """`--backend vllm` asks for CUDA 13 and for a larger disk."""
    run("create", IMAGE, "--backend", "vllm")
    endpoint = api.endpoints["endpoint1"]
    assert (endpoint["gpu"]["minCudaVersion"], endpoint["disk"]) == ("13.0", 40)


def test_its_variables_are_settings(run: Callable[..., int], api: RunpodRest) -> None:
    """The worker reads each variable that the script sets by itself."""
    run("create", IMAGE)
    assert api.endpoints["endpoint1"]["env"].keys() <= {variable_name(name) for name in Settings.model_fields}


def test_an_update_changes_only_what_it_names(run: Callable[..., int], api: RunpodRest) -> None:
    """`update` keeps the other variables and the other counts, which the API would replace."""
    run("create", IMAGE, "--env", "OCR_STREAM=true")
    before = dict(api.endpoints["endpoint1"])
    assert run("update", "endpoint1", "--workers-max", "5", "--env", "OCR_MAX_PAGES=500") == 0
    assert api.endpoints["endpoint1"] == {
        **before,
        "workers": {"min": 0, "max": 5, "idleTimeout": 60},
        "env": {**before["env"], "OCR_MAX_PAGES": "500"},
    }
    assert run("update", "endpoint1", "--image", "registry.example/paddleocr-vl-worker:2") == 0
    assert api.endpoints["endpoint1"]["image"].endswith(":2")


def test_an_endpoint_is_deleted(run: Callable[..., int], api: RunpodRest) -> None:
    """After `delete`, the endpoint is gone."""
    run("create", IMAGE)
    assert run("delete", "endpoint1") == 0
    assert api.endpoints == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["delete", "endpoint9"], "delete: HTTP 404: Not Found: there is no such endpoint"),
        (["create", IMAGE, "--workers-max", "-1"], "workers.max: Input should be greater than or equal to 0"),
    ],
    ids=["unknown endpoint", "field out of range"],
)
def test_an_error_of_the_api_is_printed(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """The script prints the API's explanation and returns 1."""
    assert run(*arguments) == 1
    assert message in capsys.readouterr().err


def test_a_wrong_key_is_reported(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a wrong key the script returns 1, without one 2; each time it says why."""
    monkeypatch.setenv("RUNPOD_API_KEY", "wrong")
    assert run("create", IMAGE) == 1
    assert "HTTP 401" in capsys.readouterr().err
    monkeypatch.delenv("RUNPOD_API_KEY")
    assert run("create", IMAGE) == 2
    assert "RUNPOD_API_KEY is not set" in capsys.readouterr().err


def test_the_double_rejects_undocumented_fields(api: RunpodRest) -> None:
    """The fields of the API's first version, such as `workersMax`, are errors, so a mistake in the script shows."""
    script = load_script("runpod_endpoint.py")
    body = script.creation_body(script.read_options(["create", IMAGE]))
    client = script.RunpodApi(KEY, api.url)
    for wrong_fields in ({"workersMax": 3}, {"flashboot": True}, {"gpu": {"pools": ["RTX_24"]}}, {"type": "queue"}):
        with pytest.raises(script.ApiError, match="HTTP 422"):
            client.create({**body, **wrong_fields})
