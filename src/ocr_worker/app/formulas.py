"""Formulas: LaTeX to MathML, which browsers draw themselves; and where in a text they are. Pure."""

from __future__ import annotations

import re
from html import escape, unescape
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_LONGEST = 8_000  # characters; the converter's time grows with them

# `\(..\)`, `\[..\]`, `$$..$$`, `$..$`. Dollars are also money: tight ones must not be followed by a digit, and between
# spaced ones, which PaddleOCR-VL writes, something of LaTeX or a lone word must stand.
FORMULA = re.compile(
    r"\\\((?P<round>.{1,2000}?)\\\)"
    r"|\\\[(?P<square>.{1,2000}?)\\\]"
    r"|\$\$(?P<double>[^$]{1,2000})\$\$"
    r"|\$(?P<tight>[^\s$](?:[^$\n]{0,2000}[^\s$\\])?)\$(?!\d)"
    r"|\$ (?P<spaced>(?=[^$\n]*[\\^_={}]|\w+ ?\$)[^$\n]{1,2000})\$",
    re.DOTALL,
)
_DISPLAYED = ("square", "double")
_FENCES = re.compile(r"\s*(?:\$\$|\\\[|\\\(|\$)?(.*?)(?:\$\$|\\\]|\\\)|\$)?\s*", re.DOTALL)
_OF_LATEX = re.compile(r"[\\^_{]")
_PROSE = re.compile(r"[^\W\d_]{4,}")


def formula_html(latex: str, *, displayed: bool) -> str:
    """MathML of the formula; the source itself, as code, where that cannot be converted."""
    return _mathml(latex.strip(), displayed) or f"<code>{escape(latex.strip())}</code>"


def without_fences(content: str) -> str:
    """The LaTeX of a formula that may stand between dollars or brackets."""
    found = _FENCES.fullmatch(content)
    return found[1].strip() if found else content


def is_latex(content: str) -> bool:
    """Whether this is LaTeX, and not a line that an engine without formulas read as text."""
    return bool(_OF_LATEX.search(content)) or not _PROSE.search(content)


def _mathml(latex: str, displayed: bool) -> str | None:
    if not latex or len(latex) > _LONGEST:
        return None
    try:
        math = convert_to_element(latex, display="block" if displayed else "inline")
    except Exception:  # the converter's own, and IndexError and its like, for LaTeX that is cut off; RecursionError
        return None
    for part in math.iter():
        part.text = part.text and unescape(part.text)
        if (part.text or "").startswith("\\"):  # a command that it does not know
            return None
    return ElementTree.tostring(math, encoding="unicode")


def in_text(escaped: str) -> str:
    """`escaped`, text of an HTML document, with its formulas as MathML."""
    if "$" not in escaped and "\\" not in escaped:
        return escaped
    parts, end, text = [], 0, unescape(escaped)
    for found in FORMULA.finditer(text):
        parts += [escape(text[end : found.start()], quote=False), _html_of(found)]
        end = found.end()
    return "".join([*parts, escape(text[end:], quote=False)])


def _html_of(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    return formula_html(found[kind], displayed=kind in _DISPLAYED)


def formulas(markdown: MarkdownIt) -> None:
    """A plugin: formulas in Markdown text."""
    markdown.inline.ruler.before("escape", "formula", _rule)
    markdown.add_render_rule("formula", _render)


def _rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\" or not (found := FORMULA.match(state.src, state.pos, state.posMax)):
        return False
    if not silent:
        kind = found.lastgroup or ""
        token = state.push("formula", "math", 0)
        token.content, token.info = found[kind], kind
    state.pos = found.end()
    return True


def _render(renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return formula_html(tokens[index].content, displayed=tokens[index].info in _DISPLAYED)
