"""The settings: errors, names and descriptions speak of the variables that an operator sets."""

from __future__ import annotations

import os

import pytest
from pydantic_settings import BaseSettings

from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import (
    ClientSettings,
    Settings,
    expected_values,
    grouped_fields,
    list_fields,
    load_client_settings,
    load_settings,
    processor_count,
    unknown_variables,
    variable_name,
)
from ocr_worker.witness.pool import default_workers

BUCKET = {
    "BUCKET_ENDPOINT_URL": "https://s3.example.com",
    "BUCKET_ACCESS_KEY_ID": "key",
    "BUCKET_SECRET_ACCESS_KEY": "secret",
}


def problems(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    """Return the lines of the error that these variables cause."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as raised:
        load_settings()
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "PORT",
            "abc",
            "PORT=abc is not a whole number from 0 to 65535; correct it, or unset it for the default, 8000",
        ),
        ("PORT_HEALTH", "0", "PORT_HEALTH=0 is not a whole number from 1 to 65535; correct it, or unset it"),
        (
            "RUNPOD_LOG_LEVEL",
            "LOUD",
            "RUNPOD_LOG_LEVEL=LOUD is not one of DEBUG, INFO, WARN, ERROR; correct it, or unset it",
        ),
        (
            "RUNPOD_INIT_TIMEOUT",
            "-1",
            "RUNPOD_INIT_TIMEOUT=-1 is not a number above 0; correct it, or unset it for the default, 420",
        ),
        (
            "BUCKET_ENDPOINT_URL",
            "ftp://bucket",
            "BUCKET_ENDPOINT_URL=ftp://bucket is not a URL such as https://s3.eu-central-1.amazonaws.com; correct it,"
            " or unset it",
        ),
        ("OCR_JOB_TIMEOUT_S", "x", "OCR_JOB_TIMEOUT_S=x is not a number above 0 and up to 604800"),
        (
            "OCR_STREAM",
            "maybe",
            "OCR_STREAM=maybe is not true or false; correct it, or unset it for the default, false",
        ),
        ("OCR_DEVICE", "cuda", "OCR_DEVICE=cuda is not a device such as gpu, gpu:1 or cpu"),
        ("OCR_BACKEND", "vllm", "did you mean vllm-server?"),
        ("OCR_LOG_LEVEL", "debug", "did you mean DEBUG?"),
    ],
)
def test_a_wrong_value_is_reported_with_its_variable(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the variable's true name, its value, the valid values and a remedy, in one line."""
    (line,) = problems(monkeypatch, **{variable: value})
    assert line.startswith(f"{variable}={value} is not ")
    assert message in line


def test_several_problems_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error names every wrong setting, a line each, also misspelled ones."""
    lines = problems(monkeypatch, PORT="abc", OCR_MAX_PAGES="0", OCR_ENGIN="embedded", OCR_ALLOWED_HOSTS="https://a/b")
    assert lines[0] == "4 settings are wrong:"
    assert [line.split("=")[0].split(" is ")[0] for line in lines[1:]] == [
        "- OCR_ENGIN",
        "- OCR_ALLOWED_HOSTS",
        "- OCR_MAX_PAGES",
        "- PORT",
    ]


# --------------------------------------------------------------------------- lists


@pytest.mark.parametrize("text", ["a.example,*.b.example", " a.example , *.b.example,", '["a.example", "*.b.example"]'])
def test_lists_are_separated_by_commas_or_json(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts, origins and keys can be written either way."""
    monkeypatch.setenv("OCR_ALLOWED_HOSTS", text)
    monkeypatch.setenv("OCR_API_KEYS", text)
    monkeypatch.setenv("OCR_CORS_ORIGINS", text.replace("a.example", "https://a.example").replace("*.b.example", "*"))
    settings = load_settings()
    assert settings.allowed_hosts == ["a.example", "*.b.example"]
    assert [key.get_secret_value() for key in settings.api_keys] == ["a.example", "*.b.example"]
    assert settings.cors_origins == ["https://a.example", "*"]


def test_private_hosts_are_networks_addresses_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are written in their usual form, and names in lower case, with wildcards before their last label."""
    monkeypatch.setenv("OCR_PRIVATE_HOSTS", "10.1.2.3/16,192.168.7.7,fd12::/16,MinIO,*.svc.cluster.local")
    expected = ["10.1.0.0/16", "192.168.7.7/32", "fd12::/16", "minio", "*.svc.cluster.local"]
    assert load_settings().private_hosts == expected


@pytest.mark.parametrize("text", ["*", "10.*", "10.1.0.0/33", "http://minio", "minio:9000", "*.*", "a.*", "1.2.3"])
def test_a_private_host_that_would_open_too_much_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wildcard in place of a network, or alone, would open names that anybody can point inside."""
    monkeypatch.setenv("OCR_PRIVATE_HOSTS", text)
    with pytest.raises(SettingsInvalid, match="OCR_PRIVATE_HOSTS"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("--gpu-memory-utilization 0.7", ["--gpu-memory-utilization", "0.7"]),
        ("""--limit '{"image": 1, "video": 0}'""", ["--limit", '{"image": 1, "video": 0}']),
        ("--sizes 1,2", ["--sizes", "1,2"]),
        ('["--sizes", "1 2"]', ["--sizes", "1 2"]),
    ],
)
def test_arguments_are_a_shell_line_or_json(text: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas do not separate the arguments of a model server."""
    monkeypatch.setenv("OCR_SERVER_ARGS", text)
    assert load_settings().server_args == arguments


@pytest.mark.parametrize(
    ("variable", "value", "example"),
    [
        ("OCR_ALLOWED_HOSTS", '["a.example"', "files.example.com,*.example.org"),
        ("OCR_ALLOWED_HOSTS", "a.example:8000", "files.example.com,*.example.org"),
        ("OCR_ALLOWED_HOSTS", "[1]", "files.example.com,*.example.org"),
        ("OCR_CORS_ORIGINS", "a.example", "https://a.example,https://b.example:8443"),
        ("OCR_CORS_ORIGINS", "https://a.example/", "https://a.example,https://b.example:8443"),
        ("OCR_SERVER_ARGS", "--name 'x", "--max-num-seqs 8"),
        ("OCR_ALLOWED_HOSTS", " ,", "files.example.com,*.example.org"),
        ("OCR_API_KEYS", ",", "key1,key2"),
    ],
)
def test_a_wrong_list_is_reported_with_an_example(
    variable: str, value: str, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the variable, its value, and a list that would be valid."""
    (line,) = problems(monkeypatch, **{variable: value})
    assert line.startswith(f"{variable}=")
    assert example in line


@pytest.mark.parametrize("value", ['["hush"', '"hush"', '["hush hush"]', '["hush", ""]'])
def test_a_wrong_secret_is_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message about keys shows an example, and nothing of the keys."""
    (line,) = problems(monkeypatch, OCR_API_KEYS=value)
    assert line.startswith("OCR_API_KEYS=")
    assert "key1,key2" in line
    assert "hush" not in line


def test_credentials_in_a_wrong_url_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL is shown without its user, password and query."""
    (line,) = problems(monkeypatch, OCR_SERVER_URL="ftp://me:hush@host/v1?key=hush")
    assert line.startswith("OCR_SERVER_URL=ftp://***host/v1*** is not a list of URLs")
    assert "hush" not in line


def test_several_model_servers_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """OCR_SERVER_URL takes one address or several, and shows a wrong one without its credentials."""
    monkeypatch.setenv("OCR_BACKEND", "vllm-server")
    monkeypatch.setenv("OCR_SERVER_URL", "http://a:8000/v1, https://b/v1")
    assert load_settings().server_url == ["http://a:8000/v1", "https://b/v1"]
    (line,) = problems(monkeypatch, OCR_SERVER_URL="http://a:8000/v1,b:8000/v1")
    assert "is not a list of URLs" in line


@pytest.mark.parametrize(
    ("fields", "jobs", "memory_mb"),
    [
        ({}, 2, 100),
        ({"backend": "vllm-server"}, 64, 400),
        ({"backend": "vllm-server", "replicas": 2, "pages_per_call": 4}, 16, 100),
        ({"backend": "vllm-server", "replicas": 8}, 128, 800),
        ({"backend": "vllm-server", "concurrency": 3, "page_memory_mb": 50}, 3, 50),
    ],
)
def test_jobs_and_memory_follow_from_the_replicas(fields: dict[str, object], jobs: int, memory_mb: float) -> None:
    """Twice as many jobs and pages as all replicas have in their calls, unless they are set; natively two jobs."""
    settings = Settings.model_validate(fields)
    assert (settings.jobs_at_once, settings.page_room_mb) == (jobs, memory_mb)


def test_a_long_value_stays_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value with line breaks is quoted, and a long one shortened."""
    (line,) = problems(monkeypatch, OCR_DEVICE="gpu\n" * 100)
    assert line.startswith("OCR_DEVICE='gpu\\ngpu")
    assert len(line) < 400


# --------------------------------------------------------------------------- unknown variables


@pytest.mark.parametrize(
    ("variable", "setting"),
    [
        ("OCR_API_KEY", "OCR_API_KEYS"),
        ("OCR_ENGIN", "OCR_ENGINE"),
        ("OCR_MAXPAGES", "OCR_MAX_PAGES"),
        ("OCR_PORT", "PORT"),
        ("OCR_HEALTH_PORT", "PORT_HEALTH"),
        ("OCR_BUCKET_NAME", "BUCKET_NAME"),
        ("ocr_loglevel", "OCR_LOG_LEVEL"),
    ],
)
def test_a_misspelled_variable_stops_the_worker(variable: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable and the setting that it is close to, and not its value."""
    (line,) = problems(monkeypatch, **{variable: "hush"})
    assert line == f"{variable} is not a setting; did you mean {setting}? Rename it, or unset it"


def test_other_unknown_variables_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is close to nothing stops nobody; one that the engine declares is known."""
    monkeypatch.setenv("OCR_COLOR_SPACE", "x")
    monkeypatch.setenv("OCR_FONT_NAME", "x")
    monkeypatch.setenv("OCR_FONT_SIZE", "x")
    monkeypatch.setenv("OCR_MAX_PAGES", "10")
    assert load_settings().max_pages == 10
    assert unknown_variables() == ["OCR_COLOR_SPACE", "OCR_FONT_NAME", "OCR_FONT_SIZE"]
    assert unknown_variables(["OCR_FONT_*"]) == ["OCR_COLOR_SPACE"]
    assert unknown_variables(["OCR_COLOR_SPACE", "OCR_FONT_NAME", "OCR_FONT_SIZE"]) == []


# --------------------------------------------------------------------------- settings that depend on each other


@pytest.mark.parametrize("names", [["BUCKET_NAME"], ["BUCKET_REGION"], ["BUCKET_ENDPOINT_URL", "BUCKET_ACCESS_KEY_ID"]])
def test_an_incomplete_bucket_stops_the_worker(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is set and what is missing, and nothing else."""
    (line,) = problems(monkeypatch, **{name: BUCKET.get(name, "results") for name in names})
    present, _, missing = line.partition(", but a bucket also needs ")
    assert [name for name in (*BUCKET, "BUCKET_NAME", "BUCKET_REGION") if name in present] == names
    assert [name for name in BUCKET if name in missing] == [name for name in BUCKET if name not in names]


def test_a_complete_bucket_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and region may be in the URL."""
    for name, value in BUCKET.items():
        monkeypatch.setenv(name, value)
    assert load_settings().bucket_name is None


@pytest.mark.parametrize(
    ("variables", "is_managed"),
    [
        ({}, False),
        ({"OCR_BACKEND": "native", "OCR_SERVER": "external"}, False),
        ({"OCR_BACKEND": "vllm-server"}, True),
        ({"OCR_BACKEND": "vllm-server", "OCR_SERVER": "managed"}, True),
        ({"OCR_BACKEND": "vllm-server", "OCR_SERVER_URL": "http://127.0.0.1:1/v1"}, False),
        ({"OCR_BACKEND": "sglang-server", "OCR_SERVER_URL": "http://127.0.0.1:1/v1"}, False),
    ],
)
def test_the_model_server_follows_from_the_backend(
    variables: dict[str, str], is_managed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without OCR_SERVER, the worker starts the server if it can and none is named."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load_settings().has_managed_server is is_managed


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OCR_SERVER": "managed"}, "OCR_SERVER=managed does not go with OCR_BACKEND=native"),
        (
            {"OCR_BACKEND": "vllm-server", "OCR_SERVER": "managed", "OCR_SERVER_URL": "http://127.0.0.1:1/v1"},
            "OCR_SERVER=managed does not go with OCR_SERVER_URL",
        ),
        (
            {"OCR_BACKEND": "vllm-server", "OCR_SERVER": "external"},
            "OCR_BACKEND=vllm-server with OCR_SERVER=external needs a model server; set OCR_SERVER_URL",
        ),
        ({"OCR_SERVERS": "2"}, "OCR_SERVERS=2 needs servers that the worker starts; set OCR_BACKEND=vllm-server"),
        (
            {"OCR_BACKEND": "vllm-server", "OCR_SERVERS": "2", "OCR_SERVER_URL": "http://127.0.0.1:1/v1"},
            "OCR_SERVERS=2 needs servers that the worker starts",
        ),
        (
            {"OCR_BACKEND": "vllm-server", "OCR_SERVERS": "4", "OCR_REPLICAS": "2"},
            "OCR_SERVERS=4 is more than OCR_REPLICAS=2",
        ),
        (
            {"OCR_BACKEND": "vllm-server", "OCR_SERVERS": "2", "OCR_SERVER_ARGS": "--gpu-memory-utilization=0.5"},
            "OCR_SERVER_ARGS gives 0.5 of the GPU's memory to each of OCR_SERVERS=2; set"
            " --gpu-memory-utilization to at most 0.45",
        ),
        ({"OCR_BACKEND": "mlx-vlm-server"}, "OCR_BACKEND=mlx-vlm-server needs a model server; set OCR_SERVER_URL"),
    ],
)
def test_a_contradiction_about_the_model_server_is_one_message(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variables that do not go together."""
    (line,) = problems(monkeypatch, **variables)
    assert line.startswith(message)


def test_several_contradictions_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong bucket does not hide a wrong model server."""
    lines = problems(monkeypatch, BUCKET_NAME="x", OCR_BACKEND="sglang-server")
    assert lines[0] == "2 settings are wrong:"
    assert [line.split()[1] for line in lines[1:]] == ["BUCKET_NAME", "OCR_BACKEND=sglang-server"]


# --------------------------------------------------------------------------- names and descriptions


def test_the_batch_client_names_the_platforms_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of the platform has no prefix of ours."""
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", "nowhere")
    with pytest.raises(SettingsInvalid, match=r"^RUNPOD_ENDPOINT_BASE_URL=nowhere is not a URL"):
        load_client_settings()


def test_every_setting_has_the_name_it_is_read_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """An alias counts before the prefix; the first of several is the name."""
    assert variable_name("max_pages") == "OCR_MAX_PAGES"
    assert variable_name("port") == "PORT"
    assert variable_name("weights_home") == "OCR_WEIGHTS_HOME"
    monkeypatch.setenv(variable_name("grace_s"), "7")
    assert load_settings().grace_s == 7


def test_a_single_job_needs_few_rasterizer_processes() -> None:
    """A process for one job starts no more rasterizer processes than the job has documents, or than are set."""
    settings = Settings(raster_workers=3)
    assert [settings.for_one_job(documents).raster_workers for documents in (1, 3, 9)] == [1, 3, 3]
    assert settings.for_one_job(9).jobs_at_once == 1


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


@pytest.mark.parametrize("model", [Settings, ClientSettings])
def test_every_default_sets_the_default(model: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    """The default that documents show can be written into the environment and changes nothing."""
    for field in list_fields(model, "any"):
        if field.default:
            monkeypatch.setenv(field.name, field.default)
    assert model().model_dump() == model.model_construct().model_dump()


def test_numbers_are_described_with_their_bounds() -> None:
    """The valid values of a setting are a phrase that an error message can use."""
    assert expected_values("concurrency") == "a whole number from 1 to 256"
    assert expected_values("queue") == "a whole number of at least 1"
    assert expected_values("engine_page_timeout_s") == "a number of at least 0"
    assert expected_values("weights_home") == "a path"


@pytest.mark.parametrize(("limit", "count"), [(None, 8), ("", 8), ("3", 3), ("64", 8), ("0", 8), ("4,2", 8)])
def test_an_engine_and_its_second_reader_use_no_more_processors_than_they_may(
    limit: str | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the process, and of these at most OMP_NUM_THREADS; a value that is no number of them is ignored."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if limit is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert processor_count() == count
    assert default_workers() == {8: 4, 3: 1}[count]
