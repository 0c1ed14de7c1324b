"""Pass a credential's further options on to the azure-core pipeline, and find out which option a wrong name means."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from doorcode._core import checks, numeric_checks, object_checks

PIPELINE: Final = frozenset({
    "_per_retry_policies", "additional_allowed_query_params", "auto_request_id", "base_headers", "connection_cert",
    "connection_data_block_size", "connection_timeout", "connection_verify", "headers", "http_logging_level",
    "instrumentation_config", "logger", "logging_enable", "network_span_namer", "per_call_policies",
    "per_retry_policies", "permit_redirects", "policies", "polling_interval", "proxies", "raw_request_hook",
    "raw_response_hook", "read_timeout", "redirect_max", "redirect_on_status_codes", "redirect_remove_headers",
    "request_id", "request_id_header_name", "retry_backoff_factor", "retry_backoff_max", "retry_connect",
    "retry_mode", "retry_on_methods", "retry_on_status_codes", "retry_policy_class", "retry_read", "retry_status",
    "retry_total", "sdk_moniker", "session", "session_owner", "tracing_attributes", "transport",
    "use_env_settings", "user_agent", "user_agent_overwrite", "user_agent_use_env",
})  # fmt: skip
"""What azure-core's policies and its requests transport read."""

UNCALLED: Final[Mapping[str, str]] = {
    "_acquire_token_silent": "Override get_token and get_token_info",
    "_get_app": "Override _request_token",
    "_get_token_base": "Override get_token and get_token_info",
    "_initialize_cache": "Pass cache_persistence_options",
}
"""Private methods of azure-identity's credentials that subclasses override, and what to do instead."""

OTHER_NAMES: Final[Mapping[str, str]] = {
    "cache_options": "cache_persistence_options",
    "cache_persistence": "cache_persistence_options",
    "enable_persistent_cache": "cache_persistence_options",
    "persistent_cache": "cache_persistence_options",
    "token_cache_persistence_options": "cache_persistence_options",
    "allow_unencrypted_cache": "cache_persistence_options",
    "allow_unencrypted_storage": "cache_persistence_options",
    "token_cache": "cache_persistence_options",
    "record": "authentication_record",
    "auth_record": "authentication_record",
    "callback": "prompt_callback",
    "device_code_callback": "prompt_callback",
    "user_prompt_callback": "prompt_callback",
    "authority_host": "authority",
    "instance_discovery": "disable_instance_discovery",
    "disable_automatic_authorization": "disable_automatic_authentication",
    "ssl_verify": "connection_verify",
    "verify": "connection_verify",
    "verify_ssl": "connection_verify",
    "ca_bundle": "connection_verify",
    "ca_cert": "connection_verify",
    "ca_certs": "connection_verify",
    "ca_file": "connection_verify",
    "cafile": "connection_verify",
    "cert": "connection_cert",
    "client_cert": "connection_cert",
    "proxy": "proxies",
    "proxy_url": "proxies",
    "http_proxy": "proxies",
    "https_proxy": "proxies",
    "trust_env": "use_env_settings",
    "http_timeout": "connection_timeout and read_timeout",
    "request_timeout": "connection_timeout and read_timeout",
    "max_retries": "retry_total",
    "retries": "retry_total",
    "retry_attempts": "retry_total",
    "retry_count": "retry_total",
    "retry_codes": "retry_on_status_codes",
    "retry_statuses": "retry_on_status_codes",
    "status_forcelist": "retry_on_status_codes",
    "follow_redirects": "permit_redirects",
    "max_redirects": "redirect_max",
    "extra_headers": "headers",
    "enable_logging": "logging_enable",
    "additional_tenants": "additionally_allowed_tenants",
    "additional_allowed_tenants": "additionally_allowed_tenants",
    "allowed_tenants": "additionally_allowed_tenants",
    "tenants": "additionally_allowed_tenants",
    "app_id": "client_id",
    "application_id": "client_id",
    "cloud": "authority",
    "disable_authority_validation_and_instance_discovery": "disable_instance_discovery",
    "validate_authority": "disable_instance_discovery",
    "cache_name": "cache_persistence_options",
    "encryption_key": "cache_persistence_options=TokenCachePersistenceOptions(encryption_key=...)",
    "token_cache_options": "cache_persistence_options",
    "scope": "get_token(*scopes)",
    "scopes": "get_token(*scopes)",
    "client_secret": "azure-identity's ClientSecretCredential, as this one is a public client and has no secret",
}
"""Names that people bring from other languages, older versions and other libraries."""

OF_CONFIGURATION: Final[Mapping[str, str]] = {
    "authentication_policy": "policies",
    "custom_hook_policy": "raw_request_hook and raw_response_hook",
    "headers_policy": "headers",
    "http_logging_policy": "http_logging_level",
    "logging_policy": "logging_enable",
    "proxy_policy": "proxies",
    "redirect_policy": "policies",
    "request_id_policy": "request_id and auto_request_id",
    "retry_policy": "retry_policy_class, or retry_total and the other retry_ options",
    "user_agent_policy": "user_agent",
}
"""Names of azure-core's Configuration, which clients of Azure services take and azure-identity ignores."""

OF_OTHERS: Final[Mapping[str, str]] = {
    "login_hint": "InteractiveBrowserCredential and UserCredential have",
    "max_codes": "DeviceCodeCredential has",
    "paste": "InteractiveBrowserCredential and UserCredential have",
    "prefer": "UserCredential has",
    "prompt_callback": "DeviceCodeCredential and UserCredential have",
    "redirect_uri": "InteractiveBrowserCredential and UserCredential have",
    "timeout": "the credentials that doorcode offers have",
}
"""Options that only some credentials have."""

PASSED_ON: Final = frozenset({"login_hint"})
"""Keywords of ``authenticate`` that are no parameters of it, and have an effect."""

_OF_AUTHENTICATE: Final = ("scopes", "claims", "tenant_id", "enable_cae", "force_prompt", *PASSED_ON)
_KEYWORDS: Final[Mapping[str, str]] = {
    "cae": "enable_cae",
    "claims_challenge": "claims",
    "force": "force_prompt",
    "prompt": "force_prompt",
    "resource": "scopes",
    "tenant": "tenant_id",
}
"""Names that people bring from elsewhere for keywords of ``authenticate``."""

_CLOSE: Final = 0.8
"""The similarity above which a name counts as a misspelt option."""


def without_empty(options: Mapping[str, object]) -> dict[str, Any]:
    """Leave out options that are empty text, which ``os.environ.get(name, "")`` returns for unset variables.

    Otherwise an empty ``connection_verify`` would disable the check of certificates.
    """
    return {name: value for name, value in options.items() if not (isinstance(value, str) and not value)}


def pipeline_options(class_name: str, given: Mapping[str, object], known: Iterable[str]) -> dict[str, object]:
    """Return what is left for the azure-core pipeline.

    Args:
        class_name: for messages.
        given: keyword arguments that the constructor has no parameter for.
        known: the constructor's own parameters.

    Raises:
        TypeError: a name is nearly that of an option; the message names it. Or the transport is an asynchronous one,
            or a value has another type than the option.
        ValueError: a text cannot stand in a header, or a number is none.

    Warns:
        UserWarning: a name that neither this library nor an azure-core pipeline knows.
    """
    object_checks.check_objects(class_name, given)
    checks.check_mappings(given)
    checks.check_headers(given)
    numeric_checks.check_time_limits(given)
    numeric_checks.check_policy_numbers(given)
    ours = [name for name in known if not name.startswith("_")]
    for name in given:
        if name in PIPELINE:
            continue
        if name in OF_OTHERS:
            warn(f"{class_name} has no option {name!r}, which {OF_OTHERS[name]}: it has no effect.")
            continue
        if name in OF_CONFIGURATION:
            words = f"it has no effect, as with azure-identity. Use {OF_CONFIGURATION[name]}."
            warn(f"{class_name} takes no policy as {name!r}: {words}")
            continue
        meant = _meant(name, ours)
        if meant is not None:
            message = f"{class_name} has no option {name!r}. Did you mean {meant}?"
            raise TypeError(message)
        warn(f"{class_name} has no option {name!r}, and neither has an azure-core pipeline: it has no effect.")
    return numeric_checks.without_none(given)


def check_keywords(given: Iterable[str]) -> None:
    """Refuse a misspelt keyword of ``authenticate``, without which a user might sign in for something else.

    Args:
        given: the names of the keywords that are no parameters.

    Raises:
        TypeError: a name is nearly that of a keyword; the message names it.
    """
    for name in given:
        meant = None if name in _OF_AUTHENTICATE else _nearest(name, _OF_AUTHENTICATE, _KEYWORDS)
        if meant is not None:
            message = f"authenticate() has no keyword {name!r}. Did you mean {meant}?"
            raise TypeError(message)


def warn_of_uncalled_methods(cls: type) -> None:
    """Warn of private methods that a program's class overrides as with azure-identity, and that nothing here calls.

    Warns:
        UserWarning: one for each method.
    """
    for name, instead in UNCALLED.items():
        if hasattr(cls, name):
            warn(f"{cls.__name__}.{name} has no effect: only azure-identity calls such a method. {instead}.")


def _meant(name: str, ours: list[str]) -> str | None:
    return _nearest(name, [*ours, *sorted(PIPELINE)], OTHER_NAMES)


def _nearest(name: str, names: Sequence[str], others: Mapping[str, str]) -> str | None:
    """Return what a name stands for, also one in camel case; None if there is no such name."""
    from difflib import get_close_matches

    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return others.get(snake) or next(iter(get_close_matches(snake, names, n=1, cutoff=_CLOSE)), None)


def warn(message: str) -> None:
    """Warn about an option; the warning points to the program's line."""
    warnings.warn(message, UserWarning, stacklevel=_outside())


def _outside() -> int:
    """Return the stack level of the program's line, past the constructors of this library."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 - warnings.warn counts these frames
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("doorcode."):
        level, frame = level + 1, frame.f_back
    return level
