"""`ocr-worker serve` in a process of its own: what it prints, and a port that it cannot have."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from ocr_worker.cli import main
from support.waiting import PATIENCE_S, eventually
from support.worker_process import environment

pytestmark = pytest.mark.process

NO_PORTS = {"70000": "'70000' is not a port: choose a number from 0 to 65535", "-1": "'-1' is not a port"}
SERVE = [sys.executable, "-m", "ocr_worker.cli", "serve"]


def test_four_lines_say_where_everything_is(tmp_path: Path) -> None:
    """Page, API, documentation, and the engine when it is ready, on stdout; the URLs work. Port 0 is any free port,
    SIGINT ends the app in order, and stderr has no traceback."""
    output, errors = tmp_path / "stdout", tmp_path / "stderr"
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(
            [*SERVE, "--port", "0"],
            env=environment({"OCR_ENGINE": "support.doubles:reading"}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        assert eventually(lambda: "Engine:" in output.read_text() or process.poll() is not None)
        lines = output.read_text().splitlines()
        assert len(lines) == 4, (lines, errors.read_text())
        urls = dict(re.findall(r"^(Page|API|Docs): +(http://127\.0\.0\.1:\d+/\S*)$", "\n".join(lines), re.MULTILINE))
        assert set(urls) == {"Page", "API", "Docs"}
        assert re.fullmatch(r"Engine: support\.doubles:reading, ready in \d+\.\d s", lines[3])
        for name, status in (("Page", 200), ("Docs", 200), ("API", 405)):  # the API takes POST only
            assert requests.get(urls[name], timeout=PATIENCE_S).status_code == status, name
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert "Traceback" not in errors.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE_S)


@pytest.mark.parametrize("port", NO_PORTS)
def test_a_number_that_is_no_port_is_a_usage_error(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says which numbers are ports."""
    with pytest.raises(SystemExit) as exit_:
        main(["serve", "--port", port])
    assert (exit_.value.code, NO_PORTS[port] in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "message"),
    [
        (
            ["--port", "TAKEN"],
            {},
            1,
            "port TAKEN on 127.0.0.1 is in use: stop the other program, or choose another port",
        ),
        ([], {"PORT": "TAKEN"}, 1, "choose another port with --port or PORT"),
        (["--port", "0"], {"PORT_HEALTH": "TAKEN"}, 1, "choose another port with PORT_HEALTH"),
        (["--host", "192.0.2.1", "--open"], {"PORT": "0"}, 1, "cannot listen on 192.0.2.1, port 0 (Cannot assign"),
        (["--host", "0.0.0.0"], {}, 1, "anyone who reaches 0.0.0.0 could use this worker; set OCR_API_KEYS"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_message(
    arguments: list[str], variables: dict[str, str], code: int, message: str
) -> None:
    """A port that is taken, and an address of another machine, end the process with the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = str(listener.getsockname()[1])
        done = subprocess.run(
            [*SERVE, *(argument.replace("TAKEN", taken) for argument in arguments)],
            env=environment({name: value.replace("TAKEN", taken) for name, value in variables.items()}),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == code, done.stderr
    assert message.replace("TAKEN", taken) in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
