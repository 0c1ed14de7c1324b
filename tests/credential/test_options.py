"""The constructor's options: checked at once, each name known or complained about."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import azure.identity
import pytest
from azure.core.pipeline.policies import RetryPolicy

import doorcode
import doorcode.aio
from doorcode import AuthenticationRecord, DeviceCodeCredential, InteractiveCredential, TokenCachePersistenceOptions
from doorcode._pipeline_options import OTHER_NAMES

MEANT = {
    "token_cache_persistence_options": "cache_persistence_options",
    "cache_persistance_options": "cache_persistence_options",
    "cache_persistence_option": "cache_persistence_options",
    "enable_persistent_cache": "cache_persistence_options",
    "authenication_record": "authentication_record",
    "prompt_calback": "prompt_callback",
    "timout": "timeout",
    "tenant": "tenant_id",
    "tenantid": "tenant_id",
    "clientid": "client_id",
    "disable_automatic_authorization": "disable_automatic_authentication",
    "connection_verfy": "connection_verify",
    "client_secret": "public client",
    "additional_tenants": "additionally_allowed_tenants",
    "additionallyAllowedTenants": "additionally_allowed_tenants",
    "TokenCachePersistenceOptions": "cache_persistence_options",
    "userPromptCallback": "prompt_callback",
    "proxy": "proxies",
    "verify_ssl": "connection_verify",
    "max_retries": "retry_total",
    "connect_timeout": "connection_timeout",
    "encryption_key": "TokenCachePersistenceOptions",
}


@pytest.mark.parametrize(("name", "meant"), MEANT.items(), ids=MEANT)
def test_a_misspelt_option(make: Any, name: str, meant: str) -> None:
    """A name that is nearly an option's is a TypeError that names the right one."""
    with pytest.raises(TypeError, match=rf"DeviceCodeCredential has no option '{name}'.*{meant}"):
        make.credential_class(**{name: None})


@pytest.mark.parametrize("meant", sorted({name for name in OTHER_NAMES.values() if name.isidentifier()}))
def test_what_other_names_stand_for(make: Any, meant: str) -> None:
    """Each name of the table leads to an option that exists."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make.credential_class(**{meant: None})


@pytest.mark.parametrize("name", ["proxies", "headers"])
@pytest.mark.parametrize("value", ["http://proxy.example:8080", ["x"]], ids=["text", "list"])
def test_a_mapping(make: Any, name: str, value: object) -> None:
    """What has to be a mapping is refused at once if it is none, with an example."""
    with pytest.raises(TypeError, match=rf"{name} must be a mapping such as \{{.*, not {type(value).__name__}"):
        make.credential_class(**{name: value})


@pytest.mark.parametrize("value", [0, 0.0, b"", [], {}])
def test_certificates_are_checked_unless_told_otherwise(make: Any, value: object) -> None:
    """Only False turns the check off: other values that count as false are a mistake."""
    with pytest.raises(TypeError, match=f"connection_verify must be True, False, or .*, not {type(value).__name__}"):
        make.credential_class(connection_verify=value)
    make.credential_class(connection_verify=False)


@pytest.mark.parametrize("name", ["connection_timeout", "retry_total", "retry_backoff_max"])
def test_a_number_beyond_all_floats(make: Any, name: str) -> None:
    """A limit that is too large for a float is no limit."""
    make.credential_class(**{name: 10**400})


def test_a_blank_authority_is_not_given(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank line of a file of settings names no authority."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.example")
    assert make.credential_class(authority=" \n")._session.config.authority.netloc == "login.example"


def test_a_name_that_nobody_knows(make: Any) -> None:
    """What neither we nor an azure-core pipeline know is a warning, at the program's own line."""
    with pytest.warns(UserWarning, match="no option 'color_of_the_sky'.*no effect") as warned:
        make.credential_class(color_of_the_sky="blue")
    assert [warning.filename for warning in warned] == [__file__]


@pytest.mark.parametrize("name", ["login_hint", "redirect_uri"])
def test_an_option_of_the_browser_credential(make: Any, name: str) -> None:
    """Programs that pass one set of options to both credentials go on working, and are told."""
    with pytest.warns(UserWarning, match=f"'{name}', which InteractiveBrowserCredential and UserCredential have"):
        make.credential_class(**{name: "http://localhost:8400"})


def nothing(*_: object) -> None:
    """Do nothing."""


OF_OTHERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a browser with a prompt": (
        "InteractiveBrowserCredential", dict(prompt_callback=nothing), "which DeviceCodeCredential and UserCredential",
    ),
    "a browser with codes": ("InteractiveBrowserCredential", dict(max_codes=2), "which DeviceCodeCredential has"),
    "a code with a choice": ("DeviceCodeCredential", dict(prefer="browser"), "which UserCredential has"),
    "a code with pasting": ("DeviceCodeCredential", dict(paste=True), "which InteractiveBrowserCredential and"),
    "both with codes": ("UserCredential", dict(max_codes=2), "which DeviceCodeCredential has"),
}  # fmt: skip


@pytest.mark.parametrize("module", [doorcode, doorcode.aio], ids=["sync", "aio"])
@pytest.mark.parametrize(("name", "options", "words"), OF_OTHERS.values(), ids=OF_OTHERS)
def test_an_option_of_another_credential(module: Any, name: str, options: dict[str, Any], words: str) -> None:
    """The warning names the class that has the option, and no other."""
    with pytest.warns(UserWarning, match=rf"^{name} has no option '{next(iter(options))}', {words}"):
        getattr(module, name)(**options)


PIPELINE: dict[str, Any] = {
    "proxies": {},
    "connection_verify": True,
    "connection_timeout": 5,
    "read_timeout": 5,
    "retry_total": 0,
    "retry_backoff_factor": 0.1,
    "user_agent": "x",
    "logging_enable": True,
    "headers": {"x": "y"},
    "raw_request_hook": print,
    "per_call_policies": [],
    "use_env_settings": False,
    "additional_allowed_query_params": ["tenant"],
    "instrumentation_config": {},
    "redirect_on_status_codes": [300],
    "redirect_remove_headers": ["x"],
    "request_id_header_name": "x-request-id",
}


@pytest.mark.parametrize(("name", "value"), PIPELINE.items(), ids=PIPELINE)
def test_an_option_of_the_pipeline(make: Any, name: str, value: object) -> None:
    """What an azure-core pipeline takes is accepted."""
    make.credential_class(**{name: value})


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "client_id, not text": (dict(client_id=5), TypeError, "client_id must be a string"),
    "client_id, with a space": (dict(client_id="a b"), ValueError, "client_id"),
    "tenant, with a slash": (dict(tenant_id="a/b"), ValueError, "only letters, digits"),
    "tenant, not text": (dict(tenant_id=5), TypeError, "tenant_id must be a string"),
    "authority, http": (dict(authority="http://login.example"), ValueError, "https"),
    "authority, ftp": (dict(authority="ftp://login.example"), ValueError, "https"),
    "authority, blank": (dict(authority=" / "), ValueError, "empty"),
    "authority, with a query": (dict(authority="https://login.example/t?x=1"), ValueError, "a query"),
    "authority, with a fragment": (dict(authority="https://login.example/t#x"), ValueError, "a fragment"),
    "authority, with a user": (dict(authority="https://user:pw@login.example"), ValueError, "a user"),
    "authority, not text": (dict(authority=5), TypeError, "authority must be a string"),
    "authority of another tenant": (
        dict(authority="https://login.example/a", tenant_id="b"), ValueError, "names tenant 'a' but tenant_id is 'b'",
    ),
    "timeout, negative": (dict(timeout=-1), ValueError, "timeout must be 0 or more"),
    "timeout, NaN": (dict(timeout=math.nan), ValueError, "timeout must be 0 or more"),
    "timeout, infinite": (dict(timeout=math.inf), ValueError, "timeout must be 0 or more"),
    "timeout, a boolean": (dict(timeout=True), TypeError, "timeout must be a number"),
    "timeout, text": (dict(timeout="30"), TypeError, "timeout must be a number"),
    "prompt_callback, not callable": (dict(prompt_callback="x"), TypeError, "prompt_callback must be callable"),
    "cache options, of a wrong type": (
        dict(cache_persistence_options={"name": "x"}), TypeError, "cache_persistence_options must be",
    ),
    "cache options, a flag": (dict(cache_persistence_options=True), TypeError, "cache_persistence_options must be"),
    "username, empty": (dict(username=" "), ValueError, "username must be a sign-in name"),
    "username, not text": (dict(username=5), TypeError, "username must be a sign-in name"),
    "record, of a wrong type": (dict(authentication_record=5), TypeError, "authentication_record must be"),
    "a flag as text": (
        dict(disable_automatic_authentication="false"), TypeError, "disable_automatic_authentication must be True or",
    ),
    "discovery as a number": (dict(disable_instance_discovery=1), TypeError, "disable_instance_discovery must be"),
    "support logging as text": (dict(enable_support_logging="no"), TypeError, "enable_support_logging must be"),
    "tenants, two as text": (dict(additionally_allowed_tenants="t, u"), TypeError, "list of tenant IDs"),
    "tenants, one as bytes": (dict(additionally_allowed_tenants=b"t"), TypeError, "list of tenant IDs"),
    "tenants, no list": (dict(additionally_allowed_tenants=5), TypeError, "list of tenant IDs"),
    "tenants, a number among them": (
        dict(additionally_allowed_tenants=["t", 5]),
        TypeError,
        "a tenant of additionally_allowed_tenants must be a string, not int",
    ),
    "tenants, an odd one": (dict(additionally_allowed_tenants=["a b"]), ValueError, "only letters, digits"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "kind", "words"), BAD.values(), ids=BAD)
def test_a_bad_value(make: Any, options: dict[str, Any], kind: type[Exception], words: str) -> None:
    """A value that cannot be right is refused in the constructor, with the option's name."""
    with pytest.raises(kind, match=words):
        make.credential_class(**options)


def test_a_password_in_an_authority_is_not_repeated(make: Any) -> None:
    """What stands before an @ may be a password."""
    with pytest.raises(ValueError, match="a user") as caught:
        make.credential_class(authority="https://user:hunter2@login.example")
    assert "hunter2" not in str(caught.value)


def test_the_environment_names_the_authority(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """AZURE_AUTHORITY_HOST is the default authority, and is checked like any other."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.microsoftonline.us")
    assert make.credential_class()._session.config.authority.host == "login.microsoftonline.us"
    assert make.credential_class(authority="a.example")._session.config.authority.host == "a.example"
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://login.example")
    with pytest.raises(ValueError, match="https"):
        make.credential_class()
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "")
    assert make.credential_class()._session.config.authority.host == "login.microsoftonline.com"


BLANK: dict[str, Any] = dict.fromkeys(
    [
        "authentication_record", "authority", "cache_persistence_options", "client_id", "connection_verify",
        "disable_automatic_authentication", "disable_instance_discovery", "enable_support_logging",
        "tenant_id", "timeout", "use_cached_account", "user_agent", "username",
    ],
    "",
) | {"additionally_allowed_tenants": [""]}  # fmt: skip


@pytest.mark.parametrize("name", BLANK)
def test_an_empty_text_is_not_given(make: Any, name: str) -> None:
    """os.environ.get(name, "") is how programs pass what is not set: each option then has its default."""
    plain, blank = make.credential_class(), make.credential_class(**{name: BLANK[name]})
    assert blank._session.config == plain._session.config
    assert blank._timeout == plain._timeout


@pytest.mark.parametrize("name", sorted(BLANK.keys() - {"connection_verify", "user_agent"}))
def test_none_is_not_given(make: Any, name: str) -> None:
    """os.environ.get(name) is how others do: None leaves the option, ``client_id`` too, at its default."""
    plain, without = make.credential_class(), make.credential_class(**{name: None})
    assert without._session.config == plain._session.config


@pytest.mark.parametrize("name", ["login_hint", "prefer", "redirect_uri", "timeout"])
def test_an_empty_text_is_not_given_to_the_browser(name: str) -> None:
    """The same for the credentials that use a browser."""
    blank: dict[str, Any] = {name: ""}
    given, default = vars(doorcode.UserCredential(**blank)), vars(doorcode.UserCredential())
    assert given["_sign_in_options"] == default["_sign_in_options"]
    if name != "prefer":
        credential = doorcode.InteractiveBrowserCredential(**blank)
        assert (credential._redirect_uri, credential._login_hint, credential._timeout) == (None, None, 300)


def test_an_empty_text_in_a_list() -> None:
    """An empty entry among the tenants is passed over."""
    credential = DeviceCodeCredential(additionally_allowed_tenants=["", "a", None, ""])  # type: ignore[list-item] # untyped programs do
    assert credential._session.config.allowed_tenants == ("a",)


def test_a_blank_environment_names_no_authority(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """AZURE_AUTHORITY_HOST of spaces is not set, and a line end behind a host is none of it."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", " \n")
    assert make.credential_class()._session.config.authority.host == "login.microsoftonline.com"
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.microsoftonline.us\n")
    assert make.credential_class()._session.config.authority.host == "login.microsoftonline.us"


POLICIES = {
    "authentication_policy": "policies",
    "custom_hook_policy": "raw_request_hook",
    "headers_policy": "headers",
    "http_logging_policy": "http_logging_level",
    "logging_policy": "logging_enable",
    "proxy_policy": "proxies",
    "redirect_policy": "policies",
    "request_id_policy": "request_id",
    "retry_policy": "retry_policy_class",
    "user_agent_policy": "user_agent",
}


@pytest.mark.parametrize(("name", "instead"), POLICIES.items(), ids=POLICIES)
def test_a_policy_of_an_azure_core_configuration(make: Any, name: str, instead: str) -> None:
    """azure-identity ignores the policies that clients of services take by name; so do we, and say what works."""
    given: dict[str, Any] = {name: RetryPolicy()}
    azure.identity.DeviceCodeCredential(**given)
    with pytest.warns(UserWarning, match=rf"takes no policy as '{name}': it has no effect.*Use {instead}"):
        make.credential_class(**given)


def test_azure_identitys_cache_options_are_accepted(make: Any) -> None:
    """The options object of azure-identity says the same as ours."""
    theirs = azure.identity.TokenCachePersistenceOptions(name="mine", allow_unencrypted_storage=True)
    options = make.credential_class(cache_persistence_options=theirs)._session.config.persistence
    assert isinstance(options, TokenCachePersistenceOptions)
    assert (options.name, options.allow_unencrypted_storage) == ("mine", True)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a\\b", "a\0b", ""])
def test_a_cache_name_that_is_a_path(name: str) -> None:
    """A cache's name never leads out of the cache's folder."""
    with pytest.raises(ValueError, match="cache's name"):
        TokenCachePersistenceOptions(name=name)


def test_the_public_names() -> None:
    """Everything public is there, also for dir(); anything else is an AttributeError."""
    assert set(doorcode.__all__) <= set(dir(doorcode))
    for name in doorcode.__all__:
        assert getattr(doorcode, name) is not None
    with pytest.raises(AttributeError, match="'doorcode' has no attribute 'DefaultAzureCredential'"):
        doorcode.DefaultAzureCredential  # type: ignore[attr-defined]  # noqa: B018 - it is the access that counts


LOADED_ON_FIRST_USE = """
import doorcode
assert doorcode.__version__ == {version!r}
assert doorcode.errors.SignInTimedOutError
assert doorcode.aio.DeviceCodeCredential
assert doorcode.cache.status
assert doorcode.prompts.stderr
assert doorcode.emulator.Emulator
assert doorcode.testing
assert {{"__version__", "aio", "cache", "errors", "prompts"}} <= set(dir(doorcode))
"""


def test_modules_and_version_after_one_import() -> None:
    """In a process of its own: ``import doorcode`` alone gives its modules and its version."""
    program = LOADED_ON_FIRST_USE.format(version=version("doorcode"))
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_classes_that_azure_identity_has() -> None:
    """The hosts and the base class are azure-identity's."""
    theirs = azure.identity.AzureAuthorityHosts
    for name in ("AZURE_PUBLIC_CLOUD", "AZURE_CHINA", "AZURE_GOVERNMENT"):
        assert getattr(doorcode.AzureAuthorityHosts, name) == getattr(theirs, name)
        assert getattr(doorcode.KnownAuthorities, name) == getattr(theirs, name)
    assert issubclass(DeviceCodeCredential, InteractiveCredential)
    with pytest.raises(TypeError, match="abstract"):
        InteractiveCredential()  # type: ignore[abstract]


def test_the_first_argument_is_the_client_id(make: Any) -> None:
    """client_id may be given by place, and is the Azure CLI's without."""
    assert make.credential_class("mine")._session.config.client_id == "mine"
    assert make.credential_class()._session.config.client_id == "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


def test_a_record_beside_a_different_application_of_the_default(make: Any) -> None:
    """A record's application is used without a word where the program names none."""
    record = AuthenticationRecord("t", "c", "login.microsoftonline.com", "u.t", "ada")
    assert make.credential_class(authentication_record=record)._session.config.client_id == "c"


def test_constructing_asks_nobody(make: Any) -> None:
    """Constructors do no I/O."""
    make()
    assert make.approver.prompts == []


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("retry_total", "5", TypeError),
        ("retry_backoff_factor", float("nan"), ValueError),
        ("retry_on_status_codes", 503, TypeError),
        ("connection_timeout", Decimal(5), TypeError),
        ("timeout", 10**400, ValueError),
    ],
)
def test_a_number_that_cannot_be_used_is_refused_by_name(
    make: Callable[..., object], name: str, value: object, kind: type[Exception]
) -> None:
    """In the constructor, before the first request needs it."""
    with pytest.raises(kind, match=name):
        make(**{name: value})
