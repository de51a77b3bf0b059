"""What the bot and its pages say: whole in every language, safe with whatever is put into it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from babel.messages import pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from pydantic import SecretStr

import bot
from bot.commands import IN_GROUPS, command_menu
from bot.connecting.account_texts import help_, room
from bot.connecting.consent_outcome import explain_refusal
from bot.drive_files import file_texts
from bot.texts import admin_texts
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from config import sizes
from config.languages import LANGUAGES, language_of
from drive import About
from security.errors import CustodyError, OperatorFault
from web.pages import approved_page, refused_page

_ROOT = Path(bot.__file__).parents[1]
_FRONTS = ("bot", "web", "desktop")
_TRANSLATIONS = ("zh_Hant", "zh_Hans")
_CATALOGUES = [(front, language) for front in _FRONTS for language in _TRANSLATIONS]
_KEYWORDS = {"tr": None, "label": None, "N_": None, "plural": (1, 2)}
_TAGS = ("b", "i", "u", "s", "a", "code", "pre")  # of those Telegram knows, the ones in use here
# https://core.telegram.org/bots/api#answercallbackquery and #botcommand
_TOAST_LENGTH = 200
_BUTTON_WIDTH = 30
_BROWSERS = {"en": "en-GB,en;q=0.9", "zh-Hant": "zh-TW,zh;q=0.9", "zh-Hans": "zh-CN,zh;q=0.9"}
_REFUSALS = ("access_denied", "scope_missing", "expired", "used", "wrong_state", "unavailable")


@cache
def _literals(path: Path, keyword: str) -> frozenset[str]:
    """What one of `_KEYWORDS` wraps in a file, read once for all of them."""
    if keyword not in path.read_text("utf-8"):
        return frozenset()
    with path.open("rb") as source:
        keywords = {keyword: _KEYWORDS[keyword]}
        method = "python" if path.suffix == ".py" else "jinja2"
        options = {} if path.suffix == ".py" else {"silent": "false"}
        found = [message for _, message, _, _ in extract(method, source, keywords, options=options)]
    return frozenset(form for message in found for form in _forms(message))


def _forms(message: str | Iterable[str]) -> tuple[str, ...]:
    """A message, or each of its plural forms."""
    return (message,) if isinstance(message, str) else tuple(message)


def _messages(*names: str, keywords: Iterable[str] = _KEYWORDS, front: str = "bot") -> set[str]:
    """The literals that `keywords` wrap, in the files of a front named, or in all of them."""
    folders = [_ROOT / front] if front == "bot" else [_ROOT / front, _ROOT / "looks"]
    paths = [
        path
        for folder in folders
        for path in (*folder.rglob("*.py"), *folder.rglob("templates/*.html"))
        if not names or path.name in names
    ]
    return {text for path in paths for keyword in keywords for text in _literals(path, keyword)}


@cache
def _catalogue(front: str, language: str) -> Catalog:
    with (_ROOT / front / "locale" / f"{language}.po").open("rb") as source:
        return pofile.read_po(source, locale=language)


def _translations(front: str, language: str) -> list[tuple[str, str]]:
    return [
        (message, translation)
        for entry in _catalogue(front, language)
        if entry.id
        for message in _forms(entry.id)
        for translation in _forms(entry.string or "")
    ]


def _placeholders(text: str) -> Counter[tuple[str, str | None, str | None]]:
    fields = Formatter().parse(text)
    return Counter((name, spec, how) for _, name, spec, how in fields if name is not None)


def _tags(text: str) -> Counter[str]:
    return Counter(re.findall(r"<[^>]*>", text))


def _fixed(text: str) -> Counter[str]:
    """What no language changes: commands, addresses, emoji and other signs."""
    visible = re.sub(r"<[^>]*>|\{\w+\}", "", text)
    words = re.findall(r"(?<!\w)/[a-z]+|https?://[\w.]+|[\w.]+\.com/\w+", visible)
    return Counter(words + [char for char in visible if unicodedata.category(char) == "So"])


def _width(text: str) -> int:
    """Columns: Chinese characters and emoji take two."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide


class _Reader(HTMLParser):
    """Elements, attributes and visible text of a page, and whether what was opened was closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


# The catalogues


@pytest.mark.parametrize("front", _FRONTS)
def test_the_code_has_texts(front: str) -> None:
    """Guards the tests below against an extraction that finds nothing."""
    assert len(_messages(front=front)) >= 50


@pytest.mark.parametrize(("front", "language"), _CATALOGUES)
def test_the_catalogue_holds_exactly_what_the_code_says(front: str, language: str) -> None:
    catalogue = _catalogue(front, language)
    ids = {message for message, _ in _translations(front, language)}
    path = f"{front}/locale/{language}.po"
    assert ids - _messages(front=front) == set(), (
        f"no longer said by the code: run `make texts` ({path})"
    )
    new = _messages(front=front) - ids
    assert new == set(), f"run `make texts`, then translate what is new, in {path}"
    assert not catalogue.obsolete, f"run `make texts` ({path})"


@pytest.mark.parametrize(("front", "language"), _CATALOGUES)
def test_everything_is_translated(front: str, language: str) -> None:
    """No empty, unsure or broken entry."""
    catalogue = _catalogue(front, language)
    unsure = [entry.id for entry in catalogue if entry.id and entry.fuzzy]
    empty = [
        message
        for message, translation in _translations(front, language)
        if not translation.strip()
    ]
    assert (unsure, empty) == ([], []), f"translate these in {front}/locale/{language}.po"
    assert [(message.id, errors) for message, errors in catalogue.check()] == []


@pytest.mark.parametrize(("front", "language"), _CATALOGUES)
def test_translations_are_in_their_script(front: str, language: str) -> None:
    """What contains words is in Chinese, and not in the other Chinese."""
    other = "档链账号设说请这开还们为" if language == "zh_Hant" else "檔鏈帳號設說請這開還們為"
    for message, translation in _translations(front, language):
        if re.search(r"[A-Za-z]", re.sub(r"<[^>]*>|\{\w+\}", "", message)):
            assert re.search(r"[\u4e00-\u9fff]", translation), message
        assert not set(translation) & set(other), message


_NOT_SAID = {
    "zh_Hant": ("憑據", "令牌", "帳戶", "登錄", "數據庫"),
    "zh_Hans": ("凭据", "权杖", "帐号", "登陆", "资料库"),
}
"""For what another word is used: 憑證, 權杖, 帳號, 登入, 資料庫."""


@pytest.mark.parametrize("language", _TRANSLATIONS)
def test_one_thing_is_called_by_one_word(language: str) -> None:
    """In the chat, on the pages and in what operators read."""
    said = [words for front in _FRONTS for words in _translations(front, language)]
    for page in (_ROOT / "docs" / language).glob("*.md"):
        said.append((page.name, page.read_text("utf-8")))
    for what, words in said:
        assert [word for word in _NOT_SAID[language] if word in words] == [], what
        if re.search(r"\b(un)?block", what, re.IGNORECASE):  # a computer's key is blocked, or
            assert set("封屏") & set(words), what  # disabled for good, which is another thing


@pytest.mark.parametrize(("front", "language"), _CATALOGUES)
def test_placeholders_markup_and_signs_survive_translation(front: str, language: str) -> None:
    """A translation that lost one would fail in front of a person, or say less."""
    for message, translation in _translations(front, language):
        assert _placeholders(translation) == _placeholders(message), message
        assert _tags(translation) == _tags(message), message
        assert _fixed(translation) == _fixed(message), message
        assert translation.count("\n") == message.count("\n"), message
        assert translation == translation.strip(), message


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_are_markup_that_telegram_accepts(language: str) -> None:
    """Known tags only, closed in the right order; placeholders are names and nothing more."""
    texts = Texts(language)
    for message in _messages(keywords=("tr", "plural")):
        names = {str(name) for name, _, _ in _placeholders(message)}
        assert all(name.isidentifier() for name in names), message
        # Every value is a tag and an entity at once: only escaped does the result hold.
        shown = texts.tr(message, **dict.fromkeys(names, "<b>&amp;</i>"))
        reader = _Reader(shown)
        assert {tag for tag, _ in reader.elements} <= set(_TAGS), message
        assert reader.open == [], message
        assert reader.text.count("<b>&amp;</i>") == sum(_placeholders(message).values()), message


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_have_no_markup(language: str) -> None:
    """Telegram shows a button's text as it stands."""
    for message in _messages(keywords=("label", "N_")):
        label = Texts(language).label(message, **_any_values(message))
        assert not re.search(r"[<>]|&\w+;", label), message


@pytest.mark.parametrize(("front", "language"), _CATALOGUES)
def test_the_headers_are_ours(front: str, language: str) -> None:
    """None of the tool's placeholders is left."""
    text = (_ROOT / front / "locale" / f"{language}.po").read_text("utf-8")
    for junk in ("EMAIL@ADDRESS", "FULL NAME", "FIRST AUTHOR", "ORGANIZATION", "LL@li.org"):
        assert junk not in text
    headers = dict(_catalogue(front, language).mime_headers)
    assert headers["Project-Id-Version"].split()[0] == "drivekeeper"
    assert headers["Language"] == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_buttons_fit_a_phone(language: str) -> None:
    """Toasts fit into what Telegram takes."""
    texts = Texts(language)
    buttons = _messages(
        *("keyboards.py", "buttons.py", "admin_keyboards.py", "account.py"), keywords=("label",)
    )
    assert len(buttons) > 10
    for message in buttons:
        label = texts.label(message, **_any_values(message))
        assert _width(label) <= _BUTTON_WIDTH, label
    for message in _messages(keywords=("label",)):
        assert len(texts.label(message, **_any_values(message))) <= _TOAST_LENGTH


@pytest.mark.parametrize("language", LANGUAGES)
def test_commands_are_described_as_telegram_demands(language: str) -> None:
    """3 to 256 characters in one line; names of lower-case letters."""
    for command, meaning in (*command_menu(is_admin=True, has_rosters=True), *IN_GROUPS):
        assert re.fullmatch(r"[a-z0-9_]{1,32}", command)
        described = Texts(language).label(meaning)
        assert 3 <= len(described) <= 256
        assert "\n" not in described


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_names_every_command_once_in_blocks(language: str) -> None:
    """But /start, which is how one gets here; an administrator's to administrators alone."""
    people, administrators = (
        help_(Texts(language, to_administrator=administers), 20 * 1024**2, "Telegram", "a_bot")
        for administers in (False, True)
    )
    for said, is_admin in ((people, False), (administrators, True)):
        named = re.findall(r"^/([a-z]+) ", said, re.MULTILINE)
        assert sorted(["start", *named]) == sorted(dict(command_menu(is_admin=is_admin)))
        blocks = said.split("\n\n")
        assert len(blocks) == (5 if is_admin else 4)
        assert all(block.count("\n") <= 6 for block in blocks)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_button_is_called_what_it_says(language: str) -> None:
    """Messages quote buttons: in every language the quoted words must be on one."""
    texts = Texts(language)
    quoted = {
        words
        for message in _messages(keywords=("tr", "plural"))
        for words in re.findall(r"[“「]([^”」{]+)[”」]", texts.tr(message, **_any_values(message)))
        if words != "?"
    }
    page = approved_page("https://t.me/x", _BROWSERS[language.replace("_", "-")])
    labels = _messages(keywords=("label",))
    on_buttons = [texts.label(message, **_any_values(message)) for message in labels]
    assert quoted, "the guard below would check nothing"
    for words in quoted:
        assert f">{words}</a>" in page or any(label.endswith(words) for label in on_buttons), words


def _any_values(message: str) -> dict[str, str]:
    return {str(name): "?" for name, _, _ in _placeholders(message)}


# Languages


@pytest.mark.parametrize(
    ("code", "language"),
    [
        *((code, "zh_Hant") for code in ("zh-hant", "zh-Hant", "zh-TW", "zh_TW", "zh_HK", "zh-mo")),
        *((code, "zh_Hant") for code in ("zh-Hant-TW", "zh-hant-raw", "ZH-HANT", "zh_hant_hk")),
        *((code, "zh_Hans") for code in ("zh", "ZH", "zh-hans", "zh-CN", "zh_SG", "zh-Hans-CN")),
        *((code, "en") for code in ("en", "en-GB", "en_US", "de", "ja", "ko", "pt-br", "zhx")),
        *(
            (code, "en")
            for code in (None, "", "-", "tw", "hant", "x-zh", "../../etc/passwd", "{0}")
        ),
    ],
)
def test_the_language_follows_telegrams(code: str | None, language: str) -> None:
    """Chinese by script or region, English for whoever speaks none of ours."""
    assert language_of(code) == language


def test_an_unknown_language_speaks_english() -> None:
    """Whatever an old document says."""
    for language in ("tlh", "", "../zh_Hant"):
        assert Texts(language).language == "en"
        assert Texts(language).label("Cancel") == "Cancel"


def test_each_language_names_itself_when_chosen() -> None:
    """The answer to /language is in the language chosen."""
    said = {code: Texts(code).tr("👌 From now on I speak English.") for code in LANGUAGES}
    assert "English" in said["en"]
    assert "繁體中文" in said["zh_Hant"]
    assert "简体中文" in said["zh_Hans"]


# Values


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_never_becomes_markup(language: str) -> None:
    """Messages are HTML; labels are not, and would show the escapes."""
    texts = Texts(language)
    shown = texts.tr("⏹ <b>{name}</b> was cancelled.", name="<b>&")
    assert "<b>&lt;b&gt;&amp;</b>" in shown
    assert texts.label("{name}", name="<b>&") == "<b>&"


@pytest.mark.parametrize(
    "name",
    ["{0.__class__}", "{name}", "{", "}", "{}", "{{", "%s %(name)s", "\\N{BELL}", "{name!r}"],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_is_never_a_format(language: str, name: str) -> None:
    """str.format reads the message, not what is put into it."""
    texts = Texts(language)
    assert f"<b>{name}</b>" in texts.tr("⏹ <b>{name}</b> was cancelled.", name=name)
    assert texts.label("{name}", name=name) == name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("count", "number", "unit"),
    [
        (0, "0", None),
        (1023, "1,023", None),
        (1024, "1", "KiB"),
        (1536, "1.5", "KiB"),
        (5 * 1024**2, "5", "MiB"),
        (20 * 1024**2, "20", "MiB"),
        (5 * 1024**2 + 200 * 1024, "5.2", "MiB"),
        (3 * 1024**3 // 2, "1.5", "GiB"),
        (2 * 1024**4, "2", "TiB"),
        (5000 * 1024**4, "5,000", "TiB"),
    ],
)
def test_sizes_are_for_people(language: str, count: int, number: str, unit: str | None) -> None:
    """In steps of 1024, as Drive and Telegram count, and with the unit that means just that."""
    shown_number, shown_unit = Texts(language).size(count).split(" ")
    assert shown_number == number
    if unit is not None:
        assert shown_unit == unit


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_limit_is_never_rounded_up(language: str) -> None:
    """Whoever goes by it must not be refused."""
    texts = Texts(language)
    assert texts.limit(20 * 1024**2) == "20 MiB"
    assert texts.limit(2000 * 1024**2) == "2,000 MiB"
    assert texts.limit(4 * 1024**3) == "4 GiB"
    assert texts.size(2000 * 1024**2) == "2 GiB"


def test_commands_say_sizes_as_the_chat_does() -> None:
    """In English."""
    for count in (0, 1, 2, 1023, 1024, 1536, 20 * 1024**2, 3 * 1024**3 // 2, 5000 * 1024**4):
        assert sizes.size(count) == Texts("en").size(count)


def test_one_of_a_thing_is_one() -> None:
    """Where a language counts otherwise, its catalogue says so."""
    texts = Texts("en")
    assert [texts.size(count) for count in (1, 2)] == ["1 byte", "2 bytes"]
    assert Texts("zh_Hant").size(1) == "1 位元組"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("say", [file_texts.trouble, explain_refusal])
def test_only_whoever_runs_the_bot_is_told_where_to_look(
    language: str, say: Callable[[CustodyError, Texts], Shown]
) -> None:
    """To anybody else commands and logs mean nothing."""
    fault = OperatorFault("the store failed", code="store_failed")
    to_people, _ = say(fault, Texts(language))
    to_administrators, _ = say(fault, Texts(language, to_administrator=True))
    assert not re.search(r"/health|doctor|log|[A-Z]+_[A-Z]+", to_people)
    assert to_administrators.startswith(to_people)
    assert "/health" in to_administrators


@pytest.mark.parametrize(
    ("used", "limit", "said"),
    [
        (0, None, "Your Drive is empty, and has no limit."),
        (1536, None, "Used: 1.5 KiB, no limit"),
        (0, 0, "Google gives this account no room for files."),
        (5, 0, "Google gives this account no room for files."),
        (0, 15 * 1024**3, "Your Drive is empty: 15 GiB free"),
        (2 * 1024**2, 15 * 1024**2, "Used: 2 MiB of 15 MiB, 13 MiB free"),
        (16 * 1024**3, 15 * 1024**3, "Used: 16 GiB of 15 GiB, nothing free"),
    ],
)
def test_room_is_said_in_fitting_units_and_nothing_in_words(
    used: int, limit: int | None, said: str
) -> None:
    """Never "0.0 GB of 0.0 GB"."""
    about = About(SecretStr("amy@example.com"), SecretStr("1"), used, limit)
    assert room(about, Texts("en")) == said


def test_dates_are_written_as_the_language_does() -> None:
    """Month by its name, not by a number that may be a day."""
    day = date(2026, 3, 4)
    assert Texts("en").date(day) == "March 4, 2026"
    assert Texts("zh_Hant").date(day) == Texts("zh_Hans").date(day) == "2026年3月4日"


# Pages


def _pages(accept_language: str) -> list[str]:
    refused = [refused_page(code, accept_language) for code in _REFUSALS]
    return [approved_page("https://t.me/a_bot?start=abc", accept_language), *refused]


@pytest.mark.parametrize("language", _BROWSERS)
def test_pages_speak_the_browsers_language(language: str) -> None:
    """Whole pages, titles and texts of their own."""
    texts = set()
    for page in _pages(_BROWSERS[language]):
        reader = _Reader(page)
        assert reader.open == []
        assert dict(reader.elements)["html"] == {"lang": language}
        assert "{" not in reader.text
        assert "}" not in reader.text
        assert bool(re.search(r"[\u4e00-\u9fff]", reader.text)) == language.startswith("zh")
        texts.add(reader.text)
    # expired, used and wrong_state look alike: nobody learns from it which it was.
    assert len(texts) == len(_REFUSALS) + 1 - 2


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        *((accept, "zh-Hant") for accept in ("zh-TW,zh;q=0.9,en;q=0.8", "zh-HK", "zh-Hant-TW")),
        *((accept, "zh-Hans") for accept in ("zh", "zh-CN,zh;q=0.9", "ZH-CN", "zh-Hans")),
        *((accept, "en") for accept in ("", "*", "de-DE,zh;q=0.5", "en-US", "\x00{0}<script>")),
    ],
)
def test_a_browsers_languages_are_understood(accept: str, language: str) -> None:
    """The first one counts."""
    assert f'<html lang="{language}">' in refused_page("used", accept)


@pytest.mark.parametrize("language", _BROWSERS)
def test_pages_have_nothing_from_elsewhere(language: str) -> None:
    """Neither a picture, a font nor a script: the address of the page holds a code."""
    for page in _pages(_BROWSERS[language]):
        for tag, attributes in _Reader(page).elements:
            assert tag in ("html", "meta", "title", "style", "main", "div", "h1", "p", "a")
            assert not {"src", "srcset", "style", "background", "ping"} & attributes.keys()
            assert not any(name.startswith("on") for name in attributes)
            assert tag == "a" or "href" not in attributes
        assert not re.search(r"url\(|@import|@font-face|http-equiv", page)
        assert re.findall(r"https?:", page) in ([], ["https:"])  # the button's


def test_the_button_leads_to_the_chat_and_nowhere_else() -> None:
    """A link is escaped, and gives the page's address to nobody."""
    link = "https://t.me/a_bot?start=a&b=\"><script>alert(1)</script>{0.__class__}'"
    reader = _Reader(approved_page(link, "en"))
    (button,) = [attributes for tag, attributes in reader.elements if tag == "a"]
    assert button == {"href": link, "rel": "noreferrer"}
    assert "script" not in {tag for tag, _ in reader.elements}


@pytest.mark.parametrize("language", _BROWSERS)
@pytest.mark.parametrize("code", ["<script>", "no_refresh_token", "timeout", ""])
def test_an_unknown_refusal_has_a_page(code: str, language: str) -> None:
    """Codes are looked up and never shown."""
    page = refused_page(code, _BROWSERS[language])
    assert page == refused_page("failed", _BROWSERS[language])
    assert "<script>" not in page
    assert not [tag for tag, _ in _Reader(page).elements if tag == "a"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_trouble_with_what_is_kept_sends_nobody_to_a_folder_that_is_not_used(language: str) -> None:
    """It may be in a database: both places are named where something is to be looked at."""
    texts = Texts(language)
    for code in ("store_failed", "updates_not_saved"):
        assert "DATABASE_URL" in admin_texts.remedy(code, texts)
        told = admin_texts.title(code, texts) + admin_texts.meaning(code, texts)
        assert not re.search("data folder|資料目錄|数据目录|資料夾|数据文件夹", told)
