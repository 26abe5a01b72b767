"""PaddleX's own server and ours, on the same test weights, get the same requests (`make compat`).

Their answers are compared field by field. What may differ is `ALLOWED`, each with its reason; it is printed, and one
that no request shows any more fails the test. PADDLEX_SERVING names a Python that has PaddleX and the two packages
that only its server needs (bce-python-sdk, filetype). Not collected by `make test`.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml
from PIL import Image

from support import tinyvl
from support.app_process import free_port, serving
from support.paddlex_compat_requests import REQUESTS, Sent

ABSENT = "(absent)"


@dataclass(frozen=True)
class Allowed:
    """A difference that may be: where (a pattern for the path), in which requests, why, and what must still hold."""

    where: str
    why: str
    requests: str = "*"
    holds: Callable[[Any, Any], bool] = lambda theirs, ours: True


def alike(theirs: Any, ours: Any) -> bool:
    """Return whether both are images of the same size that look the same."""
    if ABSENT in (theirs, ours):
        return False
    their_pixels, our_pixels = _pixels(theirs), _pixels(ours)
    return their_pixels.shape == our_pixels.shape and float(np.abs(their_pixels - our_pixels).mean()) < 4


def same_size(theirs: Any, ours: Any) -> bool:
    """Return whether both are images of the same size."""
    return ABSENT not in (theirs, ours) and _pixels(theirs).shape == _pixels(ours).shape


def _pixels(picture: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), dtype=float)


def _only_theirs(theirs: Any, ours: Any) -> bool:
    return bool(ours == ABSENT)


def _only_ours(theirs: Any, ours: Any) -> bool:
    return bool(theirs == ABSENT)


PAGE = "body.result.layoutParsingResults[*]"
ALLOWED = [
    Allowed(
        f"{PAGE}.prunedResult.layout_det_res.boxes[*].score",
        "our blocks carry no score, and none is made up",
        holds=_only_theirs,
    ),
    Allowed(
        f"{PAGE}.prunedResult.layout_det_res.boxes[*].cls_id",
        "the class number is the layout model's own; `label` beside it says the same",
        holds=_only_theirs,
    ),
    Allowed(
        f"{PAGE}.prunedResult.parsing_res_list[*].block_polygon_points",
        "our blocks are boxes; the polygon only says where in its box the region is",
        holds=_only_theirs,
    ),
    Allowed(f"{PAGE}.prunedResult.layout_det_res.boxes[*].polygon_points", "the same", holds=_only_theirs),
    Allowed(f"{PAGE}.markdown.images.*", "JPEG of quality 90 instead of 95: the same picture", holds=alike),
    Allowed(
        f"{PAGE}.markdown.images.*",
        "a picture that the Markdown leaves out is not sent",
        "labels left out",
        holds=_only_theirs,
    ),
    Allowed(f"{PAGE}.inputImage", "JPEG of quality 90 instead of 95: the same picture", holds=alike),
    Allowed(
        f"{PAGE}.outputImages.layout_det_res",
        "boxes are drawn from the blocks, in another style and without scores: same size, same key",
        holds=same_size,
    ),
    Allowed("body.logId", "a random id, where the request brings none that can be read", "broken*"),
    Allowed(
        "body.error",
        "beside PaddleX's own fields: code, message and whether to try again, which `Invalid input file` does not tell",
        holds=_only_ours,
    ),
    Allowed("*", "the file's type is told by its bytes: PaddleX wants `fileType` with base64, and refuses", "untyped*"),
    Allowed("*", "a PDF sent as an image is read all the same: the bytes tell; PaddleX cannot", "mistyped*"),
    Allowed("*", "no export of files: 422 with the reason; PaddleX answers 500 without python-docx", "refused*"),
    Allowed(
        "body.errorMsg",
        "PaddleX's words, then the reason, since clients show nothing else",
        holds=lambda theirs, ours: str(ours).startswith(f"{theirs}: "),
    ),
    Allowed(
        f"{PAGE}.*.spotting_res*",
        "the boxes of single lines are in no result of ours; `warnings` says so",
        "spotting",
        holds=_only_theirs,
    ),
    Allowed("body.warnings", "fields without effect are named; PaddleX ignores them in silence", holds=_only_ours),
    Allowed("*", "a model that is not loaded: 422 that says how to load it, where PaddleX answers 500", "not loaded"),
    Allowed("*", "a page that is none: 422 that says what it lacks, where PaddleX answers 500", "no page"),
]


# --------------------------------------------------------------------------- the two servers


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of PaddleX's server and of ours."""
    folder = tmp_path_factory.mktemp("compat")
    layout = str(layout_with_polygons(folder / "layout"))
    settings = tinyvl.environment(OCR_LAYOUT_WEIGHTS_DIR=layout, OCR_WARMUP_CHECK="false", OCR_RETRY_REPETITION="false")
    with ExitStack() as stack:
        theirs = stack.enter_context(paddlex_server(folder, layout))
        ours = stack.enter_context(serving(folder / "ours.log", **settings)).wait(200, 120)
        yield theirs, ours.url


def layout_with_polygons(folder: Path) -> Path:
    """The layout model of the test weights once more, with the masks that the published one gives, too."""
    command = [sys.executable, str(tinyvl.HOME / "gen_layout.py"), str(folder), "--strip", "0.036", "--masks"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


@contextmanager
def paddlex_server(folder: Path, layout: str) -> Iterator[str]:
    """PaddleX's server on its own configuration, with the test weights; its address."""
    python = os.environ.get("PADDLEX_SERVING")
    assert python, "PADDLEX_SERVING names no Python: use `make compat`"
    package_path = subprocess.run(
        [python, "-c", "import paddlex; print(paddlex.__path__[0])"], capture_output=True, text=True, check=True
    )
    source = Path(package_path.stdout.splitlines()[-1]) / "configs" / "pipelines" / "PaddleOCR-VL-1.6.yaml"
    config = yaml.safe_load(source.read_text(encoding="utf-8"))
    config["SubModules"]["LayoutDetection"]["model_dir"] = layout
    config["SubModules"]["VLRecognition"]["model_dir"] = str(tinyvl.VL)
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [python, "-m", "paddlex", "--serve", "--pipeline", "pipeline.yaml", "--device", "cpu"]
    font = tinyvl.ImageFont.truetype("DejaVuSansMono.ttf", 24).path  # for its pictures; it would download one
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PADDLE_PDX_LOCAL_FONT_FILE_PATH": str(font)}
    with (folder / "theirs.log").open("wb") as log:
        running = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 180
        while not _answers(url):
            assert running.poll() is None, (folder / "theirs.log").read_text(errors="replace")[-3000:]
            assert time.monotonic() < deadline, "PaddleX's server does not come up"
            time.sleep(0.2)
        yield url
    finally:
        running.kill()
        running.wait(20)


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/health", timeout=2).ok
    return False


# --------------------------------------------------------------------------- the comparison


def answer(url: str, sent: Sent) -> dict[str, Any]:
    """Status, media type and body."""
    headers = {"Content-Type": "application/json", **dict(sent.headers)}
    response = requests.post(url + sent.path, data=sent.data(), headers=headers, timeout=120)
    return {"status": response.status_code, "type": response.headers["Content-Type"], "body": response.json()}


def differences(theirs: Any, ours: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the path of each difference with both values; lists of errors inside a string are compared, too."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in [*theirs, *(name for name in ours if name not in theirs)]:
            at = f"{path}.{name}" if path else name
            yield from differences(theirs.get(name, ABSENT), ours.get(name, ABSENT), at)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (their_value, our_value) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(their_value, our_value, f"{path}[{index}]")
    elif theirs != ours or type(theirs) is not type(ours):
        yield path, theirs, ours


def reason(sent: Sent, path: str, theirs: Any, ours: Any) -> Allowed | None:
    """Return the reason why the two may differ here; None if they may not."""
    for allowed in ALLOWED:
        where = allowed.where.replace("[*]", "[[]*]")
        if (
            fnmatch.fnmatchcase(sent.name, allowed.requests)
            and fnmatch.fnmatchcase(path, where)
            and allowed.holds(theirs, ours)
        ):
            return allowed
    return None


def test_the_answers_are_the_same_but_for_what_is_listed(servers: tuple[str, str]) -> None:
    """Every field of every answer is PaddleX's own, or differs for a reason of `ALLOWED`; the text never does."""
    counts: Counter[Allowed] = Counter()
    wrong: list[str] = []
    for sent in REQUESTS:
        theirs, ours = (answer(url, sent) for url in servers)
        wrong += misses(sent, theirs, ours)
        for path, their_value, our_value in differences(theirs, ours):
            if allowed := reason(sent, path, their_value, our_value):
                counts[allowed] += 1
            else:
                wrong.append(f"{sent.name}: {path}: {str(their_value)[:200]!r} is {str(our_value)[:200]!r}")
        print(f"{sent.name}: {theirs['status']} {ours['status']}")
    print("\nWhat differs, and why:")
    for allowed in ALLOWED:
        print(f"- {allowed.where} ({allowed.requests}), {counts[allowed]} times: {allowed.why}")
    assert wrong == []
    assert [allowed.where for allowed in ALLOWED if not counts[allowed]] == [], "these no longer differ: take them out"


def test_a_pdf_is_one_whatever_it_is_called(servers: tuple[str, str]) -> None:
    """A file without a type, or with a wrong one, has the result that it has with the correct one."""
    results = {
        sent.name: answer(servers[1], sent)["body"]["result"] for sent in REQUESTS if "PDF" in sent.name and sent.reads
    }
    assert len(results) == 3
    assert all(result == results["a PDF of three pages"] for result in results.values())


def misses(sent: Sent, theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Yield the ways in which a request misses its purpose: unexpected statuses, pages without text."""
    if (theirs["status"], ours["status"]) != sent.statuses:
        responses = json.dumps([theirs, ours])[:1000]
        yield f"{sent.name}: statuses {theirs['status']}, {ours['status']}, wanted {sent.statuses}: {responses}"
    elif sent.names not in json.dumps(ours["body"]):
        yield f"{sent.name}: our answer does not name {sent.names}"
    elif sent.reads and theirs["status"] == 200:
        pages = theirs["body"]["result"]["layoutParsingResults"] + ours["body"]["result"]["layoutParsingResults"]
        if not all(page["markdown"]["text"] for page in pages):
            yield f"{sent.name}: a page has no text"
