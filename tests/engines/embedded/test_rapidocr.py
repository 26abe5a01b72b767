"""Contract test: RapidOCR's private names that `engines/embedded/reading/models.py` uses. With the real models."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.reading.decoding import without_signs
from ocr_worker.engines.embedded.reading.models import Models, Quads
from ocr_worker.engines.text_layer.rapid_ocr import load_rapid_ocr
from ocr_worker.pages import Pixels
from support.contracts import contract

pytestmark = pytest.mark.process


def test_rapidocr_has_the_names_that_we_use(own_page: Pixels) -> None:
    """The detector is loaded once and obeys the `limit_side_len` that is set on it; the recognizer takes its input from
    `ch_ppocr_rec.typings` and returns each line's words with their boxes, and the confidence of each character."""
    name = "engines.embedded.reading.models.Models"
    with contract("rapidocr", f"{name}.__init__", "the names of `params` in RapidOCR's config.yaml"):
        models = Models()
    advice = "`RapidOCR._load_det_model` and where `TextDetector.__call__` reads `limit_side_len`"
    with contract("rapidocr", f"{name}.find_lines", advice):
        assert models._ocr._load_det_model() is models._ocr._load_det_model()
        quads = models.find_lines(own_page, side=1280)
        assert len(models.find_lines(own_page, side=64)) < len(quads) / 2
        assert len(models.find_lines(own_page, side=1280)) == len(quads)
    advice = "`ch_ppocr_rec/typings.py`, and how `RapidOCR.recognize_txt` and `calc_word_boxes` use what it defines"
    with contract("rapidocr", f"{name}.read_lines", advice):
        heading = models.read_lines(own_page, quads)[0]
        assert heading.text == "Water Levels of the Upper Basin"
        assert [word.text for word in heading.words]
        assert all(word.box.x1 > word.box.x0 for word in heading.words)
    advice = "`TextRecognizer.__call__`, which decodes by `postprocess_op`, and `CTCLabelDecode.character`"
    with contract("rapidocr", "engines.embedded.reading.decoding.without_signs", advice):
        characters = models._recognizer.postprocess_op.character
        probabilities = np.zeros((1, 2, len(characters)), np.float32)
        probabilities[0, 0, [characters.index("日"), characters.index("0")]] = 0.6, 0.3
        assert models._recognizer.postprocess_op(probabilities)[0][0][0] == "日"
        assert without_signs(models._recognizer).postprocess_op(probabilities)[0][0][0] == "0"
        assert models.read_lines(own_page, quads[:1], with_signs=False)[0].text == heading.text
    advice = "`CTCLabelDecode.__call__` and `WordInfo`, and where `TextRecognizer.__call__` calls `postprocess_op`"
    with contract("rapidocr", "engines.embedded.reading.spacing.respace", advice):
        (logo,) = models.read_lines(*_logo("NORTHERN", "TIMBER"))
        assert logo.text == "NORTHERN TIMBER"
        assert [word.text for word in logo.words] == ["NORTHERN", "TIMBER"]
        assert [round(word.box.x0) for word in logo.words] == pytest.approx([20, 412], abs=15)
    models.close()


def _logo(*words: str) -> tuple[Pixels, Quads]:
    """Return a picture of these words in large letters, of which those of a word are set apart, and its outline."""
    pixels = np.full((100, 900, 3), 255, np.uint8)
    x = 20
    for word in words:
        for letter in word:
            cv2.putText(pixels, letter, (x, 70), cv2.FONT_HERSHEY_DUPLEX, 1.5, (120, 60, 20), 3)
            x += cv2.getTextSize(letter, cv2.FONT_HERSHEY_DUPLEX, 1.5, 3)[0][0] + 12
        x += 30
    return pixels, np.array([[(5, 15), (x, 15), (x, 90), (5, 90)]], np.float32)


def test_rapidocr_loads_without_its_list_of_models() -> None:
    """RapidOCR was imported with an empty list, its models are the files in the wheel, and the list is read as it is
    later on."""
    advice = "where it reads `default_models.yaml`, and how `OrtInferSession` finds its model"
    with contract("rapidocr", "engines.text_layer.rapid_ocr.load_rapid_ocr", advice):
        ocr = load_rapid_ocr({"Global.use_cls": False})
        from omegaconf import OmegaConf
        from rapidocr.inference_engine.base import MODEL_URL_PATH, InferSession

        assert not InferSession.model_info
        assert ocr._load_det_model().session.session.get_inputs()
        assert Path(ocr.cfg.Rec.model_path).is_file()
        assert Path(ocr.cfg.Rec.model_path).name in str(OmegaConf.load(MODEL_URL_PATH))
