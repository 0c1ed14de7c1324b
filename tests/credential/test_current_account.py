"""The account that a credential uses at present, while sign-ins, requests and the program get in each other's way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doorcode import AuthenticationRecord
from doorcode._core.account_selection import AccountInUse
from doorcode._core.msal_cache.lookup import Account
from doorcode._session.accounts.current import CurrentAccount
from doorcode._session.memory import Entry, Key
from doorcode.errors import AuthenticationFailedError
from support.virtual import REQUEST, token

ADA = AuthenticationRecord("tid", "client", "login.example", "ada.utid", "ada@contoso.example")
GRACE = AuthenticationRecord("tid", "client", "login.example", "grace.utid", "grace@contoso.example")
TOKEN: Any = {record: replace(token(), home_account_id=record.home_account_id) for record in (ADA, GRACE)}
KEY: Key = (("https://r/.default",), None, False)
NOW = 0.0
FOUND = Account(GRACE.home_account_id, GRACE.username)


@pytest.fixture
def memory() -> dict[Key, Entry]:
    """Give the tokens that are remembered."""
    return {}


@pytest.fixture
def account(memory: dict[Key, Entry]) -> CurrentAccount:
    """Give the account of a credential that was given no record."""
    return CurrentAccount(None, memory)


def entry(record: AuthenticationRecord) -> dict[Key, Entry]:
    """Return what is to be remembered for an account."""
    return {KEY: Entry(TOKEN[record], 1.0)}


def test_a_token_that_comes_too_late_is_not_remembered(account: CurrentAccount, memory: dict[Key, Entry]) -> None:
    """Its user signed in, another one did while it was on its way, and the credential is the other one's."""
    account.sign_in(ADA)
    account.sign_in(GRACE)
    account.remember(TOKEN[ADA], entry(ADA), NOW)
    assert memory == {}
    account.remember(TOKEN[GRACE], entry(GRACE), NOW)
    account.remember(TOKEN[ADA], entry(ADA), NOW)
    assert memory[KEY].stored is TOKEN[GRACE]


def test_a_token_without_an_account_is_remembered(account: CurrentAccount, memory: dict[Key, Entry]) -> None:
    """The authority named nobody, and the user who signed in is not asked again."""
    account.remember(token(), entry(ADA), NOW)
    assert memory.keys() == {KEY}


def test_an_account_that_is_found_while_a_user_signs_in_is_not_used(account: CurrentAccount) -> None:
    """The sign-in counts; the same account is no other."""
    account.sign_in(ADA)
    assert account.use(FOUND, lambda: True) == (False, False)
    account.sign_in(GRACE)
    assert account.use(FOUND, lambda: True) == (True, False)
    assert account.in_use == AccountInUse(GRACE.home_account_id)


def test_an_account_that_is_found_once_none_may_be_used_is_not(account: CurrentAccount) -> None:
    """The program began a sign-in in two steps meanwhile."""
    account.ask_elsewhere()
    assert account.use(FOUND, lambda: False) == (False, False)
    assert account.in_use == AccountInUse(asks=True)


def test_each_token_has_the_record_of_its_own_sign_in(account: CurrentAccount) -> None:
    """The latest sign-in is the credential's own."""
    account.sign_in(ADA)
    account.sign_in(GRACE)
    assert [account.record_of(TOKEN[record]) for record in (ADA, GRACE)] == [ADA, GRACE]
    assert account.record_of(token()) == account.record == GRACE


def test_a_record_that_was_given_comes_back_after_a_sign_out(memory: dict[Key, Entry]) -> None:
    """The program named that account; signing another one out changes nothing."""
    account = CurrentAccount(ADA, memory)
    account.sign_in(GRACE)
    account.sign_out(ADA.home_account_id)
    assert account.record == GRACE
    account.sign_out(GRACE.home_account_id)
    assert account.record == ADA


def test_a_look_during_a_sign_out_sees_the_account_before_it_or_after_it(memory: dict[Key, Entry]) -> None:
    """Half of a sign-out would be a credential that may take any account in the cache."""
    account = CurrentAccount(None, memory)

    class SignedOutMeanwhile:
        """A record during whose reading another thread signs its account out."""

        read = False

        @property
        def home_account_id(self) -> str:
            if not self.read:
                self.read = True
                account.sign_out(ADA.home_account_id)
            return ADA.home_account_id

    record: Any = SignedOutMeanwhile()
    record.read = True
    account.sign_in(record)
    record.read = False
    assert account.in_use == AccountInUse(ADA.home_account_id)
    assert account.in_use == AccountInUse(signed_out=True)


def test_an_account_that_was_named_stays_while_the_program_shows_a_code(memory: dict[Key, Entry]) -> None:
    """Its tokens are remembered still."""
    account = CurrentAccount(ADA, memory)
    account.remember(TOKEN[ADA], entry(ADA), NOW)
    account.ask_elsewhere()
    assert account.record == ADA
    assert memory.keys() == {KEY}


def test_a_sign_in_that_named_nobody_has_no_record(make_sync: Any) -> None:
    """An ``authenticate`` that waited for another call's sign-in says so, where that one's reply names no account."""
    with pytest.raises(AuthenticationFailedError, match="named no account"):
        make_sync()._record_of(token(), REQUEST)
