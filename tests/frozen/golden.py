"""Golden files: what people and operators hold in their hands, compared with what there is now."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("golden")
_ADDS: Final = "FREEZE"
"""`FREEZE=add`: what is new is written into the golden files; nothing that is there is changed."""


def frozen(name: str) -> Any:
    """What the golden file of this name holds; nothing where there is none yet."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def hold(name: str, part: str, found: Any) -> None:
    """Fail unless a part of a golden file holds all of `found`, and `found` all of the part.

    Args:
        found: plain data, the lists in it sorted where they are sets.
    """
    golden = frozen(name)
    if os.environ.get(_ADDS) == "add":
        golden[part] = added(golden.get(part), found)
        text = json.dumps(golden, indent=1, sort_keys=True, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")
    lost, new = differences(golden.get(part), found, part)
    assert not lost, f"{name}.json: gone, or no longer as it was:\n" + "\n".join(lost)
    assert not new, f"{name}.json does not hold these yet (see README.md):\n" + "\n".join(new)


def differences(golden: Any, found: Any, where: str) -> tuple[list[str], list[str]]:
    """What is gone or differs, and what is new; a line each."""
    lost: list[str] = []
    new: list[str] = []
    if isinstance(golden, dict) and isinstance(found, dict):
        for key in sorted({*golden, *found}):
            if key not in found:
                lost.append(f"{where}.{key}: {_short(golden[key])}")
            elif key not in golden:
                new.append(f"{where}.{key}: {_short(found[key])}")
            else:
                inside = differences(golden[key], found[key], f"{where}.{key}")
                lost += inside[0]
                new += inside[1]
    elif _is_set(golden) and _is_set(found):
        lost += [f"{where}: {_short(one)}" for one in golden if one not in found]
        new += [f"{where}: {_short(one)}" for one in found if one not in golden]
    elif golden is None and found is not None:
        new.append(f"{where}: {_short(found)}")
    elif golden != found or type(golden) is not type(found):
        lost.append(f"{where}: {_short(golden)}, and now {_short(found)}")
    return lost, new


def added(golden: Any, found: Any) -> Any:
    """`golden` with what only `found` has."""
    if isinstance(golden, dict) and isinstance(found, dict):
        return {
            key: added(golden.get(key), found[key]) if key in found else golden[key]
            for key in {*golden, *found}
        }
    if _is_set(golden) and _is_set(found):
        return sorted({*golden, *found})
    return found if golden is None else golden


def _is_set(value: Any) -> bool:
    """A sorted list without doubles: its order says nothing. Any other list is a sequence."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return False
    return value == sorted(set(value))


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:300]
