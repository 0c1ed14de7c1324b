"""AuthenticationRecord: azure-identity's own format, and what a credential does with one."""

from __future__ import annotations

import base64
import json
import pickle
from types import SimpleNamespace
from typing import Any

import azure.identity
import msal
import pytest

from doorcode import AuthenticationRecord, DeviceCodeCredential, errors
from doorcode.emulator import Emulator
from support.rows import id_token
from support.signing import ADA, GRACE, OTHER, SCOPE, changed

FIELDS = {
    "tenant_id": "tid",
    "client_id": "cid",
    "authority": "login.example:8443",
    "home_account_id": "uid.utid",
    "username": "ada@contoso.example",
}
TEXT = {
    "authority": "login.example:8443",
    "clientId": "cid",
    "homeAccountId": "uid.utid",
    "tenantId": "tid",
    "username": "ada@contoso.example",
    "version": "1.0",
}


def test_serialized_it_is_azure_identitys() -> None:
    """The JSON has azure-identity's keys, and either library reads what the other wrote."""
    record = AuthenticationRecord(**FIELDS)
    theirs = azure.identity.AuthenticationRecord(**FIELDS)
    assert json.loads(record.serialize()) == json.loads(theirs.serialize()) == TEXT
    assert AuthenticationRecord.deserialize(theirs.serialize()) == record
    assert azure.identity.AuthenticationRecord.deserialize(record.serialize()).username == record.username


def test_a_file_that_an_editor_marked_as_utf_8_is_read() -> None:
    """Notepad and PowerShell begin what they save with a byte order mark."""
    record = AuthenticationRecord(**FIELDS)
    assert AuthenticationRecord.deserialize(f"\ufeff{record.serialize()}") == record


def test_its_properties_are_read_only() -> None:
    """A record is a value: comparable, hashable, picklable, and shown with all it holds, none of it secret."""
    record = AuthenticationRecord(**FIELDS)
    assert {name: getattr(record, name) for name in FIELDS} == FIELDS
    with pytest.raises(AttributeError):
        record.username = "eve"  # type: ignore[misc]
    assert record == AuthenticationRecord("tid", "cid", "login.example:8443", "uid.utid", "ada@contoso.example")
    assert record != AuthenticationRecord(**{**FIELDS, "username": "eve"})
    assert record != TEXT
    assert {record, AuthenticationRecord(**FIELDS)} == {record}
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 - our own
    assert repr(record) == f"AuthenticationRecord({', '.join(f'{name}={value!r}' for name, value in FIELDS.items())})"


def test_every_field_is_text() -> None:
    """A field that is no text is refused by name."""
    with pytest.raises(TypeError, match="username of an AuthenticationRecord must be text, not NoneType"):
        AuthenticationRecord(**{**FIELDS, "username": None})  # type: ignore[arg-type]


BAD = {
    "not JSON": ("{", "is not JSON"),
    "nested without end": ("[" * 100_000, "is not JSON"),
    "not text": (None, "is not JSON"),
    "a list": ("[]", "not an object"),
    "a version that is not text": (json.dumps({**TEXT, "version": 1.0}), '"version" of this .* is not text'),
    "another version": (json.dumps({**TEXT, "version": "2.0"}), 'version "2.0"'),
    "a number for a field": (
        json.dumps({**TEXT, "username": 5}),
        '"username" of this AuthenticationRecord is not text',
    ),
    **{
        f"without {name}": (json.dumps({key: value for key, value in TEXT.items() if key != name}), f'lacks "{name}"')
        for name in TEXT
        if name != "version"
    },
    "no version": (json.dumps({**TEXT, "version": None}), """version "None".*{'1.0'}"""),
    "another version's authority": (
        json.dumps({**TEXT, "version": "1.1", "authority": "http://localhost"}), """version "1.1".*{'1.0'}""",
    ),
    "another version's fields": (json.dumps({**TEXT, "version": "1.1", "tenantId": None}), '"tenantId" of this'),
    "no version, and an authority of no library's": (
        json.dumps({**{key: value for key, value in TEXT.items() if key != "version"}, "authority": "ftp://x"}),
        """version "None".*{'1.0'}""",
    ),
    "no version, and no account": (
        json.dumps({key: value for key, value in TEXT.items() if key not in {"version", "homeAccountId"}}),
        'lacks "homeAccountId"',
    ),
}  # fmt: skip


ACCOUNT = {"homeAccountId": "uid.utid", "tenantId": "tid", "clientId": "cid"}
OF_OTHER_LANGUAGES = {
    # As their sources write it. Java and .NET: no version, and null where the authority named no user.
    "Java": ({"authority": "login.microsoftonline.com", "username": "ada@x", **ACCOUNT}, "ada@x"),
    "Java, without a user name": ({"authority": "login.microsoftonline.com", **ACCOUNT}, ""),
    ".NET": ({"username": "ada@x", "authority": "login.microsoftonline.com", **ACCOUNT}, "ada@x"),
    ".NET, without a user name": ({"username": None, "authority": "login.microsoftonline.com", **ACCOUNT}, ""),
    "Go": (
        {"authority": "https://login.microsoftonline.com", "username": "ada@x", "version": "1.0", **ACCOUNT}, "ada@x",
    ),
    "JavaScript": (
        {"authority": "login.microsoftonline.com", "username": "ada@x", "version": "1.0", **ACCOUNT}, "ada@x",
    ),
    "JavaScript, before 2024": (
        {"authority": "login.microsoftonline.com/tid", "username": "ada@x", "version": "1.0", **ACCOUNT}, "ada@x",
    ),
    "a later version with the same fields": (
        {"authority": "login.microsoftonline.com", "username": "ada@x", "version": "1.1", "more": 1, **ACCOUNT},
        "ada@x",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "username"), OF_OTHER_LANGUAGES.values(), ids=OF_OTHER_LANGUAGES)
def test_a_record_of_another_language(fields: dict[str, Any], username: str) -> None:
    """What azure-identity for another language wrote is read, and names the account to a credential."""
    record = AuthenticationRecord.deserialize(json.dumps(fields))
    assert (record.home_account_id, record.tenant_id, record.client_id) == ("uid.utid", "tid", "cid")
    assert record.username == username
    config = DeviceCodeCredential(authentication_record=record)._session.config
    assert (config.authority.host, config.tenant_id, config.client_id) == ("login.microsoftonline.com", "tid", "cid")
    assert AuthenticationRecord.deserialize(record.serialize()) == record


def test_its_attributes_are_those_of_azure_identitys() -> None:
    """Programs that look at vars() of a record, or at its __dict__, go on working."""
    assert vars(AuthenticationRecord(**FIELDS)) == vars(azure.identity.AuthenticationRecord(**FIELDS))


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_bad_text(text: Any, words: str) -> None:
    """What is no record is a ValueError that says what is wrong."""
    with pytest.raises(ValueError, match=words):
        AuthenticationRecord.deserialize(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [(json.dumps(TEXT), r"\.deserialize\(text\)"), (TEXT, r"\.deserialize\(text\)"), (5, "not int")],
    ids=["its text", "a dict", "a number"],
)
def test_not_a_record(value: Any, words: str) -> None:
    """A credential takes records only, and says how to read a stored one."""
    with pytest.raises(TypeError, match=words):
        DeviceCodeCredential(authentication_record=value)


def test_a_record_with_a_field_of_a_wrong_type() -> None:
    """What only looks like a record is checked as well."""
    with pytest.raises(TypeError, match="tenant_id of an AuthenticationRecord must be text"):
        DeviceCodeCredential(authentication_record=SimpleNamespace(**{**FIELDS, "tenant_id": 5}))


@pytest.mark.parametrize("library", [AuthenticationRecord, azure.identity.AuthenticationRecord], ids=["ours", "theirs"])
def test_a_record_finds_the_account(make: Any, authority: Emulator, library: Any) -> None:
    """A second credential with the stored record, ours or azure-identity's, is silent; the record names everything."""
    cache = msal.TokenCache()
    stored = make(_cache=cache, client_id="my-application").authenticate(scopes=[SCOPE]).serialize()
    record = library.deserialize(stored)
    later = DeviceCodeCredential(
        authentication_record=record,
        connection_verify=authority.ca_file,
        disable_instance_discovery=True,
        disable_automatic_authentication=True,
        _cache=cache,
    )
    later.get_token(OTHER)
    later.close()
    request = authority.requests_to("token:refresh_token")[0]
    assert (request.form["client_id"], request.tenant) == ("my-application", authority.tenant_id)


@pytest.mark.parametrize("username", ["renamed@x", "ADA@contoso.example", "İ@x", "straße@x", ""])
def test_the_username_is_for_display(make: Any, username: str) -> None:
    """An account is found by its home_account_id, whatever it is called by now."""
    cache = msal.TokenCache()
    record = make(_cache=cache).authenticate(scopes=[SCOPE])
    fields = {name: getattr(record, name) for name in FIELDS}
    renamed = AuthenticationRecord(**{**fields, "username": username})
    make(_cache=cache, authentication_record=renamed).get_token(SCOPE)
    stranger = AuthenticationRecord(**{**fields, "home_account_id": "other.utid"})
    credential = make(_cache=cache, authentication_record=stranger, disable_automatic_authentication=True)
    with pytest.raises(errors.AuthenticationRequiredError):
        credential.get_token(SCOPE)
    assert len(make.approver.prompts) == 1


def test_another_account_is_refused(make: Any, authority: Emulator) -> None:
    """get_token with a record is for that account: somebody else's sign-in is an error, and nothing of it is stored."""
    record = make().authenticate(scopes=[SCOPE])
    cache = msal.TokenCache()
    make.person = GRACE
    credential = make(_cache=cache, authentication_record=record)
    with pytest.raises(errors.OtherAccountError, match=f"{GRACE} signed in, but this credential is for {ADA}"):
        credential.get_token(SCOPE)
    assert list(cache.search("RefreshToken", query={})) == []
    assert credential.authenticate(scopes=[SCOPE]).username == GRACE
    assert authority.verify(credential.get_token(SCOPE).token)["upn"] == GRACE


def test_a_record_with_no_client_id() -> None:
    """The record names the application to a program that reads none from its environment."""
    options: dict[str, Any] = {"client_id": None, "authentication_record": AuthenticationRecord(**FIELDS)}
    assert DeviceCodeCredential(**options)._session.config.client_id == "cid"


def test_a_record_overrides_the_client_id_with_a_warning() -> None:
    """The account signed in to the record's application; another one given beside it is told of."""
    record = AuthenticationRecord(**{**FIELDS, "authority": "login.microsoftonline.com"})
    with pytest.warns(UserWarning, match="client_id 'other' .* 'cid'") as warned:
        DeviceCodeCredential("other", authentication_record=record)
    assert warned[0].filename == __file__
    DeviceCodeCredential("cid", authentication_record=record)
    DeviceCodeCredential(authentication_record=record)


def test_tenant_and_authority_override_the_record(make: Any, authority: Emulator) -> None:
    """tenant_id and authority of the constructor win over the record's."""
    other = authority.add_tenant("other.example")
    authority.add_user("pat@other.example", tenant=other.tenant_id)
    record = AuthenticationRecord(**{**FIELDS, "authority": "elsewhere.example", "home_account_id": "x.y"})
    make(authentication_record=record, tenant_id=other.tenant_id).authenticate(scopes=[SCOPE])
    request = authority.requests_to("devicecode")[0]
    assert (request.tenant, request.form["client_id"]) == (other.tenant_id, "cid")


def test_a_record_of_another_cloud() -> None:
    """Two different clouds know different accounts; an alias is the same cloud."""
    record = AuthenticationRecord(**{**FIELDS, "authority": "login.microsoftonline.com"})
    with pytest.raises(ValueError, match="different clouds"):
        DeviceCodeCredential(authentication_record=record, authority="login.microsoftonline.us")
    DeviceCodeCredential(authentication_record=record, authority="login.windows.net")


def test_the_tenants_allowed_are_the_records(make: Any, authority: Emulator) -> None:
    """With a record the credential's own tenant is the record's."""
    record = make().authenticate(scopes=[SCOPE])
    credential = make(authentication_record=record, tenant_id=None)
    with pytest.raises(errors.AuthenticationFailedError, match="additionally_allowed_tenants"):
        credential.get_token(SCOPE, tenant_id="elsewhere.example")


def info(**fields: str) -> str:
    """Return a client_info."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


SOURCES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "client_info and tid": (
        dict(client_info=info(uid="u", utid="t"), id_token=id_token(sub="s", tid="T", preferred_username="ada@x")),
        dict(home_account_id="u.t", tenant_id="T", username="ada@x"),
    ),
    "no client_info": (
        dict(client_info=None, id_token=id_token(sub="s", tid="T", preferred_username="ada@x")),
        dict(home_account_id="s", tenant_id="T", username="ada@x"),
    ),
    "no tid: the path of iss": (
        dict(id_token=id_token(sub="s", iss="https://sts.example/TT/", upn="ada@y")),
        dict(tenant_id="TT", username="ada@y"),
    ),
    "neither: the tenant asked": (dict(id_token=id_token(sub="s", email="ada@z")), dict(username="ada@z")),
    "unique_name": (dict(id_token=id_token(sub="s", unique_name="ada")), dict(username="ada")),
    "no name": (dict(id_token=id_token(sub="s")), dict(username="")),
    "client_info alone": (dict(id_token=None, client_info=info(uid="u", utid="t")), dict(home_account_id="u.t")),
    "an ID token that does not decode": (
        dict(id_token="a.b.c", client_info=info(uid="u", utid="t")), dict(home_account_id="u.t", username=""),
    ),
    "a client_info that does not decode": (
        dict(client_info="%", id_token=id_token(sub="s", tid="T")), dict(home_account_id="s", tenant_id="T"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "expected"), SOURCES.values(), ids=SOURCES)
def test_where_the_fields_come_from(
    make: Any, authority: Emulator, reply: dict[str, Any], expected: dict[str, str]
) -> None:
    """Each field of the record has its sources, in the contract's order; afterwards the credential is silent."""
    authority.faults.queue("token:device_code", changed(**reply))
    credential = make()
    record = credential.authenticate(scopes=[SCOPE])
    wanted = {"tenant_id": authority.tenant_id, "authority": authority.host, **expected}
    assert {name: getattr(record, name) for name in wanted} == wanted
    assert credential.authenticate(scopes=[SCOPE]) == record
    credential.get_token(SCOPE)
    assert len(make.approver.prompts) == 1


def test_ad_fs(make: Any, authority: Emulator) -> None:
    """AD FS has neither client_info nor tid; its upn is the name, its sub the account, its tenant 'adfs'."""
    credential = make(tenant_id="adfs")
    record = credential.authenticate(scopes=[SCOPE])
    assert (record.tenant_id, record.username) == ("adfs", ADA)
    assert make(tenant_id="adfs", authentication_record=record)._session.who.home_account_id == record.home_account_id
    credential.get_token(OTHER, tenant_id="elsewhere")
    assert (authority.count("instance"), len(make.approver.prompts)) == (0, 1)
