"""Words that dashboards, alerts, scripts and memories hold on to: none may go, none may change."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pytest

from tests.frozen import product
from tests.frozen.golden import differences, hold

SAMPLES: Final = (
    # result, connection
    *("ok", "invalid_grant", "on_hold", "dns", "refused", "timeout", "proxy_refused", "nobody"),
    *("unreachable", "certificate", "tls", "broken"),
    # flow, kind
    *("device", "callback", "paste", "document", "photo", "video", "audio", "voice", "video_note"),
    *("animation", "album", "live_photo", "sticker", "other", "credentials", "tombstones"),
    *("quarantine", "consents", "updates", "uploads", "preferences", "maintenance", "audit"),
    # owner, reference, version
    *("u_aaaaaaaaaaaaaaaa", "d_aaaaaaaaaaaaaaaa", "u_aaaaaaaaaaaaaaa1", "user:501", "ABC234"),
    *("ABC1O0", "0.1.0", "1.2", "v1", "501.pdf", ""),
    *(True, 5, 1.5, None),
)
"""Values of which each field shows some, and withholds the others."""


@pytest.mark.parametrize("part", product.log_names())
def test_log_lines_keep_their_words(part: str) -> None:
    """Whoever searches a log by them finds what they found."""
    hold("logs", part, product.log_names()[part])


@pytest.mark.parametrize("field", product.log_names()["fields"])
def test_fields_of_a_log_line_show_what_they_showed(field: str) -> None:
    """And withhold what they withheld."""
    shown = [json.dumps(value) for value in SAMPLES if product.may_be_logged(field, value)]
    hold("log_values", field, sorted(shown))


def test_exceptions_keep_the_names_that_stand_in_logs() -> None:
    """`error` is made of the class's own name, and of the code where it has one."""
    hold("logs", "exceptions", product.exceptions())


@pytest.mark.parametrize("part", product.codes())
def test_answers_keep_their_codes(part: str) -> None:
    """Programs go by them."""
    hold("codes", part, product.codes()[part])


def test_exit_codes_stay() -> None:
    """Which line ends with which is in test_json.py."""
    hold("codes", "exit codes", product.exit_codes())


def test_metrics_keep_names_kinds_and_labels() -> None:
    """With every value that a label may have; the version is somebody's own."""
    found: dict[str, dict[str, Any]] = {}
    for family in product.told_metrics():
        if not family.name.startswith("drivekeeper_"):
            continue
        names: dict[str, dict[str, set[str]]] = {}
        for sample in family.samples:
            labels = names.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add("*" if label == "version" else value)
        found[family.name] = {
            "kind": family.type,
            "samples": {
                name: {label: sorted(values) for label, values in labels.items()}
                for name, labels in names.items()
            },
        }
    hold("metrics", "metrics", found)


def test_commands_keep_their_options() -> None:
    """Every command, argument and option, its kind and its default."""
    hold("commands", "drivekeeper", _command(product.command_line()))


def _command(command: Any) -> dict[str, Any]:
    """Plain data of one command and of those below it."""
    commands = getattr(command, "commands", {})
    places = [p for p in command.params if p.param_type_name == "argument"]
    return {
        "hidden": command.hidden,
        "arguments": [_parameter(place) for place in places],
        "options": {
            "/".join([*option.opts, *option.secondary_opts]): _parameter(option)
            for option in command.params
            if option.param_type_name == "option"
        },
        "commands": {name: _command(below) for name, below in commands.items()},
    }


def _parameter(parameter: Any) -> dict[str, Any]:
    kind, default = parameter.type_descriptor.annotation, parameter.default
    is_choice = isinstance(kind, type) and issubclass(kind, StrEnum)
    choices = [str(one) for one in kind] if is_choice else []
    plain = default is None or type(default) in (bool, int, str)
    said = {
        "kind": "choice" if choices else kind.__name__,
        "choices": choices,
        "shown as": parameter.metavar,
        "least": parameter.min,
        "most": parameter.max,
        "default": default if plain else str(default),
        "required": parameter.required,
        "many": bool(getattr(parameter, "multiple", False)),
        "from the environment": parameter.envvar,
    }
    return {name: value for name, value in said.items() if value not in (None, False, [])}


def test_settings_keep_names_and_defaults() -> None:
    """What an operator has not set means what it meant."""
    hold("settings", "defaults", {name: _plain(v) for name, v in product.settings().items()})


def _plain(value: Any) -> Any:
    if isinstance(value, (frozenset, tuple)):
        return sorted(map(str, value))
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def test_the_same_settings_may_be_read_from_a_file_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NAME_FILE`: it is looked for where the setting may be a secret."""
    departments = ["TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON", "ANPING_GOOGLE_SERVICE_ACCOUNT_JSON"]
    found = []
    for name in [*product.settings(), *departments]:
        with monkeypatch.context() as patched:
            patched.setenv(f"{name}_FILE", str(tmp_path / "none"))
            if any("the file named by" in fault for fault in product.faults_of_settings()):
                found.append(name)
    hold("settings", "from a file", sorted(found))


def test_a_golden_file_finds_what_is_gone_what_changed_and_what_is_new() -> None:
    """Else nothing here would hold anything."""
    golden = {"a": ["x", "y"], "b": {"c": 1, "d": True}, "e": None}
    assert differences(golden, golden, "") == ([], [])
    assert differences(golden, {**golden, "a": ["x"]}, "")[0] == ['.a: "y"']
    assert differences(golden, {**golden, "a": ["x", "y", "z"]}, "") == ([], ['.a: "z"'])
    assert differences(golden, {**golden, "b": {"c": 2, "d": True}}, "")[0]
    assert differences(golden, {**golden, "b": {"c": 1, "d": 1}}, "")[0]
    assert differences(golden, {"a": golden["a"], "b": golden["b"]}, "") == ([".e: null"], [])
    assert differences(golden, {**golden, "f": 1}, "") == ([], [".f: 1"])
    assert differences(["b", "a"], ["a", "b"], "")[0]
