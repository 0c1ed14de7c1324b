"""A cache that grows: what a look, a change and a start cost, counted in rows and not in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._core.account_selection import find_account
from doorcode._core.model import Who
from doorcode._core.msal_cache import changes, lookup
from doorcode._core.msal_cache.index import Section
from doorcode._core.msal_cache.rows import State, StoredToken
from doorcode._core.secret import Secret
from doorcode.cache._files import disk
from doorcode.cache._locks.lease import FileLeases
from doorcode.emulator import Emulator
from support.rows import ACCOUNT, CLIENT, HOST, TENANT, rows

SECONDS = 60.0

NOW = 1_800_000_000
HOSTS = frozenset({HOST})
SMALL, LARGE = 50, 2_000


class Counting(dict[str, object]):
    """A row that counts how often somebody reads from it."""

    reads = 0

    def get(self, name: str, default: Any = None) -> Any:
        Counting.reads += 1
        return super().get(name, default)


def filled(count: int) -> State:
    """Return a state that so many replies have filled, one after the other."""
    state: State = {}
    one = rows(NOW)
    key, row = next(iter(one["AccessToken"].items()))
    state = changes.merge(state, one, NOW)
    for number in range(count):
        target = f"https://r{number}/.default"
        added = {"AccessToken": {key.replace("https://r/.default", target): Counting(row, target=target)}}
        state = changes.merge(state, added, NOW)
        assert miss(state) is None
    return state


def miss(state: State) -> StoredToken | None:
    """Look for a token that is not there."""
    return lookup.access_token(state, CLIENT, HOSTS, ACCOUNT, TENANT, ("https://none/.default",), NOW)


OPERATIONS: dict[str, Callable[[State], object]] = {
    "the account": lambda state: find_account(Who(CLIENT, HOSTS), state),
    "whether it is signed in": lambda state: lookup.has_account(state, CLIENT, HOSTS, ACCOUNT),
    "a token that is not there": miss,
    "a token in another spelling": lambda state: lookup.access_token(
        state, CLIENT, HOSTS, ACCOUNT, TENANT, ("HTTPS://R7/.default",), NOW
    ),
    "the refresh token": lambda state: lookup.refresh_token(state, CLIENT, HOSTS, ACCOUNT),
    "one more reply": lambda state: changes.merge(state, rows(NOW, scope="https://more/.default"), NOW + 1),
    "a rotated refresh token": lambda state: changes.replace_refresh_token(
        state, CLIENT, HOSTS, ACCOUNT, Secret("new"), NOW
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_an_operation_reads_as_many_rows_of_a_large_cache_as_of_a_small_one(
    operation: Callable[[State], object],
) -> None:
    """So filling a cache takes time in proportion to the tokens."""
    taken = []
    for count in (SMALL, LARGE):
        state = filled(count)
        operation(state)
        Counting.reads = 0
        operation(state)
        taken.append(Counting.reads)
    assert taken[1] == taken[0]


def test_filling_reads_each_row_a_few_times() -> None:
    """All of it, from the first token to the last, is linear."""
    taken = []
    for count in (SMALL, 2 * SMALL):
        Counting.reads = 0
        filled(count)
        taken.append(Counting.reads / count)
    assert taken[1] == pytest.approx(taken[0], rel=0.2)


def test_a_token_under_its_own_key_is_found_without_an_index() -> None:
    """A new process that knows whose token it asks for reads that one."""
    state = filled(LARGE)
    fresh = {**state, "AccessToken": Section(state["AccessToken"])}
    Counting.reads = 0
    assert find_account(Who(CLIENT, HOSTS, ACCOUNT), fresh) is not None
    found = lookup.access_token(fresh, CLIENT, HOSTS, ACCOUNT, TENANT, ("https://r7/.default",), NOW)
    assert found is not None
    assert Counting.reads < SMALL


def test_a_plain_cache_is_read_once(
    doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the file is a plain cache, its first bytes tell."""
    (tmp_path / "tokens.nocae").write_text("{}")
    options: dict[str, Any] = {
        "cache_persistence_options": TokenCachePersistenceOptions(
            path=tmp_path / "tokens", allow_unencrypted_storage=True
        ),
        **doorcode_emulator.credential_options,
    }
    with DeviceCodeCredential(prompt_callback=doorcode_emulator.prompt_approver(), **options) as credential:
        record = credential.authenticate(scopes=["https://r/.default"])
    size = (tmp_path / "tokens.nocae").stat().st_size
    reads: list[int] = []
    read = disk._read_from_start

    def counting(descriptor: int, at_most: int) -> bytes:
        data = read(descriptor, at_most)
        reads.append(len(data))
        return data

    monkeypatch.setattr(disk, "_read_from_start", counting)
    silent = DeviceCodeCredential(authentication_record=record, disable_automatic_authentication=True, **options)
    silent.get_token("https://r/.default")
    assert [length for length in reads if length == size] == [size]
    assert sum(reads) < size + 100


def make(authority: Emulator, path: Path) -> DeviceCodeCredential:
    """Return a credential with a stored cache."""
    return DeviceCodeCredential(
        prompt_callback=authority.prompt_approver(),
        cache_persistence_options=TokenCachePersistenceOptions(path=path, encryption_key=bytes(32)),
        **authority.credential_options,
    )


def test_a_reply_is_one_write(doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in and a refresh each replace one file once, though there are two caches."""
    doorcode_emulator.configure(interval=1)
    written: list[str] = []
    replace = disk.replace

    def counting(path: str, *rest: Any) -> str | None:
        written.append(path)
        return replace(path, *rest)

    monkeypatch.setattr(disk, "replace", counting)
    with make(doorcode_emulator, tmp_path / "tokens") as credential:
        credential.authenticate(scopes=["https://r/.default"])
        assert len(written) == 1
        credential.get_token("https://s/.default")
        assert len(written) == 2


def test_a_stored_cache_is_parsed_once(
    doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is whole and what it holds are one question; a token in memory asks neither."""
    doorcode_emulator.configure(interval=1)
    with make(doorcode_emulator, tmp_path / "tokens") as credential:
        record = credential.authenticate(scopes=["https://r/.default"])
    parsed: list[object] = []
    loads = json.loads

    def counting(text: Any, **options: Any) -> Any:
        parsed.append(text)
        return loads(text, **options)

    silent = DeviceCodeCredential(
        authentication_record=record,
        cache_persistence_options=TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32)),
    )
    monkeypatch.setattr(json, "loads", counting)
    silent.get_token("https://r/.default")
    silent.get_token("https://r/.default")
    assert len(parsed) == 1


def test_one_refresh_token_stays_however_many_tokens_it_brings(doorcode_emulator: Emulator) -> None:
    """A refresh puts its new refresh token in the place of the old one: rows do not gather, as with MSAL."""
    doorcode_emulator.configure(interval=1)
    with DeviceCodeCredential(
        prompt_callback=doorcode_emulator.prompt_approver(), **doorcode_emulator.credential_options
    ) as credential:
        credential.authenticate(scopes=["https://r/.default"])
        for number in range(5):
            credential.get_token(f"https://r{number}/.default")
        state = credential._session.cache(cae=False).state()
    assert len(state["RefreshToken"]) == 1


def test_who_was_turned_away_goes_before_who_had_the_lease(tmp_path: Path) -> None:
    """A process that takes its lease again and again lets another one in between."""
    path = str(tmp_path / "refresh.lock")
    busy, waiting = FileLeases(), FileLeases()
    for _ in range(3):
        lease = busy.take(path, SECONDS)
        assert lease is not None, "no other process waits: it may have it again at once"
        lease.release()
    lease = busy.take(path, SECONDS)
    assert lease is not None
    assert waiting.take(path, SECONDS) is None
    lease.release()
    assert busy.take(path, SECONDS) is None
    theirs = waiting.take(path, SECONDS)
    assert theirs is not None
    assert busy.take(path, SECONDS) is None
    theirs.release()
    again = busy.take(path, SECONDS)
    assert again is not None, "it has waited in line since"
    again.release()


def test_a_process_that_had_the_lease_does_not_wait_for_one_that_has_left(tmp_path: Path) -> None:
    """A process that was turned away and never looks again holds nobody up for more than three looks."""
    path = str(tmp_path / "refresh.lock")
    busy = FileLeases()
    lease = busy.take(path, SECONDS)
    assert lease is not None
    assert FileLeases().take(path, SECONDS) is None
    lease.release()
    taken = [busy.take(path, SECONDS) for _ in range(4)]
    assert any(taken)
