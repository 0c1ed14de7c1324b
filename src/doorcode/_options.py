"""Which keyword arguments a credential knows; anything else is refused or warned about, by name."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final

from doorcode._core.checks import check_headers, check_time_limits

PIPELINE: Final = frozenset(
    {
        "_per_retry_policies",
        "auto_request_id",
        "base_headers",
        "connection_cert",
        "connection_data_block_size",
        "connection_timeout",
        "connection_verify",
        "headers",
        "http_logging_level",
        "logger",
        "logging_enable",
        "network_span_namer",
        "per_call_policies",
        "per_retry_policies",
        "permit_redirects",
        "policies",
        "polling_interval",
        "proxies",
        "raw_request_hook",
        "raw_response_hook",
        "read_timeout",
        "redirect_max",
        "request_id",
        "retry_backoff_factor",
        "retry_backoff_max",
        "retry_connect",
        "retry_mode",
        "retry_on_methods",
        "retry_on_status_codes",
        "retry_policy_class",
        "retry_read",
        "retry_status",
        "retry_total",
        "sdk_moniker",
        "session",
        "session_owner",
        "tracing_attributes",
        "transport",
        "use_env_settings",
        "user_agent",
        "user_agent_overwrite",
        "user_agent_use_env",
    }
)
"""What azure-core's policies and its requests transport read."""

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

_CLOSE: Final = 0.8


def without_empty(options: Mapping[str, object]) -> dict[str, Any]:
    """Leave out options that are the empty text: ``os.environ.get(name, "")`` returns it for what is not set.

    An empty ``connection_verify`` would otherwise turn the check of certificates off.
    """
    return {name: value for name, value in options.items() if not (isinstance(value, str) and not value)}


def pipeline_options(class_name: str, given: Mapping[str, object], known: Iterable[str]) -> dict[str, object]:
    """Return what is left for the azure-core pipeline.

    Args:
        class_name: for messages.
        given: keyword arguments that the constructor has no parameter for.
        known: the constructor's own parameters.

    Raises:
        TypeError: a name is nearly that of an option; the message names it. Or the transport is an asynchronous one.
        ValueError: a text cannot stand in a header, or a time limit is none.

    Warns:
        UserWarning: a name that neither this library nor an azure-core pipeline knows.
    """
    _check_transport(class_name, given.get("transport"))
    check_headers(given)
    check_time_limits(given)
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
        from difflib import get_close_matches

        meant = OTHER_NAMES.get(name) or next(
            iter(get_close_matches(name, [*ours, *sorted(PIPELINE)], n=1, cutoff=_CLOSE)), None
        )
        if meant is not None:
            message = f"{class_name} has no option {name!r}. Did you mean {meant}?"
            raise TypeError(message)
        warn(f"{class_name} has no option {name!r}, and neither has an azure-core pipeline: it has no effect.")
    return dict(given)


def _check_transport(class_name: str, transport: object) -> None:
    from inspect import iscoroutinefunction

    if iscoroutinefunction(getattr(transport, "send", None)):
        message = (
            f"{class_name} takes a transport that is not asynchronous, such as azure.core.pipeline.transport's "
            f"RequestsTransport, not {type(transport).__name__}: requests are made in threads of their own"
        )
        raise TypeError(message)


def warn(message: str) -> None:
    """Warn of an option at the line of the program that gave it."""
    warnings.warn(message, UserWarning, stacklevel=_outside())


def _outside() -> int:
    """Return the stack level of the program's own line, past the constructors of this library."""
    import sys

    level, frame = 1, sys._getframe(1)  # noqa: SLF001 - what warnings.warn itself counts
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("doorcode."):
        level, frame = level + 1, frame.f_back
    return level
