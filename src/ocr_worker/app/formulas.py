"""Formulas for the page to try the worker: LaTeX in, MathML out, which browsers draw without a script.

`FORMULA` finds formulas in text, and `formula_html` converts a formula. `render_formulas` does both for HTML text, and
`formula_plugin` for Markdown. LaTeX that cannot be converted is shown as code. Pure: no input or output, no state.
"""

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

_MAX_CHARACTERS = 8_000  # longer formulas are shown as code: the converter's time grows with the length

# `\(..\)`, `\[..\]`, `$$..$$`, `$..$`. Dollars are also money: a digit must not follow a tight pair, and a spaced
# pair, which PaddleOCR-VL writes, must hold a sign of LaTeX or a single word.
FORMULA = re.compile(
    r"\\\((?P<round>.{1,2000}?)\\\)"
    r"|\\\[(?P<square>.{1,2000}?)\\\]"
    r"|\$\$(?P<double>[^$]{1,2000})\$\$"
    r"|\$(?P<tight>[^\s$](?:[^$\n]{0,2000}[^\s$\\])?)\$(?!\d)"
    r"|\$ (?P<spaced>(?=[^$\n]*[\\^_={}]|\w+ ?\$)[^$\n]{1,2000})\$",
    re.DOTALL,
)
_DISPLAY_GROUPS = ("square", "double")
_FENCES = re.compile(r"\s*(?:\$\$|\\\[|\\\(|\$)?(.*?)(?:\$\$|\\\]|\\\)|\$)?\s*", re.DOTALL)
_LATEX_SIGN = re.compile(r"[\\^_{]")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")


def formula_html(latex: str, *, is_displayed: bool) -> str:
    """Return the formula as MathML, or as `<code>` with its LaTeX when it cannot be converted."""
    return _mathml(latex.strip(), is_displayed) or f"<code>{escape(latex.strip())}</code>"


def strip_fences(content: str) -> str:
    """Return a formula's LaTeX without the dollars or brackets around it, if any."""
    match = _FENCES.fullmatch(content)
    return match[1].strip() if match else content


def is_latex(content: str) -> bool:
    """Return whether the content is LaTeX, and not a line that an engine without formula recognition read as text."""
    latex = strip_fences(content)
    is_fenced = latex != content.strip()
    return bool(_LATEX_SIGN.search(latex)) or (is_fenced and not _LONG_WORD.search(latex))


def _mathml(latex: str, is_displayed: bool) -> str | None:
    if not latex or len(latex) > _MAX_CHARACTERS:
        return None
    try:
        math = convert_to_element(latex, display="block" if is_displayed else "inline")
    except Exception:  # its own errors, IndexError and the like for incomplete LaTeX, RecursionError
        return None
    for element in math.iter():
        element.text = element.text and unescape(element.text)
        if (element.text or "").startswith("\\"):  # a command that the converter does not know
            return None
    return ElementTree.tostring(math, encoding="unicode")


def render_formulas(html_text: str) -> str:
    """Return `html_text`, the text of an HTML document, with its formulas as MathML."""
    if "$" not in html_text and "\\" not in html_text:
        return html_text
    parts, end, text = [], 0, unescape(html_text)
    for match in FORMULA.finditer(text):
        parts += [escape(text[end : match.start()], quote=False), _match_html(match)]
        end = match.end()
    return "".join([*parts, escape(text[end:], quote=False)])


def _match_html(match: re.Match[str]) -> str:
    group = match.lastgroup or ""
    return formula_html(match[group], is_displayed=group in _DISPLAY_GROUPS)


def formula_plugin(markdown: MarkdownIt) -> None:
    """Add formulas to a Markdown parser. Use it as `MarkdownIt().use(formula_plugin)`."""
    markdown.inline.ruler.before("escape", "formula", _parse_formula)
    markdown.add_render_rule("formula", _render_formula)


def _parse_formula(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\" or not (match := FORMULA.match(state.src, state.pos, state.posMax)):
        return False
    if not silent:
        group = match.lastgroup or ""
        token = state.push("formula", "math", 0)
        token.content, token.info = match[group], group
    state.pos = match.end()
    return True


def _render_formula(renderer: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return formula_html(tokens[index].content, is_displayed=tokens[index].info in _DISPLAY_GROUPS)
