"""Sentences of many languages, composed from word lists.

A `Writer` is seeded, so that a page has the same text on every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

_ENGLISH = {
    "A": "ancient narrow reliable copper seasonal hidden municipal fragile coastal steady foreign wooden remote modest "
    "brittle generous careful shallow private northern curious quarterly uneven silent portable granite domestic faint "
    "orderly stubborn tropical obsolete vertical crowded liquid restless woven bitter hollow practical",
    "N": "harbour ledger orchard engine valley archive lantern bridge committee glacier market compass treaty furnace "
    "library pasture signal cabinet reservoir workshop carriage festival mineral quarry turbine parish lecture pigment "
    "schooner tribunal window garden barrel canal ministry telescope voyage census chapel meadow voltage harvest "
    "journal plaster corridor senate anchor bakery cellar diagram estuary foundry gallery",
    "V": "describes replaces supports outlasted resembles governs measured repaired surrounds predicted overlooked "
    "exceeds protects inspired delayed confirms absorbed explains borrowed divided reflects carried weakened restored "
    "crossed followed obscured balances reached questioned",
    "P": "beneath beyond within near above behind across against beside toward around throughout",
    "C": "although few observers agreed|because the records were lost|while prices kept rising|until the winter of {Y}|"
    "which nobody had expected|as the survey of {Y} shows|when the first measurements arrived|"
    "since the older method failed|after {Q} further trials|where the samples were taken|"
    "unless the weather turns|before the council met in {Y}",
    "S": "The {A} {N} {V} the {N} {P} a {A} {N}, {C}.|In {Y} the {N} {V} every {A} {N} {P} the {N}.|"
    "Each {N} {V} its {A} {N}, and the {N} {V} a {N} of {Q} parts.|{Ca}, the {A} {N} {V} one {N} {P} the {A} {N}.|"
    "A {A} {N} {P} the {N} {V} some {A} {N}; the {N} {V} it.|"
    "Of {Q} {A} parts, only the {N} {V} the {N} {P} this {A} {N}, {C}.",
}
_FRENCH = {
    "A": "étroite ancienne régulière légère sévère côtière fragile élégante première dernière générale précise",
    "N": "forêt rivière église fenêtre société lumière théorie bibliothèque mémoire lumière récolte vallée marée "
    "chaîne façade pièce école méthode fête",
    "V": "protège révèle précède dépasse améliore reçoit complète éclaire répète règle",
    "S": "La {A} {N} {V} la {N}, où l'année {Y} fut décisive.|À cette époque, la {N} {V} une {A} {N} près de la {N}.|"
    "Dès {Y}, chaque {N} {V} la {A} {N} ; la {N} la {V} à peine.|"
    "Après {Q} années, une {N} {V} encore la {A} {N} voûtée.",
}
_GERMAN = {
    "A": "größere mögliche frühere schöne jährliche tägliche natürliche öffentliche nördliche ländliche",
    "N": "Brücke Bücherei Straße Prüfung Universität Lösung Währung Küste Wärme Erzählung Größe Übung Behörde "
    "Entwicklung Mühle Höhle",
    "V": "erklärt überquert verstärkt ergänzt berührt gefährdet schließt bestätigt öffnet ändert",
    "S": "Die {A} {N} {V} die {N}, weil die {N} seit {Y} fehlt.|Im Jahr {Y} {V} eine {A} {N} die {N} über dem Fluß.|"
    "Für {Q} Maßnahmen {V} die {N} jede {A} {N} und die {N}.|Während die {N} die {A} {N} {V}, wächst die {N}.",
}
_CHINESE = {
    "A": "古老的 狭窄的 可靠的 重要的 明显的 复杂的 完整的 稳定的 独立的 特殊的 先进的 传统的",
    "N": "港口 河流 图书馆 桥梁 山谷 市场 工厂 仪器 数据 模型 城市 学校 "
    "森林 理论 方法 记录 系统 信号 材料 温度 实验室 委员会",
    "V": "影响了 改变了 支持了 超过了 保护了 说明了 反映了 连接了 测量了 解释了 控制了 促进了",
    "S": "{A}{N}{V}{A}{N}，而{N}在{Y}年{V}{N}。|在{Y}年，研究人员发现{N}{V}{A}{N}。|"
    "由于{N}的变化，{A}{N}{V}附近的{N}。|"
    "我们认为{N}与{N}之间的关系{V}{A}{N}，共有{Q}个样本。|经过{Q}次观察，{A}{N}仍然{V}整个{N}。",
}
_RUSSIAN = {
    "A": "старая узкая надёжная северная тихая важная полная",
    "N": "гавань река библиотека дорога школа теория работа долина книга зима мастерская",
    "V": "описывает заменяет поддерживает окружает превышает объясняет",
    "S": "В {Y} году {A} {N} {V} то, чего не знала {N}.|Каждая {N} {V} целое, и {A} {N} остаётся.|"
    "После {Q} попыток {A} {N} снова {V} всё вокруг.",
}
_ARABIC = {
    "A": "القديم الضيق الهادئ الكبير البعيد الجديد المهم",
    "N": "الميناء النهر الجسر السوق الكتاب الوادي المصنع البيت الطريق المتحف",
    "V": "يصف يحمي يشرح يتجاوز يعكس يدعم",
    "S": "{V} {N} {A} كل ما كتب عن {N} منذ سنوات.|في هذه المدينة {V} {N} {A} صورة {N} كاملة.|"
    "ثم {V} {N} ما تركه {N} {A} وراءه.",
}
_KOREAN = {
    "A": "오래된 좁은 조용한 중요한 새로운 커다란",
    "N": "항구 도서관 다리 시장 학교 계곡 공장 기록 이론 정원",
    "V": "설명한다 보호한다 바꾸었다 지탱한다 넘어섰다 둘러싼다",
    "S": "{Y}년에 {A} {N}의 역사는 {N}의 모습을 {V}.|{A} {N}에서 {Q}명의 학자가 {N}의 의미를 {V}.|"
    "그 뒤에도 {N}의 구조는 {A} {N}의 질서를 {V}.",
}
_LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "en": _ENGLISH, "fr": _FRENCH, "de": _GERMAN, "zh": _CHINESE, "ru": _RUSSIAN, "ar": _ARABIC, "ko": _KOREAN,
}  # fmt: skip


class Writer:
    """A writer of text in one language. seed: usually the page's name; another seed gives other text."""

    def __init__(self, seed: str, language: str = "en") -> None:
        self._random = Random(f"{language}:{seed}")
        self._words = _LANGUAGES[language]
        self._join = "" if language == "zh" else " "

    def number(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`."""
        return self._random.randint(low, high)

    def pick(self, options: Sequence[str]) -> str:
        """Return one of the options."""
        return self._random.choice(options)

    def word(self, kind: str = "N") -> str:
        """Return a word: `A` adjective, `N` noun, `V` verb."""
        return self.pick(self._words[kind].split())

    def sentence(self) -> str:
        """Return a sentence."""
        return self._fill(self.pick(self._words["S"].split("|")))

    def prose(self, sentences: int) -> str:
        """Return this number of sentences."""
        return self._join.join(self.sentence() for _ in range(sentences))

    def phrase(self) -> str:
        """Return a few words, as for a title, without a period."""
        return self._fill("{A} {N} and the {N} {P} a {N}").capitalize()

    def name(self) -> str:
        """Return the name of a person."""
        return f"{self.pick(_FIRST.split())} {self.pick('ABCDEFGHJKLMPRSTW')}. {self.pick(_LAST.split())}"

    def amount(self, low: int = 100, high: int = 99_999) -> str:
        """Return an amount with a thousands separator and two decimals."""
        return f"{self.number(low * 100, high * 100) / 100:,.2f}"

    def _fill(self, template: str) -> str:
        text = ""
        for piece in template.split("{"):
            key, closed, rest = piece.partition("}")
            text += self._slot(key) + rest if closed else piece
        return text

    def _slot(self, key: str) -> str:
        if key == "Y":
            return str(self.number(1801, 2019))
        if key == "Q":
            return str(self.number(3, 98))
        if key in ("C", "Ca"):
            clause = self._fill(self.pick(self._words["C"].split("|")))
            return clause[0].upper() + clause[1:] if key == "Ca" else clause
        return self.word(key)


_FIRST = "Martha Oskar Ingrid Pavel Louisa Hector Miriam Conrad Agnes Felix Harriet Tobias Edith Lionel"
_LAST = "Whitcombe Lindqvist Okafor Brandt Castellan Hargrove Petrov Ashdown Moreau Fairbanks Tanaka Kessler Redfern"
