"""Record with strace what leaves the machine and the working folder: `make run`, a page natively, a local batch.

`make phone-home` prints, for each run, every address that was connected to or sent to (by any process, in any language,
DNS included), and every file opened for writing outside the working folder, the temporary folder and /dev. Each run has
a home of its own, which counts as outside. Connections within the machine (loopback, Unix sockets) are listed apart.
Only the installation in a fresh clone, which is a run of its own, may connect: to the package index.

Not collected by `make test`: it needs strace, and minutes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from support import tinyvl
from support.sample import page_png
from support.worker_process import HANDLER, ROOT, environment

CALLS = "connect,sendto,sendmsg,sendmmsg,open,openat,openat2,creat"
STRACE = ("strace", "-f", "-y", "-qq", "-s", "4096", "--seccomp-bpf", "-e", f"trace={CALLS}")
# Lines of `strace -f -y`, such as: 12 openat(AT_FDCWD</work>, "a", O_WRONLY|O_CREAT, 0666) = 3</work/a>
CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)")
OPENED = re.compile(r'^(?:(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?"(?P<file>(?:[^"\\]|\\.)*)"(?P<flags>.*)')
INTERNET = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")


@dataclass
class Recording:
    """Recording of one command: addresses outside and inside the machine, and files written outside its folders."""

    hosts: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        parts = {"connections": self.hosts, "inside the machine": self.inside, "files": self.files}
        return "\n".join(f"  {name}: {', '.join(sorted(values)) or 'none'}" for name, values in parts.items())


def record(command: list[str], folder: Path, **variables: str) -> Recording:
    """Run a command under strace in `folder`/work, with a home and a temporary folder beside it. It must succeed."""
    allowed = [folder / "work", folder / "tmp"]
    for directory in (*allowed, folder / "home"):
        directory.mkdir(exist_ok=True)
    switches = ("ORT_", "HF_", "VLLM_", "DO_NOT_TRACK", "XDG_")
    inherited = {name: value for name, value in environment({}).items() if not name.startswith(switches)}
    trace = folder / "trace"
    done = subprocess.run(
        [
            "strace",
            "-f",
            "-y",
            "-qq",
            "-s",
            "4096",
            "--seccomp-bpf",
            "-e",
            f"trace={CALLS}",
            "-o",
            str(trace),
            *command,
        ],
        cwd=folder / "work",
        env=inherited
        | {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
        | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recording = read_trace(trace.read_text(errors="replace"), [*map(str, allowed), "/dev"])
    print(f"\n{' '.join(command)}\n{recording}")
    return recording


def read_trace(trace: str, allowed: list[str]) -> Recording:
    """Return what a trace holds, without files below the folders `allowed`."""
    recording = Recording()
    for line in trace.splitlines():
        if not (call := CALL.match(line)):
            continue  # a signal, an exit, or the end of a call that was interrupted
        arguments = call["arguments"]
        if address := INTERNET.search(arguments):
            port, host = address[1], address[2] or address[3]
            (recording.inside if ip_address(host).is_loopback else recording.hosts).add(f"{host} port {port}")
        elif "AF_UNIX" in arguments and (path := re.search(r'sun_path=@?"([^"]+)"', arguments)):
            recording.inside.add(path[1])
        elif (opened := OPENED.match(arguments)) and (call["name"] == "creat" or WRITES.search(opened["flags"])):
            file = os.path.normpath(os.path.join(opened["folder"] or "", opened["file"]))
            has_failed = re.search(r"= -1 E\w+", opened["flags"])
            if not has_failed and not any(file == folder or file.startswith(f"{folder}/") for folder in allowed):
                recording.files.add(file)
    return recording


def test_the_recorder_records(tmp_path: Path) -> None:
    """A program that resolves, sends a packet and writes into its home is caught, in all three."""
    program = (
        "import socket, pathlib; pathlib.Path.home().joinpath('id').write_text('x')\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('192.0.2.1', 53))\n"
        "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
        "try: s.connect(('2001:db8::1', 443))\n"
        "except OSError: pass"
    )
    recording = record([sys.executable, "-c", program], tmp_path)
    assert recording.hosts == {"192.0.2.1 port 53", "2001:db8::1 port 443"}
    assert recording.files == {str(tmp_path / "home" / "id")}


def test_make_run_in_a_fresh_clone(tmp_path: Path) -> None:
    """`make run` connects to nothing once it is installed. The installation, which may connect, is only printed."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "work")], check=True)
    record(["make", ".venv/light"], tmp_path, PYTHONPATH="")
    recording = record(["make", "run"], tmp_path, PYTHONPATH="")
    assert (recording.hosts, recording.files) == (set(), set())


def test_one_page_natively(tmp_path: Path) -> None:
    """The real PaddleOCRVL, on the test weights, reads a page and connects to nothing."""
    page = base64.b64encode(tinyvl.tiff([tinyvl.LINES[:5]])).decode()
    job = tmp_path / "work" / "test_input.json"
    job.parent.mkdir()
    job.write_text(json.dumps({"input": {"documents": [{"base64": page}]}}))
    recording = record([sys.executable, str(HANDLER)], tmp_path, **tinyvl.environment())
    assert (recording.hosts, recording.files) == (set(), set())


def test_a_local_batch(tmp_path: Path) -> None:
    """`ocr-worker batch run --local` reads a folder and connects to nothing."""
    scans = tmp_path / "work" / "scans"
    scans.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (scans / name).write_bytes(page_png())
    command = [sys.executable, "-m", "ocr_worker.cli", "batch", "run", "scans", "--out", "results", "--local"]
    recording = record(command, tmp_path, OCR_ENGINE="embedded")
    assert (recording.hosts, recording.files) == (set(), set())


@pytest.fixture(autouse=True, scope="module")
def _strace() -> None:
    if subprocess.run(["strace", "-V"], capture_output=True, check=False).returncode:
        pytest.fail("strace is not installed: apt-get install strace")
