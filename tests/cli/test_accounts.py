from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Command
from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._cli import account_file
from doorcode.emulator import Emulator

ADA = "ada@contoso.example"
GRACE = "grace@contoso.example"


@pytest.fixture
def both(signed_in: Command, authority: Emulator) -> Command:
    """Sign a second user in, who is the current one then."""
    authority.approve_all(GRACE)
    assert signed_in("login", "--no-instance-discovery", "--force").code == 0
    return signed_in


def cached() -> set[str]:
    """Return who is in the cache."""
    with DeviceCodeCredential(cache_persistence_options=TokenCachePersistenceOptions()) as credential:
        return {record.username for record in credential.accounts()}


def test_accounts_are_listed(both: Command, authority: Emulator) -> None:
    """The current one has a star."""
    lines = both("accounts").out.splitlines()
    assert [line.split("  ")[0] or line.split("  ")[1] for line in lines] == [f"* {GRACE}", ADA]


def test_without_accounts_the_first_step_is_named(command: Command) -> None:
    """On standard error: there is no data."""
    done = command("accounts")
    assert (done.code, done.out) == (0, "")
    assert "doorcode login" in done.err
    assert json.loads(command("accounts", "--json").out) == []


def test_names_of_others_do_not_act_on_the_terminal(signed_in: Command) -> None:
    """A file or an authority may say anything."""
    path = Path(account_file.path())
    content = json.loads(path.read_text())
    content["accounts"][0]["record"].update(username="", homeAccountId="a\x1b[31m")
    path.write_text(json.dumps(content))
    assert "\x1b" not in signed_in("accounts").out + signed_in("status").out + signed_in("token").err
    content["accounts"][0]["cache"] = "c\x1b[31m\u202e"
    path.write_text(json.dumps(content))
    shown = signed_in("accounts").out + signed_in("status").out + signed_in("doctor").out
    assert not {"\x1b", "\u202e"} & set(shown)
    content["accounts"][0]["record"].update(tenantId="t\x1b]0;x\x07")
    path.write_text(json.dumps(content))
    assert "is damaged" in signed_in("status").err


def test_switch_changes_the_current_account(both: Command) -> None:
    """A token is the other user's then."""
    assert both("switch", ADA).code == 0
    assert json.loads(both("token", "-f", "json").out)["username"] == ADA
    assert both("switch", "nobody").code == 3


def test_logout_removes_tokens_and_the_account(both: Command) -> None:
    """The other account stays and is the current one."""
    done = both("logout")
    assert (done.code, done.out) == (0, "")
    assert f"Signed {GRACE} out." in done.err
    assert f"The current account is {ADA}." in done.err
    assert cached() == {ADA}
    assert json.loads(both("token", "-f", "json").out)["username"] == ADA


def test_logout_all_leaves_nobody(both: Command) -> None:
    """Neither in the list nor in the cache; a second time it is no error."""
    assert both("logout", "--all").code == 0
    assert cached() == set()
    assert json.loads(both("accounts", "--json").out) == []
    assert both("logout", "--all").code == 0
    assert both("logout").code == 3
    assert both("logout", "--all", "--account", ADA).code == 2


def test_an_account_whose_tokens_stay_is_not_taken_off_the_list(
    signed_in: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that cannot be opened is exit code 5; the logout can be tried again."""
    with monkeypatch.context() as patch:
        patch.setenv("DOORCODE_CACHE_KEY", "short")
        assert signed_in("logout").code == 5
    assert len(json.loads(signed_in("accounts", "--json").out)) == 1
    assert signed_in("logout").code == 0


def test_status_says_where_and_who_and_until_when(signed_in: Command) -> None:
    """For people, and as JSON."""
    text = signed_in("status").out
    assert f"Signed in as {ADA}" in text
    assert "Sign-ins are kept in the file" in text
    assert "Token for https://management.core.windows.net//.default" in text
    content = json.loads(signed_in("status", "--json").out)
    assert (content["account"]["username"], content["encrypted"], content["error"]) == (ADA, True, None)
    [token] = content["tokens"]
    assert token["scope"] == "https://management.core.windows.net//.default"
    assert token["tenant_id"] == content["account"]["tenant_id"]


def test_status_without_a_sign_in(command: Command) -> None:
    """Where tokens would be kept, and the first step."""
    text = command("status").out
    assert "No account is signed in. Begin with `doorcode login`." in text
    assert json.loads(command("status", "--json").out)["account"] is None


def test_status_without_a_store_names_each_reason(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5; a cache's name that cannot be is 2."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", "short")
    done = command("status")
    assert done.code == 5
    assert "DOORCODE_CACHE_KEY" in done.out
    assert command("status", "--cache", "../up").code == 2


@pytest.mark.parametrize("content", ['{"version": 2, "accounts": []}', '{"version": 1, "accounts": [{}]}', "[]", ""])
def test_an_account_file_of_another_kind_is_damaged(signed_in: Command, content: str) -> None:
    """One sentence, exit code 1, no traceback."""
    Path(account_file.path()).write_text(content)
    for arguments in (["accounts"], ["token"], ["status"], ["switch", ADA], ["logout"]):
        done = signed_in(*arguments)
        assert (done.code, done.out) == (1, "")
        assert "is damaged" in done.err


def test_an_account_file_that_cannot_be_written_is_said(
    signed_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here its folder is a file."""
    (tmp_path / "in-the-way").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "in-the-way"))
    done = signed_in("login", "--no-instance-discovery")
    assert done.code == 1
    assert "account file" in done.err


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        ("linux", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg/doorcode/accounts.json"),
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.config/doorcode/accounts.json"),
        ("darwin", {"HOME": "/Users/ada"}, "/Users/ada/Library/Application Support/doorcode/accounts.json"),
        ("win32", {"APPDATA": "/appdata"}, "/appdata/doorcode/accounts.json"),
    ],
)
def test_the_account_file_is_where_users_look_for_it(
    system: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As other programs of the system have it."""
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("sys.platform", system)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert account_file.path() == expected


def test_a_relative_folder_is_refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each folder that a command runs in would have users of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    done = command("accounts")
    assert done.code == 1
    assert "set HOME, or XDG_CONFIG_HOME to an absolute path" in done.err
