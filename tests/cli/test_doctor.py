"""The doctor: what would run here, and the remedy when nothing would."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from ocr_worker import extras
from ocr_worker.cli import doctor
from ocr_worker.extras import install_command
from ocr_worker.settings import Settings
from support import tinyvl, vllm_command


class WithSecrets(Settings):
    """Settings as they will grow: a key, and a URL with credentials."""

    server_api_key: str = Field("")
    bucket_password: SecretStr = SecretStr("")
    server_url: str = Field("")


@pytest.mark.paddle
def test_ready() -> None:
    """With complete weights and an existing device the worker could start; versions, weights and limits are listed."""
    report = doctor.examine(tinyvl.settings())
    text = "\n".join(report.lines)
    assert report.can_start
    assert report.lines[-1] == "ready"
    for phrase in ("v1.6", "paddleocr 3.7.0", str(tinyvl.VL), "device: cpu", "max_pages 2000"):
        assert phrase in text


@pytest.mark.paddle
def test_a_model_server_is_listed_with_its_address(tmp_path: Path) -> None:
    """An external server by host and port alone; a managed one by its command, which must be there."""
    external = doctor.examine(
        tinyvl.settings(backend="vllm-server", server_url="http://me:secret@127.0.0.1:8000/v1?key=secret")
    )
    assert "model server: 127.0.0.1:8000, asked at start only" in external.lines
    assert "secret" not in "\n".join(external.lines)
    managed = doctor.examine(tinyvl.settings(**vllm_command.fields(tmp_path)))
    assert managed.can_start
    assert f"model server: started by the worker, {tmp_path / 'vllm'}" in managed.lines
    missing = doctor.examine(tinyvl.settings(**vllm_command.fields(tmp_path, vllm="/nowhere/vllm")))
    assert not missing.can_start


def test_missing_weights(tmp_path: Path) -> None:
    """Without weights the worker could not start, and the command that fetches them is printed."""
    report = doctor.examine(Settings(device="cpu", volume_dir=tmp_path, weights_home=tmp_path))
    assert not report.can_start
    assert "ocr-worker weights fetch --version v1.6" in "\n".join(report.lines)


@pytest.mark.paddle
def test_weights_that_would_be_fetched(tmp_path: Path) -> None:
    """With downloads allowed, missing weights are no obstacle."""
    report = doctor.examine(Settings(device="cpu", volume_dir=tmp_path, weights_home=tmp_path, download_weights=True))
    assert report.can_start
    assert any("would be fetched" in line for line in report.lines)


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that Paddle or the driver lacks is an obstacle, with the remedy."""
    monkeypatch.setattr("ocr_worker.engines.paddleocr_vl.doctor._list_gpus", list)
    report = doctor.examine(tinyvl.settings(device="gpu"))
    assert not report.can_start
    assert any(line.startswith("not ready:") and "OCR_DEVICE=cpu" in line for line in report.lines)


def test_secrets_are_masked() -> None:
    """Settings are shown without keys, passwords, and the credentials and queries of URLs."""
    settings = WithSecrets(
        engine="embedded",
        server_api_key="sk-1",
        bucket_password=SecretStr("hush"),
        server_url="http://me:hush@host:8000/v1?sig=abc",
    )
    text = "\n".join(doctor.examine(settings).lines)
    assert "OCR_SERVER_URL=http://***host:8000/v1***" in text
    for secret in ("sk-1", "hush", "abc"):
        assert secret not in text


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
        assert any(line.startswith("not ready:") and install_command(extra) in line for line in report.lines)
