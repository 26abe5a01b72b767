"""The doctor: what would run here, and the remedy when nothing would."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from ocr_worker import extras
from ocr_worker.cli import doctor, main
from ocr_worker.extras import install_command
from ocr_worker.settings import Settings, grouped_fields, load_settings, variable_name
from support import doubles, tinyvl, vllm_command


@pytest.mark.paddle
def test_ready() -> None:
    """With complete weights and a device the worker can start; the report has versions, weights and device."""
    report = doctor.examine(tinyvl.settings())
    lines = list(report.lines())
    assert report.can_start
    assert lines[-1] == "ready"
    for part in ("v1.6", "paddleocr 3.7.0", str(tinyvl.VL), "device: cpu"):
        assert part in "\n".join(lines)


@pytest.mark.paddle
def test_a_model_server_is_listed_with_its_address(tmp_path: Path) -> None:
    """An external server by host and port alone; a managed one by its command, which must be there."""
    external = doctor.examine(
        tinyvl.settings(backend="vllm-server", server_url="http://me:secret@127.0.0.1:8000/v1?key=secret")
    )
    assert "model server: 127.0.0.1:8000, asked at start only" in external.facts
    assert "secret" not in "\n".join(external.lines())
    managed = doctor.examine(tinyvl.settings(**vllm_command.fields(tmp_path)))
    assert managed.can_start
    assert f"model server: started by the worker, {tmp_path / 'vllm'}" in managed.facts
    missing = doctor.examine(tinyvl.settings(**vllm_command.fields(tmp_path, vllm="/nowhere/vllm")))
    assert not missing.can_start


def test_missing_weights(tmp_path: Path) -> None:
    """Without weights the worker could not start, and the command that fetches them is printed."""
    report = doctor.examine(Settings(device="cpu", volume_dir=tmp_path, weights_home=tmp_path))
    assert not report.can_start
    assert "ocr-worker weights fetch --version v1.6" in "\n".join(report.lines())


@pytest.mark.paddle
def test_weights_that_would_be_fetched(tmp_path: Path) -> None:
    """With downloads allowed, missing weights are no obstacle."""
    report = doctor.examine(Settings(device="cpu", volume_dir=tmp_path, weights_home=tmp_path, download_weights=True))
    assert report.can_start
    assert any("would be fetched" in fact for fact in report.facts)


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that Paddle or the driver lacks is an obstacle, with the remedy."""
    monkeypatch.setattr("ocr_worker.engines.paddleocr_vl.doctor.query_gpus", lambda fields: [])
    report = doctor.examine(tinyvl.settings(device="gpu"))
    assert not report.can_start
    assert any(line.startswith("not ready:") and "OCR_DEVICE=cpu" in line for line in report.lines())


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a worker whose settings come from all possible origins, with secrets that contain `hush`."""
    values = {
        "OCR_ENGINE": "embedded",
        "OCR_MAX_PAGES": "2000",
        "OCR_GRACE_S": "7",
        "OCR_BACKEND": "vllm-server",
        "OCR_ALLOWED_HOSTS": "a.example,b.example",
        "PADDLE_PDX_CACHE_HOME": "/cache",
        "OCR_API_KEYS": "hush1,hush2",
        "OCR_SERVER_API_KEY": "hush",
        "OCR_SERVER_ARGS": "--max-num-seqs 8 --api-key hush --hf-token=hush",
        "BUCKET_ENDPOINT_URL": "http://me:hush@host:9000/results?sig=hush",
        "BUCKET_ACCESS_KEY_ID": "hush",
        "BUCKET_SECRET_ACCESS_KEY": "hush",
        "OCR_COLOR_SPACE": "hush",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def test_settings_are_shown_with_their_origin(variables: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Settings that differ from their defaults are shown, those that follow from others among them, and no others."""
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    for line in (
        "  OCR_GRACE_S=7  (environment; default: 30)",
        "  OCR_CONCURRENCY=64  (derived; default: 2)",
        "  OCR_PAGE_MEMORY_MB=400  (derived; default: 100)",
        "  OCR_SERVER=managed  (derived)",
        "  OCR_ALLOWED_HOSTS=a.example,b.example  (environment)",
        "  OCR_WEIGHTS_HOME=/cache  (environment variable PADDLE_PDX_CACHE_HOME; default: ~/.paddlex)",
        "  OCR_SERVER_ARGS=--max-num-seqs 8 --api-key *** --hf-token=***  (environment)",
        "  BUCKET_ENDPOINT_URL=http://***host:9000/results***  (environment)",
        "warning: OCR_COLOR_SPACE is not a setting of this worker, and has no effect",
    ):
        assert line in lines
    assert not any("OCR_MAX_PAGES" in line for line in lines)


def test_all_settings_are_shown_by_group(variables: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """`--all` shows every setting below its group."""
    main(["doctor", "--all"])
    lines = capsys.readouterr().out.splitlines()
    shown = [line for line in lines if line.startswith(("settings, ", "  "))]
    expected = []
    for group, fields in grouped_fields().items():
        expected += [f"settings, {group}:", *(field.name for field in fields)]
    assert [line.split("=")[0].split("  (")[0].strip() for line in shown] == expected
    assert "  OCR_MAX_PAGES=2000  (environment)" in lines
    assert "  OCR_QUEUE=64  (default)" in lines
    assert "  OCR_RECYCLE_PAGES  (not set)" in lines


def test_the_report_as_json(variables: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints one document with all settings; the exit code agrees with it."""
    code = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["engine"] == "embedded"
    assert report["can_start"] == (code == 0) == (report["problems"] == [])
    settings = {setting["name"]: setting for setting in report["settings"]}
    assert settings.keys() == {variable_name(field) for field in Settings.model_fields}
    assert settings["OCR_GRACE_S"]["value"] == "7"
    assert settings["OCR_GRACE_S"]["source"] == "environment"
    assert settings["OCR_GRACE_S"]["group"] == "HTTP"
    assert settings["OCR_CONCURRENCY"]["source"] == "derived"
    assert settings["PORT"]["is_default"]


def test_wrong_settings_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints a document also when there are no settings to report on."""
    monkeypatch.setenv("PORT", "abc")
    assert main(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["can_start"]
    assert report["problems"][0].startswith("PORT=abc is not a whole number")


def test_a_variable_of_the_engine_is_known(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No warning is given about a variable that the engine's spec declares, by its name or by a pattern."""
    for pattern in ("OCR_COLOR_SPACE", "OCR_COLOR_*"):
        spec = replace(doubles.reading, variables={pattern: "color space of the pages"})
        monkeypatch.setattr(doctor, "engine_spec", lambda name, spec=spec: spec)
        report = doctor.examine(load_settings())
        assert report.warnings == []
        assert f"reads {pattern}: color space of the pages" in report.facts


@pytest.mark.parametrize("flags", [[], ["--all"], ["--json"]])
def test_no_secret_is_printed(variables: dict[str, str], flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Keys, passwords, queries of URLs and values of unknown variables are in no form of the report."""
    main(["doctor", *flags])
    assert "hush" not in capsys.readouterr().out


def test_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine or a bucket without its extra is an obstacle, with the command that installs it."""

    def nothing_installed(distribution: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(extras, "version", nothing_installed)
    bucket = {"bucket_endpoint_url": "https://x/y", "bucket_access_key_id": "k", "bucket_secret_access_key": "s"}
    for settings, extra in (
        (tinyvl.settings(), "paddle"),
        (tinyvl.settings(engine="embedded"), "embedded"),
        (tinyvl.settings(engine="embedded", **bucket), "s3"),
    ):
        report = doctor.examine(settings)
        assert not report.can_start
        assert any(line.startswith("not ready:") and install_command(extra) in line for line in report.lines())
