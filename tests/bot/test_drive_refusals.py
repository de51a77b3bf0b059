"""What Drive refuses, and what people are told to do: never to try again where that is no use."""

from __future__ import annotations

import json

import pytest

from bot.drive_files import file_texts
from bot.texts.catalogue import Texts
from bot.uploads.running.runner import _is_everybodys
from bot.uploads.texts import upload as upload_texts
from config.languages import LANGUAGES
from drive import DriveRefused, error_of_answer, reasons
from sandbox.google.errors import drive_body
from security.errors import CustodyError
from security.logs.schema import RESULTS
from tests.bot.upload_line import ANN, job

_ENOUGH = "See whether it works at drive.google.com"


def of(reason: str) -> CustodyError:
    """What becomes of such a refusal, in the form that has this reason."""
    older = "forbidden" if reason.isupper() else reason
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    body = drive_body(403, older, "No", details=[info] if reason.isupper() else None)
    return error_of_answer(403, {}, json.dumps(body).encode())


@pytest.mark.parametrize("reason", reasons.REFUSALS)
def test_each_reason_has_its_code_and_its_sentence(reason: str) -> None:
    """In the upload's end and at a file's buttons, in every language."""
    error = of(reason)
    assert isinstance(error, DriveRefused)
    assert error.code == reasons.REFUSALS[reason]
    assert error.code in RESULTS
    english = upload_texts.ended_by(error, job(ANN, 1), Texts("en"))[0]
    for language in [one for one in LANGUAGES if one != "en"]:
        assert upload_texts.ended_by(error, job(ANN, 1), Texts(language))[0] != english
        shown = file_texts.trouble(error, Texts("en"))[0]
        assert file_texts.trouble(error, Texts(language))[0] != shown


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("insufficientParentPermissions", "Choose another one with /folder"),
        ("parentNotAFolder", "Choose another one with /folder"),
        ("insufficientFilePermissions", "Choose another one with /folder"),
        ("teamDriveMembershipRequired", "Choose another one with /folder"),
        ("teamDriveHierarchyTooDeep", "one further up with /folder"),
        ("myDriveHierarchyDepthLimitExceeded", "one further up with /folder"),
        ("numChildrenInNonRootLimitExceeded", "Choose another one with /folder"),
        ("domainPolicy", "trying again does not help"),
        ("ORG_RESTRICTION_VIOLATION", "trying again does not help"),
        ("SECURITY_POLICY_VIOLATED", "trying again does not help"),
        ("uploadTooLarge", "Split it"),
        ("downloadQuotaExceeded", "tomorrow"),
        ("storageQuotaExceeded", "Free some space"),
    ],
)
def test_what_is_advised_is_of_use(reason: str, says: str) -> None:
    """Another folder, an administrator, another day."""
    text, _, state = upload_texts.ended_by(of(reason), job(ANN, 1), Texts("en"))
    assert says in text
    assert "ask whoever runs this bot" not in text
    assert state == "failed"


@pytest.mark.parametrize("reason", ["domainPolicy", "insufficientParentPermissions"])
def test_an_albums_other_files_do_not_try_the_same(reason: str) -> None:
    """What is said of the account or the folder is said of them all."""
    assert _is_everybodys(of(reason))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("bin_forbidden", "content manager"),
        ("not_permitted", "Ask its owner"),
        ("folder_refused", "Choose another one"),
        ("policy_forbidden", "administrator decides"),
        ("harmful_file", "harmful"),
        ("no_bytes", "Google's own"),
        ("sharing_forbidden", "administrator decides"),
        ("drive_refused", _ENOUGH),
    ],
)
def test_a_files_buttons_say_why(code: str, says: str) -> None:
    """And which role it takes."""
    assert says in file_texts.trouble(DriveRefused("no", code=code), Texts("en"))[0]
