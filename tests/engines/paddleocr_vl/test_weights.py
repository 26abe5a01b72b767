"""Weights: found in their order, whole or not there, fetched by Paddle's own downloader."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.errors import WeightsMissing
from ocr_worker.settings import Settings
from support import tinyvl

VL = "PaddleOCR-VL-1.6"
LAYOUT = "PP-DocLayoutV3"


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """Settings of a machine without any weights."""
    return Settings(device="cpu", volume_dir=tmp_path / "volume", weights_home=tmp_path / "home")


def put(source: Path, directory: Path) -> Path:
    shutil.copytree(source, directory)
    return directory


def broken(directory: Path, name: str, data: bytes) -> list[str]:
    """The faults of a copy of the test weights whose file `name` holds `data`."""
    put(tinyvl.VL, directory)
    (directory / name).write_bytes(data)
    return weights.verify(directory, weights.ModelWeights(VL, weights.VL_FILES))


# --------------------------------------------------------------------------- verify


def test_whole_weights_have_no_faults() -> None:
    """The test weights are whole, by the same list of files as the real ones."""
    models = weights.models(tinyvl.settings())
    assert weights.verify(tinyvl.VL, models["vl"]) == []
    assert weights.verify(tinyvl.LAYOUT, models["layout"]) == []


def test_half_a_safetensors_file(tmp_path: Path) -> None:
    """A safetensors file shorter than its header promises is a fault that gives both sizes."""
    data = (tinyvl.VL / "model.safetensors").read_bytes()
    half = len(data) // 2
    assert broken(tmp_path / "vl", "model.safetensors", data[:half]) == [
        f"model.safetensors is truncated: {half} of {len(data)} bytes"
    ]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "is a Git LFS pointer, not the file itself",
        ),
        (b"<html>Not found</html>", "is truncated or not a safetensors file"),
        ((4).to_bytes(8, "little") + b"spam", "is not a safetensors file"),
        ((2).to_bytes(8, "little") + b"[]", "is not a safetensors file"),
    ],
)
def test_what_is_no_safetensors_file(tmp_path: Path, data: bytes, fault: str) -> None:
    """Each other kind of file under the name of the weights has its own message."""
    assert broken(tmp_path / "vl", "model.safetensors", data) == [f"model.safetensors {fault}"]


def test_missing_files_are_named(tmp_path: Path) -> None:
    """Each file of the list that is missing is named."""
    assert weights.verify(tinyvl.VL, weights.ModelWeights(LAYOUT, weights.STATIC_FILES)) == [
        "inference.json is missing",
        "inference.pdiparams is missing",
    ]
    assert weights.verify(tmp_path / "nowhere", weights.ModelWeights(VL, weights.VL_FILES)) == ["no such directory"]


# --------------------------------------------------------------------------- locate


def test_nothing_anywhere(empty: Settings) -> None:
    """Without weights the error has three lines: what is missing, where it was sought, the command that gets it."""
    with pytest.raises(WeightsMissing) as missing:
        weights.locate(empty)
    what, where, how = str(missing.value).splitlines()
    assert VL in what
    assert LAYOUT in what
    assert str(empty.volume_dir) in where
    assert str(empty.weights_home) in where
    assert "ocr-worker weights fetch --version v1.6" in how


def test_order_of_places(empty: Settings) -> None:
    """Named directories come before the volume, the volume before its cached models, those before Paddle's cache."""
    home, volume = empty.weights_home, empty.volume_dir
    put(tinyvl.LAYOUT, home / "official_models" / LAYOUT)
    places = [
        put(tinyvl.VL, home / "official_models" / VL),
        put(tinyvl.VL, volume / f"huggingface-cache/hub/models--PaddlePaddle--{VL}/snapshots/0a1b"),
        put(tinyvl.VL, volume / VL),
        put(tinyvl.VL, volume / "official_models" / VL),
    ]
    for place in reversed(places):
        assert weights.locate(empty)["vl"] == place
        named = empty.model_copy(update={"vl_weights_dir": tinyvl.VL})
        assert weights.locate(named)["vl"] == tinyvl.VL
        shutil.rmtree(place)


def test_the_snapshot_that_main_refers_to(empty: Settings) -> None:
    """Of several snapshots of a cached model the one that `refs/main` names is taken."""
    put(tinyvl.LAYOUT, empty.weights_home / "official_models" / LAYOUT)
    cached = empty.volume_dir / f"huggingface-cache/hub/models--PaddlePaddle--{VL}"
    put(tinyvl.VL, cached / "snapshots/0000")
    expected = put(tinyvl.VL, cached / "snapshots/ffff")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("ffff\n")
    assert weights.locate(empty)["vl"] == expected


def test_a_partial_directory_is_passed_over(empty: Settings) -> None:
    """A place whose copy is not whole does not hide a whole one behind it; alone, it is named with its fault."""
    put(tinyvl.LAYOUT, empty.weights_home / "official_models" / LAYOUT)
    partial = put(tinyvl.VL, empty.volume_dir / VL)
    (partial / "tokenizer.model").unlink()
    with pytest.raises(WeightsMissing, match=r"tokenizer\.model is missing"):
        weights.locate(empty)
    complete = put(tinyvl.VL, empty.weights_home / "official_models" / VL)
    assert weights.locate(empty)["vl"] == complete


def test_a_named_directory_has_no_substitute(empty: Settings) -> None:
    """If a directory from the settings is wrong, no other is used, and the error names its variable."""
    put(tinyvl.VL, empty.volume_dir / VL)
    wrong = empty.model_copy(update={"vl_weights_dir": tinyvl.LAYOUT, "layout_weights_dir": tinyvl.LAYOUT})
    with pytest.raises(WeightsMissing, match="correct OCR_VL_WEIGHTS_DIR"):
        weights.locate(wrong)


def test_each_version_has_its_models() -> None:
    """v1 comes with another layout model; the submodels are wanted only where the settings load them."""
    names = {version: weights.models(Settings(vl_version=version)) for version in ("v1", "v1.5", "v1.6")}
    assert [models["layout"].name for models in names.values()] == ["PP-DocLayoutV2", LAYOUT, LAYOUT]
    assert [models["vl"].name for models in names.values()] == ["PaddleOCR-VL", "PaddleOCR-VL-1.5", VL]
    more = Settings(use_doc_orientation_classify=True, use_doc_unwarping=True)
    assert [model.name for model in weights.models(more).values()][2:] == ["PP-LCNet_x1_0_doc_ori", "UVDoc"]


# --------------------------------------------------------------------------- fetch

# PaddleX's own manager with a hub on this disk in the place of the real ones, which tests do not call.
FETCH = """
import shutil, sys
from pathlib import Path
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.settings import load_settings, configure_paddle
settings = load_settings()
configure_paddle(settings)
from paddlex.inference.utils import official_models as library

class Hub(library._BaseModelHoster):
    alias, model_list = "disk", library.OCR_MODELS
    def _download(self, model_name, save_dir):
        source = Path(sys.argv[1]) / model_name
        if not source.is_dir():
            raise ConnectionError("no route to host")
        shutil.copytree(source, save_dir)
    def is_model_package_not_found_error(self, exc):
        return False

library.official_models._hosters = [Hub(library.official_models._save_dir)]
try:
    print(weights.fetch(settings))
except weights.WeightsMissing as error:
    print(error)
    sys.exit(1)
"""


def fetch(hub: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"OCR_WEIGHTS_HOME": str(home), "OCR_VOLUME_DIR": str(home / "volume"), "PATH": ""}
    command = [sys.executable, "-W", "ignore", "-c", FETCH, str(hub)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.process
@pytest.mark.paddle
def test_fetch_replaces_what_is_not_whole(tmp_path: Path) -> None:
    """`fetch` gets what is missing by Paddle's downloader, a partial directory anew; what is whole stays as it is."""
    put(tinyvl.VL, tmp_path / "hub" / VL)
    models = tmp_path / "home" / "official_models"
    put(tinyvl.LAYOUT, models / LAYOUT)
    partial = put(tinyvl.VL, models / VL)
    (partial / "model.safetensors").write_bytes(b"half")
    done = fetch(tmp_path / "hub", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert weights.verify(partial, weights.ModelWeights(VL, weights.VL_FILES)) == []


@pytest.mark.process
@pytest.mark.paddle
def test_fetch_without_a_network(tmp_path: Path) -> None:
    """When no hub answers, the error says so in a few lines, without a traceback."""
    done = fetch(tmp_path / "hub", tmp_path / "home")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) <= 3
    assert "could not be downloaded" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_header_is_read_and_not_the_tensors(tmp_path: Path) -> None:
    """A sparse file as large as its header promises counts as whole: only its header is read."""
    header = json.dumps({"weight": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}).encode()
    put(tinyvl.VL, tmp_path / "vl")
    with (tmp_path / "vl" / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 4 * 10**9)
    assert weights.verify(tmp_path / "vl", weights.ModelWeights(VL, weights.VL_FILES)) == []
