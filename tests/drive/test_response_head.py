"""Which answers bring a file's bytes, by their head: one table, one line a case."""

from __future__ import annotations

import pytest

from drive import Body, NotTheFile, check_head

WHOLE = Body(0, 20, 20, has_length=True)
SPOKEN = Body(0, 20, 20, has_length=False)
REST = Body(5, 20, 20, has_length=True)
NO = None

TABLE: dict[str, tuple[int, dict[str, str], int, int | None, Body | None]] = {
    # what: status, headers, begin, announced size, what it brings
    "the whole": (200, {"content-length": "20"}, 0, 20, WHOLE),
    "without a length": (200, {"transfer-encoding": "chunked"}, 0, 20, SPOKEN),
    "until the connection ends": (200, {}, 0, 20, SPOKEN),
    "not encoded": (200, {"content-length": "20", "content-encoding": "identity"}, 0, 20, WHOLE),
    "shorter": (200, {"content-length": "19"}, 0, 20, NO),
    "longer": (200, {"content-length": "21"}, 0, 20, NO),
    "empty": (200, {"content-length": "0"}, 0, 20, NO),
    "negative": (200, {"content-length": "-20"}, 0, 20, NO),
    "two lengths": (200, {"content-length": "20, 20"}, 0, 20, NO),
    "no number": (200, {"content-length": "twenty"}, 0, 20, NO),
    "digits of another script": (200, {"content-length": "٢٠"}, 0, 20, NO),
    "both": (200, {"content-length": "20", "transfer-encoding": "chunked"}, 0, 20, SPOKEN),
    "gzip": (200, {"content-length": "20", "content-encoding": "gzip"}, 0, 20, NO),
    "br": (200, {"content-length": "20", "content-encoding": "br"}, 0, 20, NO),
    "gzip, taken off": (200, {"content-length": "20", "-content-encoding": "gzip"}, 0, 20, NO),
    "201": (201, {"content-length": "20"}, 0, 20, NO),
    "203": (203, {"content-length": "20"}, 0, 20, NO),
    "204": (204, {}, 0, 20, NO),
    "302": (302, {"content-length": "20"}, 0, 20, NO),
    "304": (304, {}, 0, 20, NO),
    "503": (503, {"content-length": "20"}, 0, 20, NO),
    "a part nobody asked for": (
        *(206, {"content-length": "20", "content-range": "bytes 0-19/20"}, 0, 20, NO),
    ),
    "an empty file": (200, {"content-length": "0"}, 0, 0, Body(0, 0, 0, has_length=True)),
    "size not announced": (200, {"content-length": "20"}, 0, None, WHOLE),
    "neither, chunked": (
        *(200, {"transfer-encoding": "chunked"}, 0, None, Body(0, None, None, has_length=False)),
    ),
    "neither, until the connection ends": (200, {}, 0, None, NO),
    "the rest": (*(206, {"content-length": "15", "content-range": "bytes 5-19/20"}, 5, 20, REST),),
    "the rest without a length": (
        *(206, {"content-range": "bytes 5-19/20"}, 5, 20, Body(5, 20, 20, has_length=False)),
    ),
    "some of the rest": (
        206,
        {"content-length": "5", "content-range": "bytes 5-9/20"},
        5,
        20,
        Body(5, 10, 20, has_length=True),
    ),
    "the whole in the rest's place": (200, {"content-length": "20"}, 5, 20, WHOLE),
    "the whole, without a length": (200, {"transfer-encoding": "chunked"}, 5, 20, SPOKEN),
    "as long as the rest": (200, {"content-length": "15"}, 5, 20, NO),
    "no range": (206, {"content-length": "15"}, 5, 20, NO),
    "another beginning": (
        *(206, {"content-length": "14", "content-range": "bytes 6-19/20"}, 5, 20, NO),
    ),
    "an earlier beginning": (
        *(206, {"content-length": "20", "content-range": "bytes 0-19/20"}, 5, 20, NO),
    ),
    "another total": (
        *(206, {"content-length": "15", "content-range": "bytes 5-19/21"}, 5, 20, NO),
    ),
    "an unknown total": (
        *(206, {"content-length": "15", "content-range": "bytes 5-19/*"}, 5, 20, NO),
    ),
    "beyond its total": (
        *(206, {"content-length": "16", "content-range": "bytes 5-20/20"}, 5, 20, NO),
    ),
    "backwards": (206, {"content-range": "bytes 5-4/20"}, 5, 20, NO),
    "a range that cannot be": (206, {"content-range": "bytes */20"}, 5, 20, NO),
    "another unit": (206, {"content-range": "items 5-19/20"}, 5, 20, NO),
    "another length": (
        *(206, {"content-length": "14", "content-range": "bytes 5-19/20"}, 5, 20, NO),
    ),
    "several parts": (*(206, {"content-type": "multipart/byteranges; boundary=x"}, 5, 20, NO),),
    "several parts, and a range": (
        206,
        {"content-type": "multipart/byteranges; boundary=x", "content-range": "bytes 5-19/20"},
        5,
        20,
        NO,
    ),
    "the rest, compressed": (
        206,
        {"content-length": "15", "content-range": "bytes 5-19/20", "content-encoding": "gzip"},
        5,
        20,
        NO,
    ),
    "416": (416, {"content-range": "bytes */20"}, 5, 20, NO),
}


@pytest.mark.parametrize("what", TABLE)
def test_only_the_file_or_the_part_that_was_asked_for_is_taken(what: str) -> None:
    """Anything else is a failed try, before a byte is read."""
    status, headers, begin, size, expected = TABLE[what]
    if expected is None:
        with pytest.raises(NotTheFile):
            check_head(status, headers, begin=begin, size=size)
    else:
        assert check_head(status, headers, begin=begin, size=size) == expected


@pytest.mark.parametrize(
    ("span", "good"),
    [("0-4/20", True), ("0-3/20", True), ("0-5/20", False), ("0-19/20", False), ("1-4/20", False)],
)
def test_of_a_part_with_an_end_no_more_is_taken(span: str, good: bool) -> None:
    """Also of the first one, which was asked for by a range as well."""
    headers = {"content-range": f"bytes {span}"}
    try:
        body = check_head(206, headers, begin=0, end=5, size=20, ranged=True)
    except NotTheFile:
        assert not good
    else:
        assert good
        assert body.begin == 0
