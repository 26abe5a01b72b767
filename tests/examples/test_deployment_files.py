"""`docker-compose.yml`, `kubernetes.yaml` and its autoscaler: their schemas, and all in them that the code must know.

Nothing is deployed. The schemas are those of the Compose specification and of Kubernetes, from packages that carry
them. ServiceMonitor belongs to the Prometheus operator, whose schema is in no package that we install.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import yaml

from ocr_worker.app import create_app, health
from ocr_worker.app.worker import AppWorker
from ocr_worker.cli import COMMANDS
from ocr_worker.settings import Settings, variable_name
from support.examples import EXAMPLES
from support.waiting import PATIENCE_S
from support.worker_process import ROOT

COMPOSE_FILE, KUBERNETES_FILE = EXAMPLES / "docker-compose.yml", EXAMPLES / "kubernetes.yaml"
COMPOSE = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
RESOURCES = list(yaml.safe_load_all(KUBERNETES_FILE.read_text(encoding="utf-8")))
DEPLOYMENT, SERVICE, SERVICE_MONITOR = RESOURCES
AUTOSCALER = yaml.safe_load((EXAMPLES / "kubernetes-autoscaling.yaml").read_text(encoding="utf-8"))
POD = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

VARIABLES = {variable_name(name): name for name in Settings.model_fields}
PROBE_URL = re.compile(r"http://127\.0\.0\.1:(\d+)(/\w+)")


def environments() -> Iterator[dict[str, str]]:
    """Yield the variables that each container gets, with a value of their kind where it comes from elsewhere."""
    for service in COMPOSE["services"].values():
        yield {name: "[]" if str(value).startswith("${") else value for name, value in service["environment"].items()}
    yield {variable["name"]: variable["value"] for variable in CONTAINER["env"] if "value" in variable}


def commands() -> Iterator[list[str]]:
    """Yield the command that each container runs."""
    yield from (service["command"] for service in COMPOSE["services"].values())
    yield CONTAINER["args"]


def routes() -> set[str]:
    """Return the paths that the HTTP app serves."""
    return set(create_app(Settings(engine="embedded")).openapi()["paths"])


# --------------------------------------------------------------------------- schemas


@pytest.mark.process
def test_the_compose_file_is_valid() -> None:
    """The file satisfies the Compose specification."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.process
def test_the_kubernetes_resources_are_valid() -> None:
    """The resources satisfy Kubernetes' schemas, of 1.30 and of the newest release, without extra fields."""
    import kubernetes_validate

    for version in ("1.30", kubernetes_validate.latest_version()):
        for resource in (DEPLOYMENT, SERVICE, AUTOSCALER):
            kubernetes_validate.validate(resource, version, strict=True)


# --------------------------------------------------------------------------- against the code


def test_the_variables_are_settings() -> None:
    """Each variable is a setting, and the values of each container make valid settings together."""
    names = {variable["name"] for variable in CONTAINER["env"]}
    for environment in environments():
        names |= environment.keys()
        assert environment.keys() <= VARIABLES.keys()
    assert names <= VARIABLES.keys()


def test_the_values_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings load from the variables of each container."""
    for environment in environments():
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            assert Settings().engine == environment["OCR_ENGINE"]


def test_the_commands_exist() -> None:
    """Each container runs `ocr-worker` with a command and options that it has."""
    for program, command, *options in commands():
        assert program == "ocr-worker"
        assert command in COMMANDS
        parser = argparse.ArgumentParser()
        import_module(f"ocr_worker.cli.{command}").add_arguments(parser)
        assert parser.parse_args(options).host == "0.0.0.0"  # else nothing outside of the container reaches it
    assert "/usr/local/bin/ocr-worker" in DOCKERFILE
    assert "ENTRYPOINT" not in DOCKERFILE, "the files set only the arguments"


def test_keys_are_required() -> None:
    """No container listens to everybody without a key: neither says --open, and both take keys from outside."""
    assert all("--open" not in command for command in commands())
    assert all("OCR_API_KEYS:?" in service["environment"]["OCR_API_KEYS"] for service in COMPOSE["services"].values())
    (keys,) = [variable for variable in CONTAINER["env"] if variable["name"] == "OCR_API_KEYS"]
    assert "optional" not in keys["valueFrom"]["secretKeyRef"]


def test_secrets_come_by_reference() -> None:
    """No value of a secret setting is in the files."""
    secrets = {name for name, field in VARIABLES.items() if "SecretStr" in str(Settings.model_fields[field].annotation)}
    assert "OCR_API_KEYS" in secrets
    for variable in CONTAINER["env"]:
        assert variable["name"] not in secrets or "valueFrom" in variable
    for service in COMPOSE["services"].values():
        assert all(service["environment"].get(name, "${").startswith("${") for name in secrets)


def test_the_ports_agree() -> None:
    """The app's port, the published ports, the Service and the probes name the same port."""
    for environment in environments():
        port = environment["PORT"]
        assert int(port) == Settings.model_fields["port"].default
    for service in COMPOSE["services"].values():
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    (container_port,) = CONTAINER["ports"]
    assert container_port["containerPort"] == int(port)
    assert SERVICE["spec"]["ports"][0]["targetPort"] == container_port["name"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"]["port"] == container_port["name"]


def test_the_probes_ask_for_routes_of_the_app() -> None:
    """Each probe and the ServiceMonitor name a path that the app serves; those that wait for the engine, `/readyz`."""
    probes = {name: CONTAINER[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probes == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    for service in COMPOSE["services"].values():
        match = PROBE_URL.search(service["healthcheck"]["test"][-1])
        assert match
        assert match.groups() == ("8000", "/readyz")
        compile(service["healthcheck"]["test"][-1], "probe", "exec")
    assert {*probes.values(), SERVICE_MONITOR["spec"]["endpoints"][0]["path"]} <= routes()


def test_the_autoscaler_reads_a_metric_of_the_app_and_scales_the_deployment() -> None:
    """Its metric is a gauge of `/metrics`, its target is the Deployment, and both names are in the documentation."""
    worker = AppWorker(Settings(engine="embedded"))
    health.router(worker)
    (metric,) = AUTOSCALER["spec"]["metrics"]
    names = {family.name for family in worker.metrics.registry.collect()}
    documentation = (ROOT / "docs" / "deploy-elsewhere.md").read_text(encoding="utf-8")
    assert metric["pods"]["metric"]["name"] in names
    assert metric["pods"]["metric"]["name"] in documentation
    target = AUTOSCALER["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (DEPLOYMENT["kind"], DEPLOYMENT["metadata"]["name"])
    (query,) = re.findall(r"^ +query: sum\((\w+)\)$", documentation, re.MULTILINE)
    assert query in names


def test_nothing_ends_before_the_worker_does() -> None:
    """The grace periods are longer than the app's own, and the start may take as long as the engine's limit."""
    (kubernetes,) = [environment for environment in environments() if environment["OCR_ENGINE"] == "paddleocr-vl"][1:]
    assert POD["terminationGracePeriodSeconds"] > int(kubernetes["OCR_GRACE_S"])
    startup = CONTAINER["startupProbe"]
    assert startup["failureThreshold"] * startup["periodSeconds"] > int(kubernetes["OCR_START_TIMEOUT_S"])
    for service in COMPOSE["services"].values():
        assert int(service["stop_grace_period"].rstrip("s")) > int(service["environment"]["OCR_GRACE_S"])
        assert service["healthcheck"]["start_period"] == f"{service['environment']['OCR_START_TIMEOUT_S']}s"


def test_the_images_can_be_built() -> None:
    """Targets and arguments of each build are in the Dockerfile, and so are the image's name and user."""
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE))
    arguments = set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))
    for service in COMPOSE["services"].values():
        assert (COMPOSE_FILE.parent / service["build"]["context"] / "Dockerfile").samefile(ROOT / "Dockerfile")
        assert service["build"]["target"] in stages
        assert service["build"].get("args", {}).keys() <= arguments
        assert f"-t {service['image'].partition(':')[0]}" in DOCKERFILE
    assert CONTAINER["image"].removeprefix("REGISTRY/") == COMPOSE["services"]["gpu"]["image"]
    assert f"--uid {POD['securityContext']['runAsUser']} " in DOCKERFILE


def test_the_resources_refer_to_each_other() -> None:
    """Service and Deployment select the pods, and the ServiceMonitor the Service and its port."""
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == SERVICE["spec"]["selector"] == labels
    monitor: dict[str, Any] = SERVICE_MONITOR["spec"]
    assert monitor["selector"]["matchLabels"] == SERVICE["metadata"]["labels"]
    assert monitor["endpoints"][0]["port"] == SERVICE["spec"]["ports"][0]["name"]


def test_the_service_sets_no_variables_that_look_like_settings() -> None:
    """Kubernetes would set `OCR_WORKER_PORT` and others for a Service of this name; the file switches that off."""
    assert SERVICE["metadata"]["name"].replace("-", "_").upper().startswith("OCR_")
    assert POD["enableServiceLinks"] is False
