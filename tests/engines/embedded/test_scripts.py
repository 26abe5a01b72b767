"""Which scripts the recognizer reads, measured on printed lines."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.text_layer.judge import is_legible
from ocr_worker.engines.text_layer.scripts import is_readable, plain_form
from ocr_worker.engines.text_layer.thresholds import THRESHOLDS

READABLE = {
    "English": "The gauges rose in February, not in April",
    "French": "Le théâtre français où l'été naît près de la forêt",
    "German": "Größere Äpfel, süße Öfen und übrige Straßen",
    "Polish": "Świętokrzyskie źródła płynęły łagodnie",
    "Turkish": "Köprü müdürlüğü bütün seviyeleri yazdı",
    "figures": "4817.20 1350.00 286.45 3180.75",
}
UNREADABLE = {
    "Greek": "Η συνέλευση των ενοίκων γίνεται την Κυριακή το βράδυ",
    "Russian": "Река поднялась в феврале, а не в апреле",
    "Armenian": "Գետը բարձրացավ փետրվարին, ոչ թե ապրիլին",
    "Georgian": "მდინარე თებერვალში ადიდდა და არა აპრილში",
    "Hebrew": "הנהר עלה בפברואר ולא באפריל והאחו עמד",
    "Arabic": "ارتفع النهر في فبراير بدلا من أبريل",
}


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


def read(models: Models, text: str) -> Line:
    """The line as the recognizer reads it."""
    font = ImageFont.truetype("DejaVuSans.ttf", 32)
    image = Image.new("RGB", (1300, 100), "white")
    draw = ImageDraw.Draw(image)
    draw.text((30, 30), text, "black", font)
    x0, y0, x1, y1 = draw.textbbox((30, 30), text, font)
    pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
    return models.read_lines(pixels, quads_of([(x0 - 3, y0 - 3, x1 + 3, y1 + 3)]))[0]


@pytest.mark.parametrize("language", READABLE)
def test_readable_scripts_are_read_with_confidence(models: Models, language: str) -> None:
    """A line of a script that counts as readable is read, and confidently enough to contradict a text layer."""
    reading = read(models, READABLE[language])
    letters = plain_form(READABLE[language])
    assert all(map(is_readable, letters))
    assert reading.score > THRESHOLDS.certain_reading
    assert SequenceMatcher(None, letters, plain_form(reading.text)).ratio() > THRESHOLDS.min_similarity


@pytest.mark.parametrize("language", UNREADABLE)
def test_unreadable_scripts_are_never_read_with_confidence(models: Models, language: str) -> None:
    """A line of any other script gives no confident reading that could contradict a text layer."""
    reading = read(models, UNREADABLE[language])
    assert not any(map(is_readable, plain_form(UNREADABLE[language])))
    assert (
        reading.score < THRESHOLDS.certain_reading
        or not is_legible(reading.text, reading.box.width, reading.box.height)
        or not plain_form(reading.text)
    )


def test_common_characters_of_chinese_and_japanese_are_readable() -> None:
    """Kana and the common characters count as readable, rare and variant ones do not."""
    assert all(map(is_readable, "河水在二月上涨川は四月ではなくカタカナ"))
    assert not any(map(is_readable, "鱓鱚鯏邉﨑髙龠癲"))
