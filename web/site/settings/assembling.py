"""What the settings page shows, put together from what the services know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import SecretStr

from departments.administrators.sessions import Session
from departments.administrators.who import name_of
from departments.authorising.consents import Asked
from departments.authorising.outcomes import DECLINED, SAVED
from departments.clients.alarms import Alarm
from departments.clients.clients import Client
from departments.clients.pairing import LIFE_SECONDS, OpenCode
from departments.clients.use import UseRecord
from departments.names import Department
from departments.overview import Standing
from departments.services import DepartmentServices
from web.site.settings.pairing_cookie import ShownCode
from web.site.settings.views import Card, Computer, News, PairingCode, Question, SettingsPage
from web.site.sheets.standing import Lines

WAITING: Final = "waiting"
_DONE: Final[dict[str, News]] = {
    "authorised": "authorised",
    "kept": "kept",
    "revoked": "revoked",
    "revoked_shared": "revoked_shared",
    "revoked_here": "revoked_here",
    "not_connected": "not_connected",
    "disabled": "disabled",
    "unblocked": "unblocked",
    "dropped": "dropped",
    "code_gone": "code_gone",
    "gone": "gone",
    "busy": "busy",
    "looked": "looked",
    "look_busy": "look_busy",
}
_ERRORS: Final[dict[str, News]] = {
    "access_denied": "declined",
    "scope_missing": "unticked",
    **dict.fromkeys(("expired", "used", "superseded", "wrong_state", "other_session"), "lapsed"),
    **dict.fromkeys(("org_policy", "org_internal"), "organisation"),
    **dict.fromkeys(("timeout", "unavailable", "rate_limited", "not_json"), "silent"),
    **dict.fromkeys(("invalid_client", "deleted_client", "unauthorized_client"), "set_up"),
    **dict.fromkeys(("unknown_client", "invalid_request", "no_refresh_token"), "set_up"),
}
"""Result codes of a consent → what is said of them. An address may hold anything: what is not here
is not said."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request's address asks the page to show besides."""

    department: str = ""
    """The slug of the department it is about."""
    done: str = ""
    error: str = ""
    ask: str = ""
    """The question to put: `revoke`, `disable`."""
    client: str = ""
    """disable: the computer's id."""
    fault: str = ""
    """What was wrong with a form: `label`."""


@dataclass(frozen=True, slots=True)
class _Pairing:
    """The codes there are, and which of them this browser knows."""

    open: Sequence[OpenCode]
    letters: Mapping[str, str]
    """By name."""
    spent: Sequence[ShownCode]


class SettingsViews:
    """Looks at everything that the page shows."""

    def __init__(
        self,
        services: DepartmentServices,
        public_url: str,
        sheets: Callable[[], Lines],
    ) -> None:
        """
        Args:
            sheets: how those of each department stand, by its slug; blocks.
        """
        self._services = services
        self._public_url = public_url
        self._sheets = sheets

    async def of(
        self, session: Session, wishes: Wishes, shown: Sequence[ShownCode]
    ) -> SettingsPage:
        """The page for this session.

        Args:
            shown: the pairing codes that its browser keeps.

        Raises:
            OperatorFault: the storage does not answer.
        """
        made = self._services
        departments = list(made.departments)
        asked = await asyncio.gather(
            *(made.consents.current(one, session.id) for one in departments)
        )
        standings = await made.overview.of(departments)  # after what may just have been saved
        known = await made.workers.read(made.desk.clients.all)
        clients = [one for one in known if one.state != "revoked"]
        used = await made.workers.read(made.desk.use.of, [one.name for one in clients])
        pairing = await made.workers.read(self._pairing, shown, clients)
        alarms = await made.workers.read(made.desk.alarms.open)
        sheets = await made.workers.read(self._sheets)
        now = made.clock.now()
        cards = [
            Card(
                department.slug,
                department.name,
                standing.state,
                news=await self._news(department, session, wishes, its_request),
                account=_text(standing.account),
                since=_seconds(standing.since),
                revoked_at=standing.revoked.at if standing.revoked else None,
                revoked_by=name_of(standing.revoked.by) if standing.revoked else "",
                minutes_left=standing.minutes_left(now),
                ends_at=_seconds(standing.grant_ends_at),
                is_testing=standing.is_testing,
                under_way=_under_way(its_request),
                question=_question(its_request),
                asks_to_revoke=_is_asked(standing, wishes),
                computers=_computers(department, clients, used, alarms, wishes),
                pairing=tuple(
                    self._code(one, pairing.letters, now)
                    for one in pairing.open
                    if one.department == department.slug
                ),
                paired=tuple(
                    one.label for one in pairing.spent if one.department == department.slug
                ),
                service_key=made.service_keys.of(department),
                sheets=tuple(sheets.get(department.slug, ())),
                label_fault=wishes.fault == "label" and wishes.department == department.slug,
            )
            for department, standing, its_request in zip(departments, standings, asked, strict=True)
        ]
        return SettingsPage(now.timestamp(), tuple(cards), made.consents.can_ask)

    async def _news(
        self, department: Department, session: Session, wishes: Wishes, asked: Asked | None
    ) -> News:
        """What has just happened to a department, by this session."""
        if wishes.department != department.slug:
            return ""
        if wishes.done != WAITING:
            return _DONE.get(wishes.done) or _ERRORS.get(wishes.error, "")
        if asked is not None:
            return "waiting" if _under_way(asked) == "mine" else ""
        outcome = await self._services.consents.last_outcome(department, session.id)
        if outcome is None:
            return ""
        ends: dict[str, News] = {SAVED: "authorised", DECLINED: "kept"}
        return ends.get(outcome.result) or _ERRORS.get(outcome.result, "")

    def _pairing(self, shown: Sequence[ShownCode], clients: Sequence[Client]) -> _Pairing:
        """Blocks."""
        pairing, now = self._services.desk.pairing, self._services.clock.seconds()
        opened = pairing.open()
        letters = {pairing.name_of(one.code): one.code for one in shown}
        names = {one.name for one in opened}
        over = [
            one for one in shown if one.expires_at > now and pairing.name_of(one.code) not in names
        ]
        # Only where its computer works: a code can have been dropped elsewhere, and a computer
        # blocked since.
        spent = [one for one in over if any(_is_of(client, one) for client in clients)]
        return _Pairing(opened, letters, spent)

    def _code(self, one: OpenCode, letters: Mapping[str, str], now: datetime) -> PairingCode:
        left = max(int(one.expires_at - now.timestamp()), 0)
        return PairingCode(one.name, letters.get(one.name, ""), one.label, left, self._public_url)


def _is_of(client: Client, code: ShownCode) -> bool:
    """Whether it got its key by this code, as far as can be told."""
    return (
        client.is_active
        and (client.department, client.label) == (code.department, code.label)
        and client.created_at >= code.expires_at - LIFE_SECONDS
    )


def _under_way(asked: Asked | None) -> Literal["", "mine", "others"]:
    if asked is None:
        return ""
    if not asked.is_mine:
        return "others"
    return "mine" if asked.stage == "under_way" else ""


def _question(asked: Asked | None) -> Question | None:
    if asked is None or not asked.is_mine or asked.stage != "ask":
        return None
    return Question(asked.consent_id, _text(asked.before), _text(asked.now))


def _is_asked(standing: Standing, wishes: Wishes) -> bool:
    is_this = wishes.ask == "revoke" and wishes.department == standing.department.slug
    return is_this and standing.state == "fine"


def _computers(
    department: Department,
    clients: list[Client],
    used: Mapping[str, UseRecord],
    alarms: Sequence[Alarm],
    wishes: Wishes,
) -> tuple[Computer, ...]:
    return tuple(
        Computer(
            one.id,
            one.label,
            may_fetch_tokens="token" in one.may,
            used_at=used[one.name].last_used or None,
            is_blocked=one.state == "blocked",
            because=one.because,
            blocked_at=one.changed_at if one.state == "blocked" else None,
            is_asked=wishes.ask == "disable" and wishes.client == one.id,
            alarms=tuple(alarm.code for alarm in alarms if alarm.client == one.id),
        )
        for one in clients
        if one.department == department.slug
    )


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
