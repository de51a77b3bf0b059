"""From what is sent as text to what a message shows: entities, trimming, lengths.

https://core.telegram.org/bots/api#messageentity and #formatting-options.
"""

from __future__ import annotations

import json
import re

from sandbox.telegram.errors import bad_request
from sandbox.telegram.formatting.html import EntityError, parse_html, utf16_length
from sandbox.telegram.formatting.links import LinkError, checked_link, is_loopback_host
from sandbox.telegram.model import Json
from sandbox.telegram.parameters import parse_json

TEXT_LIMIT = 4096  # "1-4096 characters after entities parsing"
CAPTION_LIMIT = 1024
_RAW_LIMIT = 1 << 15
_NOT_MODELLED = frozenset({"markdown", "markdownv2"})

# What Telegram finds by itself. The list of endings is short: these are enough to try things.
_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]+|(?<![\w@.])(?:[\w-]+\.)+(?:com|org|net|io|dev|app|me|tw|cn)"
    r"(?![\w.])(?:/[^\s<>\"]*)?)"
    r"|(?P<email>(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,})"
    r"|(?P<bot_command>(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>@]))"
    r"|(?P<mention>(?<![\w/])@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w))"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)",
    re.IGNORECASE,
)
_URL_HOST = re.compile(r"https?://(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)")
_OPAQUE = frozenset({"code", "pre", "text_link", "text_mention"})


def found_entities(text: str, known: list[Json] | None = None) -> list[Json]:
    """Commands, links, addresses, mentions and hashtags, outside of code and links."""
    taken = [(e["offset"], e["offset"] + e["length"]) for e in known or [] if e["type"] in _OPAQUE]
    result: list[Json] = []
    for match in _FOUND.finditer(text):
        shown = match[0]
        kind = str(match.lastgroup)
        if kind == "url":
            shown = shown.rstrip(".,;:!?)'»")
        offset = utf16_length(text[: match.start()])
        length = utf16_length(shown)
        if all(offset + length <= start or offset >= end for start, end in taken):
            result.append({"offset": offset, "length": length, "type": kind})
    return result


def _sorted(entities: list[Json]) -> list[Json]:
    return sorted(entities, key=lambda e: (e["offset"], -e["length"]))


def _trimmed(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Cut white space at both ends and keep the entities in step with it."""
    end = text.rstrip()
    limit = utf16_length(end)
    first = min((e["offset"] for e in entities), default=limit)
    start = 0
    while start < first and end[start : start + 1] in (" ", "\n"):
        start += 1
    result = []
    for entity in entities:
        offset = entity["offset"] - start
        length = min(entity["offset"] + entity["length"], limit) - entity["offset"]
        if length > 0:
            result.append(entity | {"offset": offset, "length": length})
    return end[start:], result


def format_text(
    text: str, parse_mode: str, entities: str, *, empty: bool
) -> tuple[str, list[Json]]:
    """Parse a text or caption; `empty`: may it be empty? Raises ApiError."""
    if len(text.encode("utf-8", "surrogatepass")) > _RAW_LIMIT:
        raise bad_request("Text is too long")
    mode = parse_mode.lower()
    parsed: list[Json] = []
    if text and mode and mode != "none":
        if mode in _NOT_MODELLED:
            raise bad_request(f"the sandbox does not model parse_mode {parse_mode}, use HTML")
        if mode != "html":
            raise bad_request("Unsupported parse_mode")
        try:
            text, parsed = parse_html(text)
        except EntityError as error:
            raise bad_request(f"can't parse entities: {error}") from error
    elif entities:
        parsed = _given(entities, utf16_length(text))
    text = text.replace("\r", "")
    text, parsed = _trimmed(text, parsed)
    if not text and not empty:
        raise bad_request("Text must be non-empty")
    return text, _sorted(parsed + found_entities(text, parsed))


def _given(raw: str, length: int) -> list[Json]:
    """Parse the `entities` parameter; what it places outside of the text is left out."""
    try:
        values = json.loads(raw)
    except ValueError:
        return []
    result = []
    for value in values if isinstance(values, list) else []:
        if not isinstance(value, dict):
            raise bad_request("Can't parse MessageEntity: expected an Object")
        for name in ("offset", "length"):
            if not isinstance(value.get(name), int):
                raise bad_request(f"Can't parse MessageEntity: Can't find field \"{name}\"")
        if value["length"] > 0 and 0 <= value["offset"] < length:
            result.append(value)
    return result


def links_in(text: str, entities: list[Json]) -> list[str]:
    """URLs a message shows, first to last: those Telegram would make a preview of."""
    units = text.encode("utf-16-le", "surrogatepass")
    urls: list[str] = []
    for entity in entities:
        if entity["type"] == "text_link":
            urls.append(str(entity["url"]))
        elif entity["type"] == "url":
            part = units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])]
            try:
                urls.append(checked_link(part.decode("utf-16-le", "replace")))
            except LinkError:
                continue
    return urls


def preview_options(args: dict[str, str]) -> Json:
    """Parse `link_preview_options`."""
    raw = args.get("link_preview_options") or "{}"
    otherwise = "Object expected as link preview options"
    return parse_json(raw, "link preview options", dict, otherwise)


def loopback_links(urls: list[str]) -> list[str]:
    """Those of the URLs that lead to this machine."""
    return [
        url
        for url in urls
        if (host := _URL_HOST.match(url)) is not None and is_loopback_host(host[1])
    ]
