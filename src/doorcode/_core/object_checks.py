"""Check the objects of an azure-core pipeline that a credential is given: transport, policies, hooks, certificates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, cast

_POLICIES: Final = ("policies", "per_call_policies", "per_retry_policies", "_per_retry_policies")
_FUNCTIONS: Final = ("raw_request_hook", "raw_response_hook", "network_span_namer", "retry_policy_class")
_PAIR: Final = 2


def check_objects(class_name: str, options: Mapping[str, object]) -> None:
    """Check what an azure-core pipeline would call or open only with the first request; None stands for no value.

    Args:
        class_name: the credential's class, for messages.
        options: the options of the pipeline.

    Raises:
        TypeError: a value has the wrong type, or is a class in place of an object.
    """
    _check_transport(class_name, options.get("transport"))
    _check_verification(options.get("connection_verify"))
    _check_certificate(options.get("connection_cert"))
    for name in _POLICIES:
        _check_policies(name, options.get(name))
    for name in _FUNCTIONS:
        value = options.get(name)
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be callable, not {_kind(value)}")
    session = options.get("session")
    if session is not None and not _has_method(session, "request"):
        raise TypeError(f"session must be a requests.Session, not {_kind(session)}")


def refuse_class(name: str, value: object, step: str = "") -> None:
    """Refuse a class where its object is meant.

    Args:
        name: the option.
        value: what the program passed.
        step: what to do; by default, to call the class without arguments.

    Raises:
        TypeError: it is a class.
    """
    if isinstance(value, type):
        step = step or f"write {value.__name__}()"
        raise TypeError(f"{name} must be an object, not the class {value.__name__}: {step}")


def is_coroutine_function(value: object) -> bool:
    """Return whether a call of this returns a coroutine; what imitates a function (``unittest.mock``) does not.

    ``inspect`` takes ``MagicMock(spec=function)`` for a coroutine function, and fails with ``Mock(spec=function)``: it
    calculates with the flags of the code, which are mocks too. ``AsyncMock(spec=function)`` has real ones.
    """
    from inspect import iscoroutinefunction

    while isinstance(value, partial):
        value = cast("partial[object]", value).func
    code = getattr(value, "__code__", None)
    if code is not None and not isinstance(getattr(code, "co_flags", None), int):
        return False
    return iscoroutinefunction(value)


def _check_transport(class_name: str, transport: object) -> None:
    if transport is None:
        return
    refuse_class("transport", transport)
    if not _has_method(transport, "send"):
        raise TypeError(
            "transport must be an azure-core HttpTransport, such as azure.core.pipeline.transport's "
            f"RequestsTransport(), not {_kind(transport)}"
        )
    if is_coroutine_function(getattr(transport, "send", None)):
        raise TypeError(
            f"{class_name} takes a transport that is not asynchronous, such as azure.core.pipeline.transport's "
            f"RequestsTransport, not {_kind(transport)}: requests are made in threads of their own"
        )


def _check_verification(value: object) -> None:
    """Check the option that can turn off the check of certificates; only False does so."""
    if value is not None and not isinstance(value, bool) and not (value and _is_path(value)):
        raise TypeError(f"connection_verify must be True, False, or the path of a CA file, not {_kind(value)}")


def _check_certificate(value: object) -> None:
    pair = cast("tuple[object, ...]", value) if _is_list(value) else (value, None)
    if len(pair) != _PAIR or not all(part is None or _is_path(part) for part in pair):
        raise TypeError(
            "connection_cert must be the path of a certificate, or a pair of paths (certificate, key), "
            f"not {_kind(value)}"
        )


def _check_policies(name: str, value: object) -> None:
    if name == "policies" and value and not _is_iterable(value):
        raise TypeError(f"{name} must be a list of azure-core policies, not {_kind(value)}")
    for policy in _listed(value):
        if not policy:
            continue
        refuse_class(f"a policy of {name}", policy)
        if not _is_policy(policy):
            raise TypeError(f"{name} must hold azure-core policies, which have send or on_request, not {_kind(policy)}")


def _listed(value: object) -> Iterable[object]:
    """Return the policies of a list, or the only one; none of what can be read only once, such as a generator."""
    if _is_list(value):
        return cast("Iterable[object]", value)
    return () if _is_iterable(value) and not _is_policy(value) else (value,)


# Functions that return bool, as a type checker would narrow an object to an iterable of unknown items.
def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _is_iterable(value: object) -> bool:
    return isinstance(value, Iterable)


def _is_policy(value: object) -> bool:
    return _has_method(value, "send") or _has_method(value, "on_request")


def _has_method(value: object, name: str) -> bool:
    return callable(getattr(value, name, None))


def _kind(value: object) -> str:
    return type(value).__name__


def _is_path(value: object) -> bool:
    return isinstance(value, str) or hasattr(value, "__fspath__")
