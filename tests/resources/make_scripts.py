"""Makes `scripts.pdf`: a page each in Russian, Arabic and Korean, born digital, with text of our own.

Run by hand as `python tests/resources/make_scripts.py`; it needs Chromium and fonts of these scripts. The file is kept,
so that the tests need neither.
"""

from __future__ import annotations

from pathlib import Path

TEXTS = {
    "ru": (
        "Река поднялась в феврале, а не в апреле, и луга стояли под водой девять дней.",
        "Мостовая служба записала все уровни и закрыла старую дорогу до конца месяца.",
        "Летом уровень снова упал, и паром ходил каждый день с утра до вечера.",
    ),
    "ar": (
        "ارتفع النهر في فبراير بدلا من أبريل وبقيت المروج تحت الماء تسعة أيام",
        "سجلت إدارة الجسور كل المستويات وأغلقت الطريق القديم حتى نهاية الشهر",
        "في الصيف انخفض المستوى من جديد وكانت العبارة تعمل كل يوم من الصباح",
    ),
    "ko": (
        "강물은 사월이 아니라 이월에 불어났고 풀밭은 아흐레 동안 물에 잠겼다.",
        "다리 관리소는 모든 수위를 기록하고 그달 말까지 옛길을 막았다.",
        "여름에는 수위가 다시 내려가 나룻배가 아침부터 저녁까지 날마다 다녔다.",
    ),
}
STYLE = (
    "body { font: 16pt serif; margin: 40pt; line-height: 1.7; word-break: keep-all } "
    "section { break-after: page } p { margin: 0 0 14pt }"
)


def html() -> str:
    sections = (
        f'<section lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">'
        + "".join(f"<p>{sentence}</p>" for sentence in sentences)
        + "</section>"
        for language, sentences in TEXTS.items()
    )
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(sections)}"


def main() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page()
        page.set_content(html())
        page.pdf(path=str(Path(__file__).with_name("scripts.pdf")), format="A5")
        chromium.close()


if __name__ == "__main__":
    main()
