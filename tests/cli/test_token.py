from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from cli.conftest import Command, Done
from doorcode._cli.app import run
from doorcode._cli.fast_token import AccountChoice, Asked, understood
from doorcode.emulator import Emulator, Policy

ARM = "https://management.core.windows.net//.default"
VAULT = "https://vault.azure.net"
GRAPH = "https://graph.microsoft.com"
GRACE = "grace@contoso.example"
OTHER_CLIENT = "11111111-2222-4333-8444-555555555555"


def test_a_token_is_one_line(signed_in: Command) -> None:
    """Nothing else is printed, on either output."""
    done = signed_in("token")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", done.out)


@pytest.mark.parametrize("form", ["raw", "json", "header", "az", "exec-credential"])
def test_the_fast_way_prints_what_the_command_prints(
    signed_in: Command, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stored token looks the same whichever way it is read."""
    fast = signed_in("token", "--format", form)
    assert run(["token", "--format", form]) == 0
    assert fast.out == capsys.readouterr().out
    assert fast.code == 0


def test_the_formats(signed_in: Command, authority: Emulator) -> None:
    """Each says what its readers look for; times are the token's own."""
    content = json.loads(signed_in("token", "-f", "json").out)
    token, ends = content["token"], content["expires_on"]
    assert content["scopes"] == [ARM]
    assert content["username"] == "ada@contoso.example"
    assert signed_in("token", "--format=header").out == f"Authorization: Bearer {token}\n"
    az = json.loads(signed_in("token", "-f", "az").out)
    assert list(az) == ["accessToken", "expiresOn", "expires_on", "subscription", "tenant", "tokenType"]
    assert (az["accessToken"], az["expires_on"], az["tokenType"]) == (token, ends, "Bearer")
    assert az["tenant"] == az["subscription"] == authority.tenant_id
    assert datetime.strptime(az["expiresOn"], "%Y-%m-%d %H:%M:%S.%f").timestamp() == ends  # noqa: DTZ007 - as az
    credential = json.loads(signed_in("token", "-f", "exec-credential").out)
    assert (credential["kind"], credential["apiVersion"]) == ("ExecCredential", "client.authentication.k8s.io/v1")
    assert credential["status"]["token"] == token
    until = datetime.strptime(credential["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%S%z")
    assert until == datetime.fromtimestamp(ends, timezone.utc)


@pytest.mark.parametrize("given", ["v1", "v1beta1"])
def test_kubectl_is_answered_in_its_version(signed_in: Command, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """KUBERNETES_EXEC_INFO names it."""
    info = {"apiVersion": f"client.authentication.k8s.io/{given}", "spec": {"interactive": True}}
    monkeypatch.setenv("KUBERNETES_EXEC_INFO", json.dumps(info))
    answer = json.loads(signed_in("token", "-f", "exec-credential").out)
    assert answer["apiVersion"] == info["apiVersion"]


@pytest.mark.parametrize("given", ['{"apiVersion": "client.authentication.k8s.io/v1alpha1"}', "[]", "{"])
def test_another_version_of_kubectls_protocol_is_refused(
    signed_in: Command, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No credential is printed."""
    monkeypatch.setenv("KUBERNETES_EXEC_INFO", given)
    done = signed_in("token", "-f", "exec-credential")
    assert (done.code, done.out) == (2, "")
    assert "kubectl asks for" in done.err or "KUBERNETES_EXEC_INFO is no JSON object" in done.err
    assert signed_in("token").code == 0


def test_a_resource_is_a_scope_as_with_az(signed_in: Command, authority: Emulator) -> None:
    """A slash at its end stays; the token is refreshed without the user."""
    for resource in (VAULT, f"{VAULT}/"):
        content = json.loads(signed_in("token", "--resource", resource, "-f", "json").out)
        assert content["scopes"] == [f"{resource}/.default"]


def test_an_account_is_chosen_by_name(signed_in: Command, authority: Emulator) -> None:
    """In any case, or by its identifier; an unknown one is exit code 3, with those who are there."""
    authority.approve_all(GRACE)
    assert signed_in("login", "--no-instance-discovery", "--force").code == 0
    content = json.loads(signed_in("token", "--account", "Ada@Contoso.example", "-f", "json").out)
    assert content["username"] == "ada@contoso.example"
    [identifier] = [
        entry["home_account_id"] for entry in json.loads(signed_in("accounts", "--json").out) if entry["current"]
    ]
    assert json.loads(signed_in("token", "--account", identifier, "-f", "json").out)["username"] == GRACE
    done = signed_in("token", "--account", "nobody@contoso.example")
    assert done.code == 3
    assert GRACE in done.err


def test_spaces_around_a_name_do_not_matter(signed_in: Command) -> None:
    """As copied from a table."""
    assert signed_in("token", "--account", " ada@contoso.example ").code == 0


def test_a_name_that_means_several_accounts_is_refused(signed_in: Command) -> None:
    """The same user in two caches: the identifiers are listed, and --cache chooses."""
    assert signed_in("login", "--no-instance-discovery", "--cache", "other").code == 0
    done = signed_in("token", "--account", "ada@contoso.example")
    assert (done.code, done.out) == (2, "")
    assert "Several accounts are called ada@contoso.example" in done.err
    assert signed_in("token", "--account", "ada@contoso.example", "--cache", "other").code == 0


@pytest.mark.parametrize("arguments", [(), ("--no-prompt",), ("-v",)])
def test_without_a_sign_in_nobody_is_asked(command: Command, arguments: tuple[str, ...], authority: Emulator) -> None:
    """Without a terminal the command ends with 3 and names `doorcode login`; nothing is on standard output."""
    done = command("token", *arguments)
    assert (done.code, done.out, authority.count()) == (3, "", 0)
    assert "Run `doorcode login`." in done.err


def test_a_sign_in_that_the_authority_ended_is_exit_code_3(signed_in: Command, authority: Emulator) -> None:
    """What the authority said stands in the message."""
    authority.reset()  # which forgets what it has issued
    done = signed_in("token", "--resource", VAULT)
    assert (done.code, done.out) == (3, "")
    assert f"Run `doorcode login --resource {VAULT} --no-instance-discovery`." in done.err


def advised(done: Done) -> list[str]:
    """Return the arguments of the command that a message tells the user to run."""
    [line] = re.findall(r"Run `doorcode (.*)`\.", done.err)
    return shlex.split(line)


def other_application(authority: Emulator) -> tuple[str, ...]:
    """Sign in to an application of the user's own, in a cache of its own."""
    return "--client-id", OTHER_CLIENT, "--cache", "other"


def other_authority(authority: Emulator) -> tuple[str, ...]:
    """Sign in at an authority that the environment does not name."""
    return "--authority", authority.url.replace("127.0.0.1", "localhost")


def same_place(authority: Emulator) -> tuple[str, ...]:
    """Sign in where a command signs in by itself."""
    return ()


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        (same_place, ("--resource", VAULT)),
        (other_authority, ("--resource", VAULT, "--tenant", "common")),
        (other_application, ("--scope", f"{GRAPH}/User.Read", "--scope", f"{GRAPH}/Mail.Read")),
    ],
)
@pytest.mark.parametrize("trouble", ["revoked", "policy"])
def test_the_command_that_the_message_names_helps(
    command: Command,
    authority: Emulator,
    trouble: str,
    arguments: tuple[str, ...],
    place: Callable[[Emulator], tuple[str, ...]],
) -> None:
    """Though another token is still stored: it asks the user for what the authority demands, and a token follows."""
    assert command("login", "--no-instance-discovery", *place(authority)).code == 0
    if trouble == "revoked":
        authority.revoke("ada@contoso.example")
    else:
        authority.require(Policy(claims={"access_token": {"acrs": {"essential": True, "value": "c1"}}}))
    before = command("token", *arguments)
    assert (before.code, before.out) == (3, "")
    assert command("token").code == 0, "the stored token is still good"
    signed_in = command(*advised(before))
    assert signed_in.code == 0, signed_in.err
    assert "Signed in as ada@contoso.example" in signed_in.err
    after = command("token", *arguments)
    assert after.code == 0, after.err


def test_the_command_that_the_message_names_is_for_the_same_user(signed_in: Command, authority: Emulator) -> None:
    """Where several are signed in; the others stay as they are."""
    authority.approve_all("grace@contoso.example")
    assert signed_in("login", "--no-instance-discovery", "--force").code == 0
    authority.revoke("ada@contoso.example")
    done = signed_in("token", "--account", "ada@contoso.example", "--resource", VAULT)
    assert advised(done)[:3] == ["login", "--username", "ada@contoso.example"]
    authority.approve_all("ada@contoso.example")
    assert signed_in(*advised(done)).code == 0
    assert signed_in("token", "--account", "ada@contoso.example", "--resource", VAULT).code == 0


def test_no_network_is_exit_code_4_for_a_token_that_is_not_stored(signed_in: Command, authority: Emulator) -> None:
    """A stored one needs none."""
    with authority.offline():
        assert signed_in("token").code == 0
        done = signed_in("token", "--resource", VAULT)
    assert (done.code, done.out) == (4, "")


def test_a_cache_that_cannot_be_opened_is_exit_code_5(signed_in: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, and no traceback."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", "short")
    done = signed_in("token")
    assert (done.code, done.out) == (5, "")


def test_a_damaged_cache_is_a_sign_in_that_is_needed(signed_in: Command) -> None:
    """The file is set aside, and `doorcode login` is what helps."""
    [path] = Path("~/.IdentityService").expanduser().glob("*.nocae.keyed")
    path.write_bytes(path.read_bytes()[:-8])
    assert signed_in("token").code == 3
    assert signed_in("login", "--no-instance-discovery").code == 0
    assert signed_in("token").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scope", f"{VAULT}/.default", "--scope", "https://storage.azure.com/.default"),
        ("--tenant", "a b"),
        ("--format", "yaml"),
    ],
)
def test_wrong_arguments_are_exit_code_2(signed_in: Command, arguments: tuple[str, ...]) -> None:
    """Nothing is printed on standard output."""
    done = signed_in("token", *arguments)
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Asked()),
        (["--no-prompt", "--scope", "a", "--resource=b", "-f", "az"], Asked(("a", "b/.default"), form="az")),
        (["--account", "a", "--tenant", "t", "--cache", "c"], Asked((), AccountChoice("a", cache="c"), "t")),
        (["--client-id", "a", "--authority", "b"], Asked((), AccountChoice(None, "a", "b"))),
        (["--help"], None),
        (["--verbose"], None),
        (["--scope"], None),
        (["--scope", "--tenant"], None),
        (["--format", "yaml"], None),
        (["--account", "a", "--account", "b"], None),
        (["-fraw"], None),
        (["-f=raw"], None),
        (["more"], None),
    ],
)
def test_what_the_fast_way_understands(
    arguments: list[str], expected: Asked | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual arguments; all else is for click to read."""
    monkeypatch.delenv("DOORCODE_CACHE_NAME", raising=False)
    assert understood(arguments) == expected
