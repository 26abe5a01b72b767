"""RapidOCR with the models that come inside its wheel, and without its list of all others.

RapidOCR reads that list whenever it is imported: 1600 lines of YAML, twice, which takes longer than its models take to
load. It looks a model up there, and downloads it if the file in the wheel is missing or damaged. Here each model is the
file in the wheel, so that the list is not needed and nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

_MODELS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}  # which RapidOCR chooses, too
_lock = Lock()  # of the function of OmegaConf that is replaced for a moment


def load_rapid_ocr(params: Mapping[str, Any]) -> Any:
    """Return RapidOCR with these parameters. Its detector and its recognizer are loaded at their first use.

    Raises ImportError or OSError: the package is missing or damaged.
    """
    import rapidocr

    folder = Path(rapidocr.__file__).resolve().parent
    with _lock, _empty(folder / "default_models.yaml"):
        from rapidocr import RapidOCR

    models = {f"{task}.model_path": str(folder / "models" / name) for task, name in _MODELS.items()}
    return RapidOCR(params={**models, **params})


def use_session(ocr: Any, task: str, session: Any) -> None:
    """Let RapidOCR run its detector (`Det`) or recognizer (`Rec`), which is not loaded yet, with this session."""
    from omegaconf import flag_override

    settings = ocr.cfg[task]
    with flag_override(settings, "allow_objects", True):
        settings.session = session


@contextmanager
def _empty(model_list: Path) -> Iterator[None]:
    """Let packages that read this file with OmegaConf find it empty meanwhile."""
    from omegaconf import OmegaConf

    loader: Any = OmegaConf
    load = loader.load
    loader.load = staticmethod(lambda file: loader.create() if file == model_list else load(file))
    try:
        yield
    finally:
        loader.load = staticmethod(load)
