"""Check every option of a credential once, and keep the result in one frozen value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from doorcode._core import checks
from doorcode._core.account_selection import AccountOptions, contradiction
from doorcode._core.authorities import AuthorityAddress, combine, parse_authority
from doorcode._core.clouds import DEVELOPER_CLIENT_ID, AzureAuthorityHosts, aliases, different_clouds
from doorcode._core.uris import is_loopback
from doorcode._core.values import field, replace, value_class
from doorcode._pipeline_options import pipeline_options, warn
from doorcode._record import AuthenticationRecord, as_record
from doorcode.cache._options import TokenCachePersistenceOptions, resolve_options

_SEPARATOR: Final = re.compile(r"[,;\s]")
_KNOWN: Final = (
    "additionally_allowed_tenants",
    "authentication_record",
    "authority",
    "cache_persistence_options",
    "client_id",
    "disable_automatic_authentication",
    "disable_instance_discovery",
    "enable_support_logging",
    "login_hint",
    "max_codes",
    "paste",
    "prefer",
    "prompt_callback",
    "redirect_uri",
    "tenant_id",
    "timeout",
    "use_cached_account",
    "username",
    "_cache",
    "_cae_cache",
)


@value_class(frozen=True, slots=True)
class Config:
    """The checked options of a credential.

    Attributes:
        class_name: the name of the credential's class, for log lines and messages.
        client_id: the application.
        authority: the authority that users sign in at.
        tenant_id: the credential's own tenant.
        allowed_tenants: further tenants that requests may name; ``*`` allows any.
        record: the account that the program named, or None.
        account: the program's options about the account.
        may_ask: whether get_token may ask the user to sign in.
        persistence: the options of the persistent cache, or None.
        instance_discovery: whether Microsoft's instance discovery must know the authority.
        support_logging: whether MSAL may log personal data.
        pipeline: the options of the azure-core pipeline.
        caches: the program's own MSAL token caches, for requests without and with CAE.
    """

    class_name: str
    client_id: str
    authority: AuthorityAddress
    tenant_id: str
    allowed_tenants: tuple[str, ...] = ()
    record: AuthenticationRecord | None = None
    account: AccountOptions = field(default_factory=AccountOptions)
    may_ask: bool = True
    persistence: TokenCachePersistenceOptions | None = None
    instance_discovery: bool = True
    support_logging: bool = False
    pipeline: Mapping[str, Any] = field(default_factory=dict, repr=False)
    caches: tuple[object | None, object | None] = field(default=(None, None), repr=False)

    @property
    def environments(self) -> frozenset[str]:
        """Return the host names under which MSAL may have stored tokens of this authority."""
        return aliases(self.authority.environment)


def resolve(  # noqa: PLR0913 - one for each option of a credential
    class_name: str,
    prompts_here: bool = True,  # noqa: FBT001, FBT002 - positional, so that its name is no option
    login_hint: str | None = None,
    /,
    *,
    client_id: object = DEVELOPER_CLIENT_ID,
    authority: object = None,
    tenant_id: object = None,
    authentication_record: object = None,
    disable_automatic_authentication: object = False,
    cache_persistence_options: object = None,
    disable_instance_discovery: object = None,
    enable_support_logging: object = None,
    additionally_allowed_tenants: object = None,
    username: object = None,
    use_cached_account: object = None,
    _cache: object | None = None,
    _cae_cache: object | None = None,
    **pipeline: object,
) -> Config:
    """Check every option of a credential.

    Positional: the class's name, whether prompts appear on this machine, and the checked ``login_hint`` of the browser.

    Raises:
        TypeError: a value has the wrong type, or a name is close to an option's.
        ValueError: a value is invalid; the message says what to write instead.
    """
    if isinstance(authority, str) and not authority.strip():
        authority = None
    place = _named_authority() if authority is None else parse_authority(authority)
    own_tenant = None if tenant_id is None else checks.check_tenant(tenant_id)
    config = Config(
        class_name,
        checks.check_client_id(DEVELOPER_CLIENT_ID if client_id is None else client_id),
        place,
        combine(place, own_tenant),
        _tenants(additionally_allowed_tenants),
        account=AccountOptions(
            name=_username(username),
            login_hint=login_hint,
            use_cached_account=checks.check_optional_flag("use_cached_account", use_cached_account),
            prompts_here=prompts_here,
        ),
        may_ask=not checks.check_flag("disable_automatic_authentication", disable_automatic_authentication),
        persistence=None if cache_persistence_options is None else resolve_options(cache_persistence_options),
        instance_discovery=_is_checked(place, authority, disable_instance_discovery),
        support_logging=checks.check_flag("enable_support_logging", enable_support_logging),
        pipeline=pipeline_options(class_name, pipeline, _KNOWN),
        caches=(_cache, _cae_cache),
    )
    if authentication_record is not None:
        config = _with_record(config, as_record(authentication_record), authority, own_tenant)
        checked = _is_checked(config.authority, authority, disable_instance_discovery)
        config = replace(config, instance_discovery=checked)
    doubt = contradiction(config.account, _username(username))
    if doubt is not None:
        warn(doubt)
    return config


def _named_authority() -> AuthorityAddress:
    """Return the authority that the environment names, by default Microsoft's public cloud."""
    named = os.environ.get("AZURE_AUTHORITY_HOST", "").strip()
    try:
        return parse_authority(named or AzureAuthorityHosts.AZURE_PUBLIC_CLOUD)
    except ValueError as error:
        message = f"{error} (from the environment variable AZURE_AUTHORITY_HOST)"
        raise ValueError(message) from error


def _is_checked(place: AuthorityAddress, given: object, disabled: object) -> bool:
    """Return whether Microsoft's instance discovery must know an authority outside Microsoft's clouds.

    It need not if the environment names an authority on this machine: instance discovery cannot know that one, and the
    user who sets a process's environment controls the process anyway.
    """
    if disabled is not None or given is not None:
        return not checks.check_flag("disable_instance_discovery", disabled)
    named = os.environ.get("AZURE_AUTHORITY_HOST", "").strip()
    return not (named and is_loopback(place.host) and parse_authority(named).netloc == place.netloc)


def _with_record(config: Config, record: AuthenticationRecord, authority: object, own_tenant: str | None) -> Config:
    """Take the application from the record, and the authority and the tenant if the program did not name them."""
    if config.client_id not in {record.client_id, DEVELOPER_CLIENT_ID}:
        warn(f"client_id {config.client_id!r} is not used: the record's account signed in to {record.client_id!r}.")
    recorded = parse_authority(record.authority)
    if authority is None:
        config = replace(config, authority=recorded)
    elif different_clouds(recorded.host, config.authority.host):
        message = (
            f"authority {config.authority.netloc!r} and the record's {record.authority!r} are different clouds: "
            "an account of one cannot sign in to the other. Leave authority out, or sign in anew without the record."
        )
        raise ValueError(message)
    tenant = own_tenant or config.authority.tenant or checks.check_tenant(record.tenant_id)
    account = replace(config.account, home_account_id=record.home_account_id, name=record.username or None)
    client_id = checks.check_client_id(record.client_id)
    return replace(config, record=record, account=account, client_id=client_id, tenant_id=tenant)


def _username(value: object) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    message = f"username must be a sign-in name such as ada@contoso.com, not {value!r}"
    raise ValueError(message) if isinstance(value, str) else TypeError(message)


def _tenants(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) and not _SEPARATOR.search(value.strip()):
        value = (value.strip(),)  # azure-identity takes the only one as text, too: "*" in most programs
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        message = "additionally_allowed_tenants must be a list of tenant IDs, or ['*']"
        raise TypeError(message)
    tenants = cast("Iterable[object]", value)
    return tuple(
        "*" if tenant == "*" else checks.check_tenant(tenant, "a tenant of additionally_allowed_tenants")
        for tenant in tenants
        if tenant not in ("", None)
    )
