"""Pages with words that are drawn in many ways, some of which nobody sees.

The fonts are Courier and Helvetica, so that the width of a word is known. A page is drawn from runs, in their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from support.files import pdf, stream

# Widths of Helvetica's letters in thousandths of the size; other letters, and digits, are 556 wide.
_WIDTHS = {
    letter: width
    for width, letters in {
        222: "ijl",
        278: " tfI.,",
        333: "r-",
        500: "cksvxyzJ",
        611: "FTZ",
        667: "ABEKPSVXY",
        722: "wCDHNRU",
        778: "GOQ",
        833: "mM",
        944: "W",
    }.items()
    for letter in letters
}


@dataclass(frozen=True)
class Run:
    """Text at a place. x, y: of its baseline, in points, upwards. way: how it is drawn, of `VISIBLE` or `HIDDEN`.

    font: F for Courier, H for Helvetica.
    """

    text: str
    x: float
    y: float
    size: float = 11
    way: str = "plain"
    font: str = "F"

    @property
    def width(self) -> float:
        """Width in points."""
        return self.size * sum(0.6 if self.font == "F" else _WIDTHS.get(letter, 556) / 1000 for letter in self.text)


def _text(run: Run, dx: float = 0, dy: float = 0) -> str:
    return f"BT /{run.font} {run.size} Tf {run.x + dx:.2f} {run.y + dy:.2f} Td ({run.text}) Tj ET"


def _box(run: Run, paint: str = "f") -> str:
    """Return a rectangle around the run."""
    return f"{run.x - 1:.2f} {run.y - 0.3 * run.size:.2f} {run.width + 2:.2f} {1.3 * run.size:.2f} re {paint}"


def _on_white(run: Run) -> str:
    """Return a white rectangle around the run: the bare page is no ground to blend with, however white it looks."""
    return f"q 1 g {_box(run)} Q"


def _picture(run: Run) -> str:
    """Return a gray picture over the run."""
    size = run.size
    return f"q {run.width + 2:.2f} 0 0 {1.3 * size:.2f} {run.x - 1:.2f} {run.y - 0.3 * size:.2f} cm /I Do Q"


def _stroked(run: Run, height: float, width: float) -> str:
    """Return a line of this width along the run, at a share of its size above the baseline."""
    y = run.y + height * run.size
    return f"q {width:.2f} w {run.x - 1:.2f} {y:.2f} m {run.x + run.width + 1:.2f} {y:.2f} l S Q"


def _inline_picture(run: Run) -> str:
    """Return a gray inline picture over the run."""
    size = run.size
    place = f"{run.width + 2:.2f} 0 0 {1.3 * size:.2f} {run.x - 1:.2f} {run.y - 0.3 * size:.2f} cm"
    return f"q {place} BI /W 1 /H 1 /CS /G /BPC 8 /F /AHx ID 80> EI Q"


VISIBLE: dict[str, Callable[[Run], str]] = {
    "plain": _text,
    "red": lambda run: f"q 1 0 0 rg {_text(run)} Q",
    "pale": lambda run: f"q /Half gs {_text(run)} Q",
    "white on black": lambda run: f"q {_box(run)} 1 g {_text(run)} Q",
    "outlined": lambda run: f"q BT 1 Tr 0.3 w ET {_text(run)} Q",
    "clipped around": lambda run: f"q {_box(run, 'W n')} {_text(run)} Q",
    "switched on": lambda run: f"/OC /On BDC {_text(run)} EMC",
    "marked": lambda run: f"{_text(run)} q /Multiply gs 1 1 0 rg {_box(run)} Q",
    "twice": lambda run: f"{_text(run)} {_text(run, 0.3)}",
    "struck through": lambda run: f"{_text(run)} {_stroked(run, 0.27, 0.06 * run.size)}",
    "underlined": lambda run: f"{_text(run)} {_stroked(run, -0.15, 0.06 * run.size)}",
    "under a translucent box": lambda run: f"{_text(run)} q /Half gs 0 0 1 rg {_box(run)} Q",
    "with a halo": lambda run: f"q 1 G 2 w BT 1 Tr ET {_text(run)} Q {_text(run)}",
    "filled, then outlined": lambda run: f"{_text(run)} q 0.2 w BT 1 Tr ET {_text(run)} Q",
    "filled and clipping": lambda run: f"q BT 4 Tr ET {_text(run)} Q",
    "in a spot color": lambda run: f"q /Spot cs 1 scn {_text(run)} Q",
    "seen through a mask": lambda run: f"q /Seen gs {_text(run)} Q",
    "in a frame": lambda run: f"{_text(run)} q 0.4 w {_box(run, 'S')} Q",
    "filled and outlined": lambda run: f"q 0.3 w BT 2 Tr ET {_text(run)} Q",
    "outlined and clipping": lambda run: f"q 0.3 w BT 5 Tr ET {_text(run)} Q",
    "filled, outlined and clipping": lambda run: f"q 0.3 w BT 6 Tr ET {_text(run)} Q",
    "overprinted": lambda run: f"q /Overprint gs {_text(run)} Q",
    "over a picture": lambda run: f"{_picture(run)} {_text(run)}",
    "under a translucent picture": lambda run: f"{_text(run)} q /Half gs {_picture(run)} Q",
    "multiplied": lambda run: f"q /Multiply gs {_text(run)} Q",
    "inverted": lambda run: f"{_on_white(run)} q /Difference gs 1 g {_text(run)} Q",
    "seen by half": lambda run: f"q /HalfSeen gs {_text(run)} Q",
    "light gray": lambda run: f"q 0.8 g {_text(run)} Q",
    "filled with a gradient": lambda run: f"q /Pattern cs /Shaded scn {_text(run)} Q",
    "filled with a pattern": lambda run: f"q /Pattern cs /Tiles scn {_text(run)} Q",
    "beside a hole": lambda run: f"q {_box(run, '')} 0 0 1 1 re W* n {_text(run)} Q",
    "all layers on": lambda run: f"/OC /BothOn BDC {_text(run)} EMC",
    "any layer on": lambda run: f"/OC /AnyOn BDC {_text(run)} EMC",
    "not the layer that is off": lambda run: f"/OC /NotOff BDC {_text(run)} EMC",
    "in a font of drawings": lambda run: _text(replace(run, font="T" + run.font)),
    "over an old one": lambda run: (
        f"q 0.4 g {_text(replace(run, text='i' * len(run.text)))} 1 g {_box(run)} Q " + _text(run)
    ),
}
HIDDEN: dict[str, Callable[[Run], str]] = {
    "covered": lambda run: f"{_text(run)} {_box(run)}",
    "covered in white": lambda run: f"{_text(run)} q 1 g {_box(run)} Q",
    "behind a picture": lambda run: f"{_text(run)} {_picture(run)}",
    "behind an inline picture": lambda run: f"{_text(run)} {_inline_picture(run)}",
    "under a thick line": lambda run: f"{_text(run)} {_stroked(run, 0.32, 1.4 * run.size)}",
    "under a pattern": lambda run: f"{_text(run)} q /Pattern cs /Tiles scn {_box(run)} Q",
    "under a gradient": lambda run: f"{_text(run)} q {_box(run, 'W n')} /Shade sh Q",
    "masked": lambda run: f"q /Masked gs {_text(run)} Q",
    "spot color without ink": lambda run: f"q /Spot cs 0 scn {_text(run)} Q",
    "clipping alone": lambda run: f"q BT 7 Tr ET {_text(run)} Q",
    "flat": lambda run: f"q 1 0 0 0.01 0 {0.99 * run.y:.2f} cm {_text(run)} Q",
    "transparent": lambda run: f"q /Clear gs {_text(run)} Q",
    "switched off": lambda run: f"/OC /Off BDC {_text(run)} EMC",
    "clipped away": lambda run: f"q 0 0 1 1 re W n {_text(run)} Q",
    "white": lambda run: f"q 1 g {_text(run)} Q",
    "black on black": lambda run: f"{_box(run)} {_text(run)}",
    "invisible mode": lambda run: f"q BT 3 Tr ET {_text(run)} Q",
    "outside": lambda run: _text(run, dx=2000),
    "tiny": lambda run: _text(replace(run, size=0.2)),
    "half a point": lambda run: _text(replace(run, size=0.5)),
    "narrow": lambda run: f"q 0.01 0 0 1 {0.99 * run.x:.2f} 0 cm {_text(run)} Q",
    "almost white": lambda run: f"q 0.985 g {_text(run)} Q",
    "white, multiplied": lambda run: f"{_on_white(run)} q /Multiply gs 1 g {_text(run)} Q",
    "black, screened": lambda run: f"{_on_white(run)} q /Screen gs 0 g {_text(run)} Q",
    "black, lightened": lambda run: f"{_on_white(run)} q /Lighten gs 0 g {_text(run)} Q",
    "black difference": lambda run: f"{_on_white(run)} q /Difference gs 0 g {_text(run)} Q",
    "in the picture's gray": lambda run: f"{_picture(run)} q 0.50196 g {_text(run)} Q",
    "in the gradient's colors": lambda run: (
        f"q {_box(run, 'W n')} /Shade sh Q q /Pattern cs /Shaded scn {_text(run)} Q"
    ),
    "in a hole": lambda run: f"q 0 0 595 842 re {_box(run, 'W* n')} {_text(run)} Q",
    "clipped to a triangle": lambda run: f"q 0 0 m 9 0 l 0 9 l h W n {_text(run)} Q",
    "clipped by letters": lambda run: (
        f"q BT 7 Tr ET {_text(replace(run, text='i', x=5, y=5))} BT 0 Tr ET {_text(run)} Q"
    ),
    "not all layers on": lambda run: f"/OC /AllOn BDC {_text(run)} EMC",
    "neither layer on": lambda run: f"/OC /AnyOff BDC {_text(run)} EMC",
    "not the layer that is on": lambda run: f"/OC /NotOn BDC {_text(run)} EMC",
    "on within off": lambda run: f"/OC /Off BDC /OC /On BDC {_text(run)} EMC EMC",
    "for print alone": lambda run: f"/OC /Print BDC {_text(run)} EMC",
    "drawings, covered": lambda run: f"{_text(replace(run, font='T' + run.font))} {_box(run)}",
}
WAYS = VISIBLE | HIDDEN
_DIGITS = "zero one two three four five six seven eight nine"
_IN_TYPE_3 = ("in a font of drawings", "drawings, covered")


def text_pdf(runs: Sequence[Run], in_form: bool = False, drawing: str = "", page: str = "") -> bytes:
    """Return a page of A4 with these runs; in_form: drawn by a form XObject, as many programs embed a page.

    drawing: a content stream for below the runs. page: more entries of the page's dictionary, such as a crop box.
    """
    body = stream("\n".join([drawing, *(WAYS[run.way](run) for run in runs)]))
    form = f"<< /Type /XObject /Subtype /Form /BBox [-5000 -5000 5000 5000] {_RESOURCES}"
    letters = sorted({letter for run in runs if run.way in _IN_TYPE_3 for letter in run.text})
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [6 0 R 7 0 R 15 0 R] /D << /ON [6 0 R 15 0 R] "
            "/OFF [7 0 R] /Order [6 0 R 7 0 R 15 0 R] "
            "/AS [<< /Event /View /Category [/View] /OCGs [15 0 R] >>] >> >> >>",
            "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R {_RESOURCES} {page} >>",
            stream("/X Do") if in_form else body,
            "<< /Type /OCG /Name (On) >>",
            "<< /Type /OCG /Name (Off) >>",
            "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray "
            "/Length 1 >>\nstream\n\x80\nendstream".encode("latin-1"),
            body.replace(b"<<", form.encode(), 1),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            _mask(1),
            _mask(0),
            stream("0 g 0 0 5 5 re f").replace(b"<<", b"<< " + _TILES, 1),
            _mask(0.5),
            "<< /Type /OCG /Name (Print) /Usage << /View << /ViewState /OFF >> /Print << /PrintState /ON >> >> >>",
            _type_3("F", letters, 18),
            _type_3("H", letters, 18),
            *(stream(f"1000 0 d0 BT /F 1000 Tf ({letter}) Tj ET") for letter in letters),
            *(stream(f"1000 0 d0 BT /H 1000 Tf ({letter}) Tj ET") for letter in letters),
        ]
    )


_MASK_GROUPS = {"Seen": 11, "Masked": 12, "HalfSeen": 14}
_SHADING = (
    "<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 595 0] /Extend [true true] "
    "/Function << /FunctionType 2 /Domain [0 1] /C0 [0.1] /C1 [0.3] /N 1 >> >>"
)
_MASKS = " ".join(f"/{name} << /SMask << /S /Luminosity /G {group} 0 R >> >>" for name, group in _MASK_GROUPS.items())
_BLENDS = " ".join(f"/{mode} << /BM /{mode} >>" for mode in ("Multiply", "Screen", "Lighten", "Difference"))
_BOTH = "/Type /OCMD /OCGs [6 0 R 7 0 R]"
_ON = "/Type /OCMD /OCGs [6 0 R]"
_RESOURCES = (
    "/Resources << /Font << /F 3 0 R /H 10 0 R /TF 16 0 R /TH 17 0 R >> /XObject << /I 8 0 R /X 9 0 R >> "
    f"/Properties << /On 6 0 R /Off 7 0 R /Print 15 0 R /AnyOn << {_BOTH} /P /AnyOn >> /AllOn << {_BOTH} /P /AllOn >> "
    f"/BothOn << {_ON} /P /AllOn >> /AnyOff << {_ON} /P /AnyOff >> "
    "/NotOff << /Type /OCMD /VE [/Not 7 0 R] >> /NotOn << /Type /OCMD /VE [/And [/Not 6 0 R] 6 0 R] >> >> "
    f"/ExtGState << /Clear << /ca 0 /CA 0 >> /Half << /ca 0.5 >> {_BLENDS} {_MASKS} "
    "/Overprint << /OP true /op true /OPM 1 >> >> /Pattern << /Tiles 13 0 R "
    f"/Shaded << /Type /Pattern /PatternType 2 /Shading {_SHADING} >> >> "
    "/ColorSpace << /Spot [/Separation /Spot /DeviceRGB << /FunctionType 2 /Domain [0 1] /C0 [1 1 1] /C1 [0.6 0 0] "
    f"/N 1 >>] >> /Shading << /Shade {_SHADING} >> >>"
)
_TILES = b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 5 5] /XStep 5 /YStep 5 /Resources << >>"


def _mask(light: float) -> bytes:
    """Return the group of a soft mask that shows all, nothing, or a share."""
    group = (
        b"<< /Type /XObject /Subtype /Form /BBox [-5000 -5000 5000 5000] /Group << /S /Transparency /CS /DeviceGray >>"
    )
    return stream(f"{light} g -5000 -5000 10000 10000 re f").replace(b"<<", group, 1)


def _type_3(font: str, letters: Sequence[str], first: int) -> str:
    """Return a font that draws these letters as its own drawings. first: number of the object of the first letter."""
    start = first + len(letters) * (font == "H")
    drawings = " ".join(f"/{_glyph_name(letter)} {start + place} 0 R" for place, letter in enumerate(letters))
    names = " ".join(f"{ord(letter)} /{_glyph_name(letter)}" for letter in letters)
    widths = " ".join(f"{1000 * Run(chr(code), 0, 0, 1, font=font).width:.0f}" for code in range(32, 127))
    return (
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 -300 1000 1000] /FontMatrix [0.001 0 0 0.001 0 0] "
        f"/CharProcs << {drawings} >> /Encoding << /Type /Encoding /Differences [{names}] >> /FirstChar 32 "
        f"/LastChar 126 /Widths [{widths}] /Resources << /Font << /F 3 0 R /H 10 0 R >> >> >>"
    )


def _glyph_name(letter: str) -> str:
    """Return the name that PDFs give the shape of this character."""
    names = dict(zip("0123456789.,-", [*_DIGITS.split(), "period", "comma", "hyphen"], strict=True))
    return names.get(letter, letter)


# --------------------------------------------------------------------------- pages at random

SEEN_WORDS = [
    "ferry",
    "harbour",
    "morning",
    "captain",
    "lantern",
    "bridge",
    "timber",
    "meadow",
    "river",
    "orchard",
    "cider",
    "autumn",
    "press",
    "boiler",
    "valve",
    "engineer",
    "quay",
    "passenger",
    "market",
    "window",
    "garden",
    "letter",
    "winter",
    "summer",
    "mason",
    "kitchen",
    "carpet",
    "village",
    "doctor",
    "teacher",
]
UNSEEN_WORDS = [
    "secret",
    "redacted",
    "confidential",
    "password",
    "obsolete",
    "forgotten",
    "discarded",
    "withdrawn",
    "cancelled",
    "classified",
]
_LEFT, _TOP, _LEADING, _SIZE = 60.0, 760.0, 15.0, 11.0
_GLYPH = 0.6 * _SIZE
TRANSPARENT = ("transparent", "masked")
CLIPPED = ("clipped away", "clipping alone", "in a hole", "clipped to a triangle", "clipped by letters")
LAYERS_OFF = (
    "switched off",
    "not all layers on",
    "neither layer on",
    "not the layer that is on",
    "on within off",
    "for print alone",
)
# Ways that leave what is drawn later at the same place as it is.
WITHOUT_TRACE = (
    *TRANSPARENT,
    *LAYERS_OFF,
    *CLIPPED,
    "spot color without ink",
    "white",
    "flat",
    "narrow",
    "invisible mode",
    "outside",
)


@dataclass(frozen=True)
class Page:
    """A page of random words. words: the visible ones, with hyphenated line ends joined."""

    runs: tuple[Run, ...]
    words: tuple[str, ...]
    in_form: bool
    drawing: str = ""

    def pdf(self) -> bytes:
        """Return the page as a PDF."""
        return text_pdf(self.runs, self.in_form, self.drawing)


@st.composite
def random_pages(draw: st.DrawFn, hidden: Sequence[str] = tuple(HIDDEN)) -> Page:
    """Draw a page with or without a header, in one or two columns, with visible and hidden words."""
    runs: list[Run] = []
    words: list[str] = []
    if draw(st.booleans()):
        words.append("Gazette")
        runs.append(Run("Gazette", _LEFT, _TOP + 40, _SIZE))
    columns = draw(st.integers(1, 2))
    for column in range(columns):
        x, width = _LEFT + 260 * column, 480 if columns == 1 else 210
        rest = ""
        rows = draw(st.integers(4, 7))
        for row in range(rows):
            rest = _draw_line(draw, runs, words, Run(rest, x, _TOP - _LEADING * row), width, hidden)
        if rest:
            runs.append(Run(rest, x, _TOP - _LEADING * rows))
    return Page(tuple(runs), tuple(words), draw(st.booleans()))


def _draw_line(
    draw: st.DrawFn,
    runs: list[Run],
    words: list[str],
    start: Run,
    width: float,
    hidden: Sequence[str],
) -> str:
    """Add a line of words; return the rest of a word that is hyphenated at its end. start: the rest of the last one."""
    x = start.x
    if start.text:
        runs.append(start)
        x += start.width + _GLYPH
    while True:
        is_hidden = hidden and draw(st.integers(0, 6)) == 0
        word = draw(st.sampled_from(UNSEEN_WORDS if is_hidden else SEEN_WORDS))
        if x + _GLYPH * len(word) > start.x + width:
            break
        way = draw(st.sampled_from(hidden if is_hidden else ("plain",) * len(VISIBLE) + tuple(VISIBLE)))
        if not is_hidden:
            words.append(word)
            if hidden and draw(st.integers(0, 6)) == 0:
                behind = draw(st.sampled_from([each for each in hidden if each in WITHOUT_TRACE] or ["transparent"]))
                runs.append(Run(draw(st.sampled_from(UNSEEN_WORDS)), x, start.y, way=behind))
        runs.append(Run(word, x, start.y, way=way))
        x += _GLYPH * (len(word) + 1)
    word = draw(st.sampled_from(("lighthouse", "grandfather", "")))
    if not word or x + 6 * _GLYPH > start.x + width:
        return ""
    words.append(word)
    runs.append(Run(word[:5] + "-", x, start.y))
    return word[5:]


def join_hyphens(text: str) -> str:
    """Return the text with words joined that are hyphenated at line ends."""
    return re.sub(r"(?<=\w)-\s+(?=\w)", "", text)
