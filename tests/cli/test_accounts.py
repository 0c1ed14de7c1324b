from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
import uuid
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Command, Done
from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._cli import account_file
from doorcode._cli.fast_token import AccountChoice
from doorcode._cli.options import account_named
from doorcode.cache import _select, accounts
from doorcode.emulator import Emulator

VAULT = "https://vault.azure.net"
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


def test_switch_does_not_list_an_account_again_that_was_signed_out(
    both: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process signs it out after the command has found it."""

    def named_and_signed_out(choice: AccountChoice) -> account_file.SignedIn:
        account = account_named(choice)
        subprocess.run([sys.executable, "-m", "doorcode", "logout", "--account", ADA], check=True, timeout=60)
        return account

    with monkeypatch.context() as patch:
        patch.setattr("doorcode._cli.accounts.account_named", named_and_signed_out)
        done = both("switch", ADA)
    assert done.code == 3
    assert f"{ADA} has just been signed out." in done.err
    assert [each["username"] for each in json.loads(both("accounts", "--json").out)] == [GRACE]


OWN_APPLICATION = ("--client-id", "11111111-2222-4333-8444-555555555555")
OWN_CACHE = ("--cache", "other")


def ways(done: Done) -> list[list[str]]:
    """Return the arguments of each line that a message offers for choosing an account."""
    return [shlex.split(line) for line in done.err.splitlines() if line.startswith("  ")]


@pytest.mark.parametrize("differing", [OWN_APPLICATION, OWN_CACHE, ("--authority", "localhost")])
def test_two_accounts_of_one_name_can_be_told_apart(
    signed_in: Command, authority: Emulator, differing: tuple[str, str]
) -> None:
    """By application, authority or cache: in the list, and in each command by the option that a message offers."""
    option, value = differing
    value = authority.url.replace("127.0.0.1", value) if value == "localhost" else value
    assert signed_in("login", "--no-instance-discovery", "--force", option, value).code == 0
    lines = signed_in("accounts").out.splitlines()
    assert len({line[2:] for line in lines}) == 2, lines
    for arguments in (["token", "--account", ADA], ["switch", ADA], ["logout", "--account", ADA]):
        refused = signed_in(*arguments)
        assert (refused.code, refused.out) == (2, "")
        assert [way[0] for way in ways(refused)] == [option, option]
        for way in ways(refused)[::-1]:
            [meant] = [
                each
                for each in json.loads(signed_in("accounts", "--json").out)
                if each[option[2:].replace("-", "_")] == way[1]
            ]
            if arguments[0] != "logout":
                assert signed_in(*arguments, *way).code == 0
            if arguments[0] == "switch":
                current = json.loads(signed_in("accounts", "--json").out)[0]
                assert current == {**meant, "current": True}
    assert signed_in("logout", "--account", ADA, option, value).code == 0
    [left] = json.loads(signed_in("accounts", "--json").out)
    assert value.removeprefix("https://") not in left.values()


def test_what_no_account_fits_is_named(signed_in: Command) -> None:
    """Exit code 3; an authority that cannot be one is exit code 2."""
    done = signed_in("token", *OWN_APPLICATION)
    assert (done.code, done.out) == (3, "")
    assert f"no account for the application {OWN_APPLICATION[1]} is signed in." in done.err
    assert signed_in("token", "--authority", "http://a.example").code == 2
    assert signed_in("logout", "--all", *OWN_APPLICATION).code == 2


@pytest.mark.parametrize(
    ("given", "login"),
    [
        (("--account", GRACE), f"login --username {GRACE}"),
        (("--account", "grace"), "login --force"),
        (("--account", "grace", *OWN_CACHE), "login --cache other"),
        ((*OWN_APPLICATION, *OWN_CACHE), f"login --client-id {OWN_APPLICATION[1]} --cache other"),
        (("--account", ADA, *OWN_CACHE), f"login --username {ADA} --cache other"),
    ],
)
def test_the_command_for_an_account_that_is_not_there_signs_that_one_in(
    signed_in: Command, given: tuple[str, ...], login: str
) -> None:
    """With the options that chose it, and not with the account that is signed in; to sign out, no sign-in is needed."""
    assert signed_in("token", *given).err.endswith(f"Run `doorcode {login}`.\n")
    done = signed_in("logout", *given)
    assert done.code == 3
    assert "is signed in." in done.err or "is not signed in here" in done.err
    assert "doorcode login" not in done.err


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
    alone = both("logout")
    assert (alone.code, alone.out) == (0, "")
    assert "No account is signed in." in alone.err
    assert both("logout", "--account", ADA).code == 3
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


def test_status_has_each_token_with_all_of_its_scopes(
    signed_in: Command, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, though it is stored under what was requested and under what was granted."""
    for scopes in (["User.Read"], ["User.Read", "Mail.Read"], ["https://vault.azure.net/.default"]):
        assert signed_in("token", *(f"--scope={scope}" for scope in scopes)).code == 0
    found = json.loads(signed_in("status", "--json").out)["tokens"]
    assert sorted(token["scope"] for token in found) == [
        "Mail.Read User.Read",
        "User.Read",
        "https://management.core.windows.net//.default",
        "https://vault.azure.net/.default",
    ]
    assert "Token for Mail.Read User.Read (tenant" in signed_in("status").out


def test_status_has_a_token_of_a_domain_once(signed_in: Command) -> None:
    """It is stored for the tenant as it was asked for, and for the tenant's ID."""
    assert signed_in("token", "--resource", VAULT, "--tenant", "contoso.onmicrosoft.com").code == 0
    found = json.loads(signed_in("status", "--json").out)["tokens"]
    [token] = [each for each in found if VAULT in each["scope"]]
    assert (token["scope"], token["tenant_id"]) == (f"{VAULT}/.default", "contoso.onmicrosoft.com")


def test_status_has_the_longer_one_of_two_tokens_for_the_same_scopes(signed_in: Command, authority: Emulator) -> None:
    """A program keeps one with Continuous Access Evaluation, which may live for a day, and one without."""
    account = account_file.read()[0]
    [short] = json.loads(signed_in("status", "--json").out)["tokens"]
    authority.configure(access_token_lifetime=86_400)
    with DeviceCodeCredential(
        authentication_record=account.record, cache_persistence_options=TokenCachePersistenceOptions()
    ) as credential:
        ends = credential.get_token(short["scope"], enable_cae=True).expires_on
    [token] = json.loads(signed_in("status", "--json").out)["tokens"]
    assert token["expires_on"] == ends > short["expires_on"]


def test_status_without_a_sign_in(command: Command) -> None:
    """Where tokens would be kept, and the first step."""
    text = command("status").out
    assert "No account is signed in. Begin with `doorcode login`." in text
    assert json.loads(command("status", "--json").out)["account"] is None


def test_a_cache_without_an_account_is_named(signed_in: Command) -> None:
    """Where another cache has one: the first step, and the sign-out, are for the cache that the user asks about."""
    nobody = "No account in the cache other is signed in."
    assert f"{nobody} Begin with `doorcode login --cache other`." in signed_in("status", *OWN_CACHE).out
    assert f"{nobody}\n     -> Run `doorcode login --cache other`." in signed_in("doctor", *OWN_CACHE).out
    assert signed_in("logout", *OWN_CACHE).err.startswith(f"{nobody} `doorcode logout --all --cache other` also ")
    assert signed_in("logout", "--all", *OWN_CACHE).err == f"{nobody}\n"
    assert cached() == {ADA}


def test_status_does_not_deny_a_sign_in_that_it_cannot_look_for(
    signed_in: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache cannot be opened, and a new sign-in would not help."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", "short")
    done = signed_in("status")
    assert (done.code, done.out.splitlines()[0]) == (
        5,
        f"The current account is {ADA}; its token cache cannot be used.",
    )
    checks = {each["check"]: each["verdict"] for each in json.loads(signed_in("doctor", "--json").out)["checks"]}
    assert (checks["store"], checks["sign-in"]) == ("fail", "fail")


def test_a_sign_in_in_another_store_than_the_one_in_use_is_none(signed_in: Command) -> None:
    """As after the key of the environment was set: what the plain file holds is not used."""
    [account] = json.loads(signed_in("accounts", "--json").out)
    row = {"home_account_id": account["home_account_id"], "environment": account["authority"].partition(":")[0]}
    tokens = {**row, "client_id": account["client_id"], "secret": "refresh", "credential_type": "RefreshToken"}
    user = {**row, "username": ADA, "realm": account["tenant_id"], "authority_type": "MSSTS"}
    [keyed] = Path("~/.IdentityService").expanduser().glob("*.nocae.keyed")
    keyed.with_suffix("").write_text(json.dumps({"Account": {"a": user}, "RefreshToken": {"r": tokens}}))
    keyed.with_suffix("").chmod(0o600)
    assert cached() == {ADA}
    assert json.loads(signed_in("status", "--json").out)["signed_in"] is True
    keyed.unlink()
    assert cached() == {ADA}, "in the plain file"
    assert json.loads(signed_in("status", "--json").out)["signed_in"] is False
    assert signed_in("token").code == 3


def test_status_without_a_store_names_each_reason(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5; a cache's name that cannot be is 2."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", "short")
    done = command("status")
    assert done.code == 5
    assert "DOORCODE_CACHE_KEY" in done.out
    assert command("status", "--cache", "../up").code == 2


def as_directory(path: Path) -> None:
    """Put a directory in the place of the file."""
    path.unlink()
    path.mkdir()
    (path / "file").touch()


def as_link(path: Path) -> None:
    """Put a symbolic link in the place of the file."""
    path.symlink_to(path.rename(path.with_name("elsewhere.json")))


def with_another_entry(**changes: object) -> Callable[[Path], None]:
    """Return a function that adds a copy of the first entry, with changes, at the end of the file."""

    def damage(path: Path) -> None:
        content = json.loads(path.read_text())
        content["accounts"].append({**content["accounts"][0], **changes})
        path.write_text(json.dumps(content))

    return damage


def holding(content: bytes) -> Callable[[Path], None]:
    """Return a function that writes this into the file."""

    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


DAMAGE: dict[str, Callable[[Path], None]] = {
    "empty": holding(b""),
    "not JSON": holding(b"{"),
    "not text": holding(b"\xff\xfe\0"),
    "no object": holding(b"[]"),
    "an older version": holding(b'{"version": 0, "accounts": []}'),
    "no accounts": holding(b'{"version": 1, "accounts": null}'),
    "an entry without fields": holding(b'{"version": 1, "accounts": [{}]}'),
    "an entry with a path for a cache": with_another_entry(cache="../up"),
    "a directory": as_directory,
    "a link": as_link,
}


@pytest.fixture(params=DAMAGE)
def damaged(request: pytest.FixtureRequest, signed_in: Command) -> Command:
    """Give a command after a sign-in whose account file was damaged since."""
    DAMAGE[request.param](Path(account_file.path()))
    return signed_in


def test_a_damaged_account_file_is_said(damaged: Command) -> None:
    """The exit code is 1, and the message has the file and what to do."""
    for arguments in (["accounts"], ["token"], ["status"], ["switch", ADA], ["exec", "--", "true"], ["logout"]):
        done = damaged(*arguments)
        assert (done.code, done.out) == (1, "")
        assert account_file.path() in done.err
        assert "`doorcode login`" in done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize("listed", [False, True])
def test_logout_all_signs_a_programs_user_out(command: Command, authority: Emulator, *, listed: bool) -> None:
    """An account that a program signed in, and that `doorcode login` never listed, alone or beside a listed one."""
    if listed:
        authority.approve_all(GRACE)
        assert command("login", "--no-instance-discovery").code == 0
        authority.approve_all(ADA)
    with DeviceCodeCredential(
        cache_persistence_options=TokenCachePersistenceOptions(), disable_instance_discovery=True
    ) as credential:
        credential.authenticate()
    done = command("logout", "--all")
    assert (done.code, done.out) == (0, "")
    assert f"Signed {ADA} out." in done.err
    assert cached() == set()
    assert command("logout", "--all").err == "No account is signed in.\n"


def test_logout_all_does_not_say_that_nobody_is_signed_in_where_it_cannot_look(
    command: Command, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 5 with another key; the sign-in of a program is still there."""
    with DeviceCodeCredential(
        cache_persistence_options=TokenCachePersistenceOptions(), disable_instance_discovery=True
    ) as credential:
        credential.authenticate()
    with monkeypatch.context() as patch:
        patch.setenv("DOORCODE_CACHE_KEY", b64encode(bytes(31) + b"1").decode())
        done = command("logout", "--all")
    assert (done.code, done.out) == (5, "")
    assert "No account is signed in" not in done.err
    assert cached() == {ADA}


def test_logout_all_needs_no_account_file(damaged: Command) -> None:
    """Every sign-in is removed. The damaged file is kept and named; the exit code says that it may name more."""
    done = damaged("logout", "--all")
    assert (done.code, done.out) == (1, "")
    assert done.err.count(f"Signed {ADA} out.") == 1
    assert f"{account_file.path()}.broken" in done.err
    assert os.path.lexists(f"{account_file.path()}.broken")
    assert cached() == set()
    again = damaged("logout", "--all")
    assert (again.code, again.err) == (0, "No account is signed in.\n")


def test_logout_all_with_a_damaged_file_can_be_limited_to_a_cache(command: Command) -> None:
    """The accounts of other caches stay signed in, and in the list."""
    for name in ("one", "two"):
        assert command("login", "--no-instance-discovery", "--cache", name).code == 0
    with_another_entry(cache=None)(Path(account_file.path()))
    assert command("logout", "--all", "--cache", "one").code == 1
    [left] = json.loads(command("accounts", "--json").out)
    assert left["cache"] == "two"
    assert command("token", "--no-prompt").code == 0
    holding(b"{")(Path(account_file.path()))
    assert command("logout", "--all", "--cache", "../up").code == 2


def test_logout_all_with_a_damaged_file_leaves_other_applications_alone(signed_in: Command) -> None:
    """A program of the user's shares the cache, with an application of its own."""
    client_id = str(uuid.uuid4())
    options = TokenCachePersistenceOptions()
    with DeviceCodeCredential(
        client_id=client_id, cache_persistence_options=options, disable_instance_discovery=True
    ) as credential:
        credential.authenticate()
    holding(b"")(Path(account_file.path()))
    assert signed_in("logout", "--all").code == 1
    assert [each.client_ids for each in accounts(options)] == [(client_id,)]


def test_logout_all_goes_on_after_a_cache_that_fails(signed_in: Command) -> None:
    """The other accounts are signed out; the exit code and the list have the one that may not be."""
    assert signed_in("login", "--no-instance-discovery", "--cache", "two").code == 0
    [keyed] = (Path.home() / ".IdentityService").glob("two.*.keyed")
    as_directory(keyed)
    done = signed_in("logout", "--all")
    assert done.code == 5
    assert f"{ADA} may still be signed in." in done.err
    assert str(keyed) in done.err
    assert f"Signed {ADA} out." in done.err
    assert cached() == set()
    [left] = json.loads(signed_in("accounts", "--json").out)
    assert left["cache"] == "two"


def test_logout_all_keeps_a_damaged_file_while_tokens_are_left(
    damaged: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the same command can be run again, when the cache can be opened."""
    with monkeypatch.context() as patch:
        patch.setenv("DOORCODE_CACHE_KEY", "short")
        assert damaged("logout", "--all").code == 5
    assert not os.path.lexists(f"{account_file.path()}.broken")
    assert damaged("logout", "--all").code == 1
    assert cached() == set()


def test_login_repairs_a_damaged_file_and_keeps_what_can_be_read(both: Command) -> None:
    """The user learns where the damaged file is."""
    with_another_entry(cache=None)(Path(account_file.path()))
    done = both("login", "--no-instance-discovery")
    assert done.code == 0
    assert f"It is kept as {account_file.path()}.broken" in done.err
    assert [each["username"] for each in json.loads(both("accounts", "--json").out)] == [GRACE, ADA]


def test_a_damaged_file_does_not_replace_an_earlier_directory(signed_in: Command) -> None:
    """A directory was in the way, twice: both are kept."""
    for _ in range(2):
        as_directory(Path(account_file.path()))
        assert signed_in("login", "--no-instance-discovery").code == 0
    assert len(list(Path(account_file.path()).parent.glob("*.broken*"))) == 2


def failing(name: str, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a function of ``os`` fail where it would put a file in the account file's place."""
    real = getattr(os, name)

    def fail(source: str, target: str) -> None:
        if target == account_file.path():
            raise error
        real(source, target)

    monkeypatch.setattr(os, name, fail)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_login_leaves_a_damaged_file_in_place_until_the_new_one_is_written(both: Command) -> None:
    """Here the new content cannot be written beside it; what can be read of the damaged file is still listed later."""
    path = Path(account_file.path())
    with_another_entry(cache=None)(path)
    before = path.read_text()
    (path.with_name(f"{path.name}.tmp") / "in the way").mkdir(parents=True)
    done = both("login", "--no-instance-discovery")
    assert done.code == 1
    assert f"The account file {path} cannot be written" in done.err
    assert path.read_text() == before
    assert not list(path.parent.glob("*.broken*"))


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_a_damaged_file_is_put_back(signed_in: Command, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file could be written, and not be put in its place."""
    path = Path(account_file.path())
    holding(b"{")(path)
    with monkeypatch.context() as patch:
        failing("replace", error, patch)
        assert signed_in("login", "--no-instance-discovery").code in {1, 130}
    assert path.read_bytes() == b"{"
    assert not list(path.parent.glob("*.broken*"))
    assert signed_in("login", "--no-instance-discovery").code == 0
    assert Path(f"{path}.broken").read_bytes() == b"{"


def test_a_damaged_file_that_cannot_be_put_back_is_named(signed_in: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user learns where it is."""
    holding(b"{")(Path(account_file.path()))
    failing("replace", FULL, monkeypatch)
    failing("rename", FULL, monkeypatch)
    done = signed_in("login", "--no-instance-discovery")
    assert done.code == 1
    assert f"The damaged file is kept as {account_file.path()}.broken." in done.err
    assert Path(f"{account_file.path()}.broken").read_bytes() == b"{"


def test_a_change_that_fails_sets_nothing_aside(signed_in: Command) -> None:
    """The damaged file is as it was."""
    holding(b"{")(Path(account_file.path()))

    def fail(_: object) -> account_file.Accounts:
        raise LookupError

    with pytest.raises(LookupError):
        account_file.update(fail, repair=True)
    assert Path(account_file.path()).read_bytes() == b"{"
    assert signed_in("accounts").code == 1


def test_an_account_file_of_a_newer_doorcode_is_left_alone(signed_in: Command, authority: Emulator) -> None:
    """Each command says to upgrade, login before it asks the user; logout --all removes the tokens all the same."""
    path = Path(account_file.path())
    path.write_text('{"version": 2, "people": []}')
    before = authority.count()
    for arguments in (["accounts"], ["token"], ["status"], ["login", "--force"], ["login"], ["logout", "--all"]):
        options = ["--no-instance-discovery"] if arguments[0] == "login" else []
        done = signed_in(*arguments, *options)
        assert (done.code, done.out) == (1, "")
        assert "Upgrade doorcode" in done.err
    assert authority.count() == before
    assert path.read_text() == '{"version": 2, "people": []}'
    assert cached() == set()


def test_an_account_file_that_cannot_be_written_is_said(
    signed_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here its folder is a file."""
    (tmp_path / "in-the-way").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "in-the-way"))
    for arguments in (["login", "--no-instance-discovery"], ["accounts"]):
        done = signed_in(*arguments)
        assert done.code == 1
        assert "account file" in done.err
        assert f"{tmp_path}/in-the-way/doorcode must be a folder in which this user may write" in done.err


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        ("linux", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg/doorcode/accounts.json"),
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.config/doorcode/accounts.json"),
        ("linux", {"HOME": ""}, f"{_select.home_of_user()}/.config/doorcode/accounts.json"),
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
