"""Scripts about what outlives a credential: records, caches given, and the cache of the home directory."""

from __future__ import annotations

import errno
import io
import json
import pickle
from contextlib import redirect_stdout
from typing import Any

import msal

from compat.registry import script, script_on_linux
from compat.stage import STORAGE, VAULT, Stage
from doorcode.cache._ciphers import keyctl
from doorcode.cache._errors import StoreUnavailable
from doorcode.emulator import AZURE_CLI_CLIENT_ID

PERSISTENCE: dict[str, Any] = {"allow_unencrypted_storage": True, "name": "compat.cache"}
RECORD = {
    "authority": "login.microsoftonline.com",
    "clientId": "c",
    "homeAccountId": "h",
    "tenantId": "t",
    "username": "u",
    "version": "1.0",
}


def _with_record(stage: Stage, record: Any, **options: object) -> Any:
    """Return a credential for a record, which says where to sign in."""
    given = stage.options(authentication_record=record, **options)
    del given["authority"]
    return stage.library.DeviceCodeCredential(**given)


def _caches() -> dict[str, msal.SerializableTokenCache]:
    return {"_cache": msal.SerializableTokenCache(), "_cae_cache": msal.SerializableTokenCache()}


def _copies(caches: dict[str, msal.SerializableTokenCache]) -> dict[str, msal.SerializableTokenCache]:
    copies = _caches()
    for name, cache in caches.items():
        copies[name].deserialize(cache.serialize())
    return copies


@script
def record_read_and_written(stage: Stage) -> None:
    """The text of a record, and a record from text."""
    cls = stage.library.AuthenticationRecord
    text = stage.credential().authenticate(scopes=[STORAGE]).serialize()
    stage.note("keys", tuple(sorted(json.loads(text))))
    stage.note("again", cls.deserialize(text).serialize() == text)
    record = cls.deserialize(json.dumps(RECORD))
    names = ("authority", "client_id", "home_account_id", "tenant_id", "username")
    stage.note("properties", tuple(getattr(record, name) for name in names))
    stage.note("more_keys", cls.deserialize(json.dumps({**RECORD, "more": 1})).username)


@script
def record_that_is_wrong(stage: Stage) -> None:
    """Text that is no record."""
    cls = stage.library.AuthenticationRecord
    stage.step("text", cls.deserialize, "not json")
    stage.step("list", cls.deserialize, "[]")
    stage.step("version", cls.deserialize, json.dumps({**RECORD, "version": "2.0"}), says=("2.0",))
    stage.step("key", cls.deserialize, json.dumps({name: RECORD[name] for name in RECORD if name != "tenantId"}))
    stage.step("number", cls.deserialize, json.dumps({**RECORD, "tenantId": 1}))
    stage.forget("number.returned")


@script
def record_of_the_other_library(stage: Stage) -> None:
    """A record that the other library wrote, as text and as the object itself, finds its tokens in a cache given."""
    caches = _caches()
    record = stage.other.DeviceCodeCredential(**stage.options(), **caches).authenticate(scopes=[STORAGE])
    read = stage.library.AuthenticationRecord.deserialize(record.serialize())
    stage.note("same_text", read.serialize() == record.serialize())
    silent = {"disable_automatic_authentication": True}
    stage.step("as_text", _with_record(stage, read, **silent, **_copies(caches)).get_token, STORAGE)
    stage.step("as_object", _with_record(stage, record, **silent, **_copies(caches)).get_token, VAULT)


@script
def record_of_a_renamed_user(stage: Stage) -> None:
    """The account was renamed since: it is found by its ID, and never by its name alone."""
    caches = _caches()
    record = stage.credential(**caches).authenticate(scopes=[STORAGE])
    cls = stage.library.AuthenticationRecord
    arguments = (record.tenant_id, record.client_id, record.authority)
    renamed = cls(*arguments, record.home_account_id, "renamed@contoso.example")
    stage.step("renamed", _with_record(stage, renamed, **_copies(caches)).get_token, STORAGE)
    stranger = cls(*arguments, "somebody.else", record.username)
    silent = {"disable_automatic_authentication": True}
    stage.step("stranger", _with_record(stage, stranger, **silent, **_copies(caches)).get_token, STORAGE)


@script
def cache_given(stage: Stage) -> None:
    """_cache is where tokens are kept."""
    caches = _caches()
    stage.step("first", stage.credential(**caches).get_token, STORAGE)
    rows = json.loads(caches["_cache"].serialize())
    for section in ("AccessToken", "RefreshToken", "IdToken", "Account", "AppMetadata"):
        stage.note(section, tuple(sorted({name for row in rows.get(section, {}).values() for name in row})))
    stage.note("targets", sorted(row["target"] for row in rows["AccessToken"].values()))
    keys = (key for section in rows.values() for key in section)
    stage.note("other_keys", sorted(key for key in keys if "accesstoken" not in key))
    stage.note("cae", json.loads(caches["_cae_cache"].serialize() or "{}").get("AccessToken", {}))


@script
def cache_given_without_a_record(stage: Stage) -> None:
    """One account is signed in in the cache, and the program kept no record."""
    caches = _caches()
    stage.credential(**caches).authenticate(scopes=[STORAGE])
    credential = stage.credential(**_copies(caches))
    stage.step("get", credential.get_token, STORAGE)
    stage.step("authenticate", stage.credential(**_copies(caches)).authenticate, scopes=[STORAGE])


@script
def cache_given_and_the_default_prompt(stage: Stage) -> None:
    """One account is signed in in the cache, the program kept no record, and has no prompt of its own."""
    stage.authority.approve_all()
    caches = _caches()
    stage.credential(**caches).authenticate(scopes=[STORAGE])
    for name in ("get_token", "authenticate"):
        call = getattr(stage.credential(prompt_callback=None, **_copies(caches)), name)
        before = stage.authority.count("devicecode")
        with redirect_stdout(io.StringIO()):
            call(STORAGE) if name == "get_token" else call(scopes=[STORAGE])
        stage.note(name, stage.authority.count("devicecode") - before)


@script
def cache_given_and_nobody_listens(stage: Stage) -> None:
    """A new process with a valid token in its cache, while the authority is down."""
    caches = _caches()
    record = stage.credential(**caches).authenticate(scopes=[STORAGE])
    credential = _with_record(stage, record, retry_total=0, **_copies(caches))
    with stage.authority.offline():
        stage.step("offline", credential.get_token, STORAGE)
    online = _with_record(stage, record, **_copies(caches))
    stage.step("online", online.get_token, STORAGE)
    stage.step("authenticate", online.authenticate, scopes=[STORAGE])


@script
def cache_given_with_an_odd_row(stage: Stage) -> None:
    """Another tool left a row without a user name in the cache."""
    caches = _caches()
    record = stage.credential(**caches).authenticate(scopes=[STORAGE])
    rows = json.loads(caches["_cache"].serialize())
    rows["Account"]["odd"] = {"username": None, "home_account_id": "x.y", "environment": "127.0.0.1"}
    caches["_cache"].deserialize(json.dumps(rows))
    stage.step("get", _with_record(stage, record, **caches).get_token, STORAGE)
    stage.note("kept", "odd" in json.loads(caches["_cache"].serialize())["Account"])


@script
def cache_with_a_family_token(stage: Stage) -> None:
    """Another application of the same family is signed in, in the same cache."""
    stage.authority.configure(family_id="1")
    caches = _caches()
    record = stage.library.DeviceCodeCredential(**stage.options(), **caches).authenticate(scopes=[STORAGE])
    cls = stage.library.AuthenticationRecord
    other = cls(record.tenant_id, "another-client", record.authority, record.home_account_id, record.username)
    silent = {"disable_automatic_authentication": True}
    stage.note("family", record.client_id == AZURE_CLI_CLIENT_ID)
    stage.step("get", _with_record(stage, other, **silent, **_copies(caches)).get_token, STORAGE)


@script
def options_of_persistence(stage: Stage) -> None:
    """TokenCachePersistenceOptions: names and defaults."""
    cls = stage.library.TokenCachePersistenceOptions
    options = cls()
    stage.note("defaults", (options.name, options.allow_unencrypted_storage))
    given = cls(name="mine", allow_unencrypted_storage=True)
    stage.note("given", (given.name, given.allow_unencrypted_storage))
    stage.step("path", cls, name="../outside")
    stage.forget("path.returned")
    stage.step("misspelt", cls, allow_unencrypted_store=True)
    stage.forget("misspelt.returned")


class Keys:
    """Stand in for the kernel's keyring, so that no key of this machine's user is touched."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}

    def link(self, key: int, ring: int) -> None:
        """Link a key."""

    def unlink(self, key: int, ring: int) -> None:
        """Remove a key."""
        self.payloads.pop(list(self.payloads)[key])

    def ring(self, special: int) -> int:
        """Return a keyring."""
        return 1

    def persistent(self, ring: int) -> int:
        """Return the persistent keyring."""
        return 1

    def search(self, ring: int, description: str) -> int:
        """Find a key."""
        if description not in self.payloads:
            raise OSError(errno.ENOKEY, description)
        return list(self.payloads).index(description)

    def read(self, key: int, most: int) -> bytes:
        """Return a key's payload."""
        return list(self.payloads.values())[key][:most]

    def add(self, ring: int, description: str, payload: bytes) -> int:
        """Add a key."""
        self.payloads[description] = payload
        return self.search(ring, description)


def _no_keys() -> Keys:
    message = "not on this machine"
    raise StoreUnavailable(message)


def _persistent(stage: Stage, library: Any, **options: object) -> Any:
    """Return a credential with a cache in the home directory, which is plain because a plain file is there already."""
    return library.DeviceCodeCredential(
        **stage.options(cache_persistence_options=library.TokenCachePersistenceOptions(**PERSISTENCE), **options)
    )


def _plain_home(stage: Stage) -> None:
    stage.monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={stage.home}/none")
    folder = stage.home / ".IdentityService"
    folder.mkdir(mode=0o700)
    for suffix in ("nocae", "cae"):
        (folder / f"compat.cache.{suffix}").write_text("{}")


@script_on_linux
def persistence_unusable(stage: Stage) -> None:
    """Nothing can encrypt, and plain text is not allowed."""
    stage.monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={stage.home}/none")
    stage.monkeypatch.setattr(keyctl, "key_calls", _no_keys)
    options = stage.library.TokenCachePersistenceOptions(name="compat.cache")
    made = stage.step("construct", stage.credential, cache_persistence_options=options)
    stage.forget("construct.returned")
    stage.step("get", made.get_token, STORAGE, says=("allow_unencrypted_storage=True",))


@script_on_linux
def persistence_in_a_new_home(stage: Stage) -> None:
    """There is no desktop, plain text is allowed, and the kernel has a keyring."""
    stage.monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={stage.home}/none")
    keys = Keys()
    stage.monkeypatch.setattr(keyctl, "key_calls", lambda: keys)
    credential = _persistent(stage, stage.library)
    stage.step("get", credential.get_token, STORAGE)
    token = stage.authority.requests_to("devicecode")  # the sign-in's own
    stage.note("sign_ins", len(token))
    files = [path for path in (stage.home / ".IdentityService").iterdir() if ".lock" not in path.suffixes[-1]]
    stage.note("readable", any("RefreshToken" in path.read_text() for path in files))


@script_on_linux
def persistence_between_processes(stage: Stage) -> None:
    """A plain cache in the home directory: the next credential with the record is silent, without it too or not."""
    _plain_home(stage)
    record = stage.step("first", _persistent(stage, stage.library).authenticate, scopes=[STORAGE])
    given = stage.options(
        authentication_record=record,
        cache_persistence_options=stage.library.TokenCachePersistenceOptions(**PERSISTENCE),
    )
    del given["authority"]
    stage.step("with_record", stage.library.DeviceCodeCredential(**given).get_token, STORAGE)
    stage.step("without_record", _persistent(stage, stage.library).get_token, STORAGE)
    stage.step("cae", stage.library.DeviceCodeCredential(**given).get_token, STORAGE, enable_cae=True)
    names = sorted(path.name for path in (stage.home / ".IdentityService").iterdir() if ".lock" not in path.name)
    stage.note("files", tuple(name for name in names if not name.endswith(".refresh.lock")))


@script_on_linux
def persistence_of_the_other_library(stage: Stage) -> None:
    """What the other library wrote, this one uses silently, also for another scope; and the other way round again."""
    _plain_home(stage)
    record = _persistent(stage, stage.other).authenticate(scopes=[STORAGE])
    given = stage.options(
        authentication_record=record,
        cache_persistence_options=stage.library.TokenCachePersistenceOptions(**PERSISTENCE),
        disable_automatic_authentication=True,
    )
    del given["authority"]
    stage.step("cached", stage.library.DeviceCodeCredential(**given).get_token, STORAGE)
    stage.step("refreshed", stage.library.DeviceCodeCredential(**given).get_token, VAULT)
    given["cache_persistence_options"] = stage.other.TokenCachePersistenceOptions(**PERSISTENCE)
    given["authentication_record"] = stage.other.AuthenticationRecord.deserialize(record.serialize())
    back = stage.other.DeviceCodeCredential(**given)
    before = stage.authority.count("token")
    back.get_token(VAULT)
    stage.note("back_again", stage.authority.count("token") - before)


@script_on_linux
def persistence_options_of_the_other_library(stage: Stage) -> None:
    """Options made with the other library's class."""
    _plain_home(stage)
    options = stage.other.TokenCachePersistenceOptions(**PERSISTENCE)
    credential = stage.credential(cache_persistence_options=options)
    stage.step("get", credential.get_token, STORAGE)
    written = (stage.home / ".IdentityService" / "compat.cache.nocae").read_text()
    stage.note("sections", tuple(sorted(json.loads(written))))


@script_on_linux
def persistence_pickled(stage: Stage) -> None:
    """A credential with a persistent cache and a record is silent after a pickle."""
    _plain_home(stage)
    stage.authority.approve_all()
    record = _persistent(stage, stage.library).authenticate(scopes=[STORAGE])
    given = stage.options(
        authentication_record=record,
        cache_persistence_options=stage.library.TokenCachePersistenceOptions(**PERSISTENCE),
        prompt_callback=None,
    )
    del given["authority"]
    again = pickle.loads(pickle.dumps(stage.library.DeviceCodeCredential(**given)))  # noqa: S301 - made here
    stage.step("get", again.get_token, STORAGE)
