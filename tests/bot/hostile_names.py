"""Names of files that were chosen to do harm, and names that only look as if they were."""

from __future__ import annotations

import itertools
from typing import Final

_SEPARATORS: Final = ["/", "\\", "../", "..\\", "/../", "//", "\\\\?\\", "file:///", "C:\\", "~/"]
_TARGETS: Final = [
    *("etc/passwd", "user_data/token_501.json", "uploads/x.json", "..", ".env", "a.pdf", ""),
    *("locks/bot.lock", "user_data\\uploads", "proc/self/environ"),
]
_CONTROLS: Final = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
_BIDI: Final = [chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F))] + [
    chr(code) for code in range(0x2066, 0x206A)
]
_UNSEEN: Final = [
    *("\u00ad", "\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u200b", "\u200c"),
    *("\u200d", "\u2028", "\u2029", "\u2060", "\u2061", "\u2064", "\u206a", "\u206f", "\u2800"),
    *("\u3000", "\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\ufffb", "\ufffe"),
    *("\uffff", "\ufdd0", "\U000e0001", "\U000e0041", "\U000e007f", "\U000e0100", "\U0001d173"),
]
_SURROGATES: Final = ["\ud800", "\udbff", "\udc00", "\udfff", "\ude00\ud83d"]
_DEVICES: Final = [
    *("CON", "con", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"),
    *(f"{port}{number}" for port in ("COM", "LPT") for number in (*range(10), "¹", "²", "³")),
]
_MARKUP: Final = [
    *("<b>bold</b>", "</b>", "<", ">", "&", "&amp;", "&lt;b&gt;", "&#0;", "&#xD800;", "&#60;"),
    *("<a href='tg://user?id=1'>x</a>", '"><script>alert(1)</script>', "<b", "<!--", "<pre>"),
    *("*bold*", "_italic_", "__x__", "`code`", "```", "[x](http://evil.example)", "||x||", "~x~"),
    *("{name}", "{", "}", "{0.__class__}", "%s", "%(name)s", "$HOME", "$(id)", "`id`", "; rm -rf"),
    *("/start", "@drivekeeper", "#tag", "http://evil.example/a.pdf", "tg://resolve?domain=x"),
    *(
        "' OR 1=1 --",
        "name' and '1'='1",
        "\\'",
        "q='",
        "a\r\nX-Evil: 1",
        "--flag",
        "-rf",
        "|x",
        "*",
    ),
]
_LONG: Final = [
    *("x" * size for size in (254, 255, 256, 257, 1000, 5000)),
    *("x" * size + ".pdf" for size in (250, 251, 252, 4000)),
    *("檔" * size for size in (85, 86, 255, 256, 1400)),
    *("👩\u200d👩\u200d👧\u200d👦" * size for size in (10, 36, 37, 500)),
    *("🇹🇼" * 200, "e\u0301" * 300, "Z" + "\u0301" * 5000 + "algo", "\u0301" * 4000, "." * 300),
    *(" " * 400, "&" * 300, "<" * 300, "\u202e" * 300, "a." * 200, "/" * 300, "\x00" * 300),
    *("a" + "." + "b" * 300, "שלום " * 80, "ا" + "\u064b" * 900, "👍" + "🏽" * 300, "\ud800" * 300),
]
_EDGES: Final = [
    *("", ".", "..", "...", " ", " .", ". ", " .. ", ".hidden", "..hidden", "...a", "trailing."),
    *("trailing...", "trailing ", "trailing . . .", "\ttab", "\u3000wide\u3000", "\u00a0a\u00a0"),
    *(
        "a.pdf.",
        "a.pdf ",
        "a .pdf",
        "a. pdf",
        " .pdf",
        ".pdf",
        "..pdf",
        "-",
        "_",
        "~",
        "#",
        "?",
        ":",
    ),
    *("report.pdf" + " " * 100 + ".exe", "a:b", "a::$DATA", "a|b", 'a"b', "a*b?", "thumbs.db"),
    *(
        "desktop.ini",
        ".DS_Store",
        "~$report.docx",
        "a;b",
        "𝓯𝓪𝓷𝓬𝔂.pdf",
        "ﷺ" * 60,
        "\u0300a",
        "٣٤٥.pdf",
    ),
]
_WORDS: Final = ["invoice", "報表", "תמונה", "صورة", "👩\u200d🚀", "नमस्ते"]

HOSTILE: Final[list[str]] = list(
    dict.fromkeys(
        [
            *_EDGES,
            *_LONG,
            *_MARKUP,
            *(f"{word}{text}.pdf" for text in _MARKUP for word in _WORDS[:2]),
            *("".join(pair) for pair in itertools.product(_SEPARATORS, _TARGETS)),
            *(f"a{char}b.pdf" for char in (*_CONTROLS, *_BIDI, *_UNSEEN, *_SURROGATES)),
            *(char * 3 for char in (*_CONTROLS, *_BIDI, *_UNSEEN, *_SURROGATES)),
            *(f"{word}{char}fdp.exe" for word in _WORDS for char in (*_BIDI, *_UNSEEN)),
            *(f"{char}{word}.jpg" for word in _WORDS for char in (*_BIDI[:4], *_SURROGATES)),
            *(f"{device}{ending}" for device in _DEVICES for ending in ("", ".txt", ".", " .a.b")),
        ]
    )
)
"""More than a thousand, no two alike."""

LEGITIMATE: Final = [
    *("report.pdf", "Quarterly report (final) [2].pdf", "a_b-c+d=e,f;g'h.tar.gz", ".gitignore"),
    *("十一月班表.pdf", "勤務表　第二版.xlsx", "レポート.txt", "보고서.hwp", "각.txt", "café.txt"),
    *("cafe\u0301.txt", "Việt Nam.docx", "Übergrößenträger.odt", "Ελληνικά.pdf", "Отчёт.pdf"),
    *(
        "क्षत्रिय.pdf",
        "தமிழ்.pdf",
        "ക്\u200d.pdf",
        "শ্রী.txt",
        "ශ්\u200dරී.txt",
        "ภาษาไทยน้ำ.pdf",
        "བོད་ཡིག.txt",
    ),
    *("می\u200cخواهم.pdf", "تقرير.pdf", "דו״ח שנתי.docx", "בְּרֵאשִׁ֖ית.txt", "አማርኛ.txt"),
    *(
        "👩\u200d👩\u200d👧\u200d👦.jpg",
        "🏳️\u200d🌈.png",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f.png",
    ),
    *(
        "👍🏽.gif",
        "1️⃣.txt",
        "🇹🇼.svg",
        "❤️\u200d🔥.png",
        "x" * 251 + ".pdf",
        "檔" * 255,
        "50% off!.txt",
    ),
    *("R&D <draft>.txt", "a *b* _c_.md", "“quoted” – dashed…pdf", "mp3 №1.mp3", "~$x", "a : b"),
]
"""What people of any script call their files."""
