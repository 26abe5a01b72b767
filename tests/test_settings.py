"""The settings: errors and names speak of the variables that an operator sets."""

from __future__ import annotations

import pytest
from pydantic_settings import BaseSettings

from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import (
    ClientSettings,
    Settings,
    grouped_fields,
    list_fields,
    load_client_settings,
    load_settings,
    variable_name,
)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "abc"),
        ("PORT_HEALTH", "0"),
        ("RUNPOD_LOG_LEVEL", "LOUD"),
        ("RUNPOD_INIT_TIMEOUT", "-1"),
        ("BUCKET_ENDPOINT_URL", "ftp://bucket"),
        ("OCR_MAX_PAGES", "0"),
        ("OCR_ALLOWED_HOSTS", "a,b"),
    ],
)
def test_a_wrong_value_is_reported_under_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message begins with the very name that was set, and names no other variable."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as raised:
        load_settings()
    message = str(raised.value).removeprefix("the environment is not valid: ")
    assert variable in message or variable.removeprefix("OCR_").lower() in message
    assert "OCR_PORT" not in message
    assert "OCR_BUCKET" not in message


def test_variables_that_do_not_go_together_are_named() -> None:
    """The message is the reason itself."""
    with pytest.raises(ValueError, match="OCR_SERVER=managed starts vLLM"):
        Settings(server="managed")


def test_the_batch_client_names_the_platforms_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of the platform has no prefix of ours."""
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", "nowhere")
    with pytest.raises(SettingsInvalid, match="valid: RUNPOD_ENDPOINT_BASE_URL: "):
        load_client_settings()


def test_every_setting_has_the_name_it_is_read_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """An alias counts before the prefix; the first of several is the name."""
    assert variable_name("max_pages") == "OCR_MAX_PAGES"
    assert variable_name("port") == "PORT"
    assert variable_name("weights_home") == "OCR_WEIGHTS_HOME"
    monkeypatch.setenv(variable_name("bucket_region"), "nowhere-1")
    assert load_settings().bucket_region == "nowhere-1"


def test_every_setting_is_in_one_group() -> None:
    """The groups hold every field of the settings once, in the order of the fields."""
    assert [field.field for fields in grouped_fields().values() for field in fields] == list(Settings.model_fields)
    assert list(grouped_fields()) == ["worker", "limits", "engine", "model server", "bucket", "HTTP", "platform"]


@pytest.mark.parametrize("model", [Settings, ClientSettings])
def test_every_description_can_be_read_alone(model: type[BaseSettings]) -> None:
    """A description is a sentence about the value, and says what happens without it."""
    for field in list_fields(model, "any"):
        assert field.description[0].isupper(), field
        assert field.description.endswith("."), field
        assert " Default: " in field.description, field
