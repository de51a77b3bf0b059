"""One owner's life over every storage: any series of what custody does, with crashes and meddling.

Whatever happens, every refresh token that Google gave and nobody ended is kept somewhere, and none
that has ended is ever served.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr

from security.credential import Credential
from security.encryption import TokenEncryption
from security.errors import CustodyError, GenerationConflict, RestoreRefused
from security.owner_documents import copy_key, credential_key
from security.token_store import Save, TokenStore
from tests.storage.all_backends import BACKENDS, databases_in_rest
from tests.storage.backends import ANN, MASK, STOPPABLE, Backend, MemoryBackend, new_key
from tests.storage.memory import Stopped
from tests.storage.test_rules_above import a_credential, reseal, token_of

KEY = credential_key(ANN)
steps = st.one_of(st.none(), st.integers(0, 5))
"""After how many steps the process dies; None: it lives."""


class Life(RuleBasedStateMachine):
    """The model: what is connected, what lies in quarantine, and what has ended."""

    backend_class: type[Backend]
    root: Path
    key = new_key()

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=self.root)
        folder = Path(self.folder.name) / "user_data"
        self.backend = self.backend_class(folder, TokenEncryption([self.key]))
        self.store = TokenStore(self.backend.storage, MASK)
        self.tokens = 0
        self.current: str | None = None
        self.is_leaving = False
        self.copies: list[str] = []
        self.generation = 0
        self.old: list[tuple[int, bytes]] = []
        """What lay in the credential's place at any time, by its generation."""
        self.ended = 0

    def teardown(self) -> None:
        self.backend.storage.close()
        self.backend.close()
        self.folder.cleanup()

    def new_token(self) -> SecretStr:
        """One that Google gives once."""
        self.tokens += 1
        return SecretStr(f"1//0token-{self.tokens}")

    def look(self) -> tuple[str | None, list[str]]:
        """The token that is served, and those of the copies."""
        copies = []
        for name in self.store.copies.names(ANN):
            document = self.backend.document(copy_key(name))
            assert document is not None
            copies.append(str(document["refresh_token"]))
        return token_of(self.store.load(ANN)), copies

    def do(
        self, operation: Callable[[], object], after: tuple[str | None, list[str]], stop: int | None
    ) -> bool:
        """Do it, or die in the midst of it and start again; whether it was done whole."""
        before = (self.current, list(self.copies))
        can_stop = isinstance(self.backend, MemoryBackend)
        if can_stop:
            self.backend.stop_after(stop)  # type: ignore[attr-defined]
        is_done = True
        try:
            operation()
        except Stopped:
            is_done = False
            self.backend.restart()
            self.store = TokenStore(self.backend.storage, MASK)
            self.store.prepare()
        if can_stop:
            self.backend.stop_after(None)  # type: ignore[attr-defined]
        self.settle(before, after, is_done)
        return is_done

    def settle(
        self,
        before: tuple[str | None, list[str]],
        after: tuple[str | None, list[str]],
        is_done: bool,
    ) -> None:
        """Compare with what was, and with what was to be."""
        now = self.look()
        if is_done:
            assert now == after
        assert now[0] in (before[0], after[0])
        kept_before, kept_after = {before[0], *before[1]}, {after[0], *after[1]}
        kept = {now[0], *now[1]} - {None}
        assert kept >= (kept_before & kept_after) - {None}
        assert kept <= kept_before | kept_after
        self.current, self.copies = now[0], now[1]
        credential = self.store.load(ANN)
        self.is_leaving = credential is not None and credential.state == "leaving"
        if credential is None:
            self.ended = max(self.ended, self.generation)
            if self.backend.document(KEY) is not None:  # ended, and waiting for who removes it
                with self.store.leased(ANN) as lease:
                    self.store.delete(ANN, lease=lease)
                self.copies = self.look()[1]
        else:
            assert credential.generation >= self.generation
            assert credential.generation > self.ended or self.is_leaving
            self.generation = max(self.generation, credential.generation)
            self.old.append((credential.generation, self.backend.stored(KEY).raw))

    @rule(stop=steps)
    def connect(self, stop: int | None) -> None:
        """A consent is saved."""
        token = self.new_token()
        credential = a_credential(token.get_secret_value())
        after = (token.get_secret_value(), list(self.copies))
        self.do(lambda: self.store.save_newest(credential), after, stop)

    @precondition(lambda self: self.current is not None and not self.is_leaving)
    @rule(stop=steps, is_resealed=st.booleans())
    def refresh(self, stop: int | None, is_resealed: bool) -> None:
        """Saved under what was read before somebody re-sealed it."""
        token = self.new_token()
        current = self.store.load(ANN)
        assert current is not None

        def save() -> None:
            with self.store.leased(ANN) as lease:
                seen = self.store.read(ANN)
                saved = replace(current, refresh_token=token)
                [outcome] = self.store.save_all([Save(saved, current.generation, lease, seen)])
                assert isinstance(outcome, Credential), outcome

        if is_resealed:
            reseal(self.backend)
        self.do(save, (token.get_secret_value(), list(self.copies)), stop)

    @precondition(lambda self: self.current is not None)
    @rule(stop=steps)
    def leave(self, stop: int | None) -> None:
        """They are disconnecting."""
        self.do(lambda: self.store.mark_leaving(ANN), (self.current, list(self.copies)), stop)

    @rule(stop=steps)
    def delete(self, stop: int | None) -> None:
        """They have disconnected."""
        if self.do(lambda: self.store.delete(ANN), (None, []), stop):
            self.ended = max(self.ended, self.generation)

    @precondition(lambda self: self.current is not None and not self.is_leaving)
    @rule(stop=steps)
    def set_aside(self, stop: int | None) -> None:
        """It was rejected."""
        assert self.current is not None
        after = (None, [*self.copies, self.current])
        self.do(lambda: self.store.copies.set_aside(ANN, "invalid_grant"), after, stop)

    @precondition(lambda self: bool(self.copies))
    @rule(stop=steps)
    def restore(self, stop: int | None) -> None:
        """An operator brings the newest copy back; over one that serves it is refused."""
        name = self.store.copies.names(ANN)[-1]
        if self.current is not None:
            with pytest.raises(RestoreRefused):
                self.store.copies.restore(name)
            return
        after = (self.copies[-1], self.copies[:-1])
        self.do(lambda: self.store.copies.restore(name), after, stop)

    @precondition(lambda self: bool(self.old))
    @rule(data=st.data())
    def bring_an_old_one_back(self, data: Any) -> None:
        """From a backup: it is never served, and nothing is saved upon it."""
        generation, raw = data.draw(st.sampled_from(self.old))
        present = self.backend.storage.read([KEY])[0]
        if self.current is not None and generation >= self.generation:
            return
        if b'"leaving"' in self.backend.sealer.examine(*KEY, raw).content:
            return  # it is to be finished, whenever it comes back
        self.backend.plant(KEY, raw)
        for store in (self.store, TokenStore(self.backend.storage, MASK)):
            try:
                served = store.load(ANN)
            except CustodyError as refused:
                served, code = None, refused.code
            else:
                code = "older_generation"
            assert code == "older_generation"
            # Another process, while its owner is connected, has nothing to compare it with.
            assert served is None or (store is not self.store and generation > self.ended)
        with pytest.raises((GenerationConflict, CustodyError)):
            self.store.save(a_credential("1//0late"), based_on=generation)
        if present is None:
            self.backend.take_away(KEY)
        else:
            assert not isinstance(present, Exception)
            self.backend.plant(KEY, present.raw)

    @invariant()
    def what_is_kept_is_what_was_given_and_has_not_ended(self) -> None:
        """For this process and for the next one."""
        assert self.look() == (self.current, self.copies)
        later = TokenStore(self.backend.storage, MASK)
        assert token_of(later.load(ANN)) == self.current


@pytest.mark.usefixtures("lent")
@pytest.mark.parametrize("backend_class", databases_in_rest(BACKENDS))
def test_no_token_is_lost_and_none_that_ended_comes_back(
    backend_class: type[Backend], tmp_path: Path
) -> None:
    """A state machine of consents, refreshes, ends, quarantine and crashes."""
    machine = type("OneLife", (Life,), {"backend_class": backend_class, "root": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60 if backend_class in STOPPABLE else 12,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # to shorten a series takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
