"""A department's spreadsheets to try with: rosters and duty tables of this month and the next.

They have the shapes of real ones: a tab a month, named in years of the Republic of China; a header
that does not begin at the top; half and full-width brackets mixed; nobody in them is real.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date

from sandbox.google.sheets.formats import serial
from sandbox.google.sheets.model import Area, Cell, Spreadsheet, Tab

ROSTER_ID = "1SandboxTanhaeRoster0000000000000000000000AA"
DUTY_ID = "1SandboxTanhaeDuty000000000000000000000000AA"
PEOPLE = (
    ("1011", "林以晴"),
    ("1012", "陳柏翰"),
    ("1013", "黃詩涵"),
    ("1015", "張家豪"),
    ("1018", "李宜蓁"),
    ("1020", "王冠廷"),
    ("1021", "吳佩珊"),
    ("1024", "劉承恩"),
    ("1026", "蔡雅筑"),
    ("1029", "楊子軒"),
    ("1030", "許庭瑜"),
    ("1033", "鄭凱文"),
    ("0107", "謝明哲"),
)
CODES = (
    ("0530E", 0, 530, 1330, "淡海輕軌"),
    ("0905G", 0, 905, 1715, "淡海輕軌"),
    ("1425G", 0, 1425, 2235, "淡海輕軌"),
    ("1530A", 0, 1530, 2400, "藍海線"),
    ("2200N", 1, 2200, 600, "夜班"),
)
"""Code, whether it goes over midnight, from, to, route."""
_WEEK = (
    *("0905G", "0905G", "1425G", "1425G(+2)", "(假)", "R/0905G", "2200N"),
    *("(假)", "0530E", "0530E", "1530A", "(特)", "(公)", "R(國)/1425G(+2)"),
)
SHEETS_TOML = f"""\
# What the sandbox's spreadsheets of 淡海 are.

[tanhae.roster]
title = "班表"
spreadsheet = "{ROSTER_ID}"
tab = "{{roc}}{{mm}}班表"
months = [0, 1]
kind = "month-grid"
zone = "Asia/Taipei"
codes = "tanhae.codes"

[tanhae.codes]
title = "代碼"
kind = "code-table"
tab = "代碼"

[tanhae.duty]
title = "勤務表"
spreadsheet = "{DUTY_ID}"
tab = "{{roc}}{{mm}}勤務表"
months = [0, 1]
kind = "month-grid"

[tanhae.duty.cell]
shift = []
leave = []
rest = '\\((?P<rest>休)\\)'
note = ['月[台臺]', '詢問處', '巡場']
"""
"""The product's settings for them."""
_OTHER_BRACKETS = str.maketrans("()", "（）")
_WEEKDAYS = "一二三四五六日"
Row = list[Cell | str | int | None]


def samples(today: date, address: str) -> list[Spreadsheet]:
    """The roster with its codes, and the duty table, shared with this address."""
    following = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    months = [today.replace(day=1), following]
    roster = [_roster(month, gid) for gid, month in enumerate(months)]
    duty = [_duty(month, gid) for gid, month in enumerate(months)]
    return [
        Spreadsheet(ROSTER_ID, "淡海站務班表", tabs=[*roster, _codes(7)], shared=[address]),
        Spreadsheet(DUTY_ID, "淡海勤務表", tabs=duty, shared=[address]),
    ]


def tab_title(month: date, what: str) -> str:
    """A month's tab: 11412班表 is that of December 2025."""
    return f"{month.year - 1911}{month.month:02}{what}"


def shift_of(person: int, day: int) -> str:
    """What somebody works on a day; every fifth cell has full-width brackets."""
    shift = _WEEK[(day + person * 3) % len(_WEEK)]
    return shift.translate(_OTHER_BRACKETS) if (day + person) % 5 == 0 else shift


def _tab(gid: int, title: str, rows: list[Row]) -> Tab:
    tab = Tab(gid, title)
    for row, cells in enumerate(rows):
        for column, found in enumerate(cells):
            if found not in (None, ""):
                tab.write((row, column), found if isinstance(found, Cell) else Cell(found))
    return tab


def _roster(month: date, number: int) -> Tab:
    days = range(1, monthrange(month.year, month.month)[1] + 1)
    title = f"淡海站務　{month.year - 1911} 年 {month.month} 月班表"
    weekdays = [_WEEKDAYS[month.replace(day=day).weekday()] for day in days]
    rows: list[Row] = [
        [title],
        ["員編", "姓名", *days],
        [None, None, *weekdays],
    ]
    for person, (id_, name) in enumerate(PEOPLE):
        rows.append([Cell(id_, kind="TEXT"), name, *(shift_of(person, day) for day in days)])
    tab = _tab(1_204_500 + number, tab_title(month, "班表"), rows)
    tab.merges = [Area(0, 0, 1, 2 + len(days)), Area(1, 0, 3, 1), Area(1, 1, 3, 2)]
    return tab


def _codes(number: int) -> Tab:
    head: Row = ["代碼", "報到", "收班", "工時", "路線"]
    rows: list[Row] = [head]
    for code, next_day, start, end, route in CODES:
        minutes = _minutes(end) + next_day * 1440 - _minutes(start)
        time = Cell(_minutes(start) / 1440, kind="TIME", pattern="hh:mm")
        rows.append([code, time, Cell(end, kind="NUMBER", pattern="0000"), minutes, route])
    return _tab(1_204_500 + number, "代碼", rows)


def _duty(month: date, number: int) -> Tab:
    """Its data begin lower and further right, and days are dates."""
    days = [month.replace(day=day) for day in range(1, monthrange(*month.timetuple()[:2])[1] + 1)]
    people = PEOPLE[:6]
    rows: list[Row] = [
        [None, f"{month.month} 月勤務表"],
        [],
        [None, "（單位：淡海）"],
        [
            *(None, None, "編號", "姓名"),
            *(Cell(serial(day), kind="DATE", pattern="m/d") for day in days),
        ],
        *(
            [None, at + 1, Cell(id_, kind="TEXT"), name] + [_duty_of(at, day.day) for day in days]
            for at, (id_, name) in enumerate(people)
        ),
    ]
    return _tab(88_310 + number, tab_title(month, "勤務表"), rows)


def _duty_of(person: int, day: int) -> str:
    duties = ("月台", "月臺", "詢問處", "詢問處 ", "巡場", "", "(休)")  # names in several ways
    return duties[(day + 2 * person) % len(duties)]


def _minutes(clock: int) -> int:
    return clock // 100 * 60 + clock % 100
