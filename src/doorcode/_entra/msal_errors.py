"""Separate the errors that MSAL raises about a reply from errors in doorcode."""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from itertools import dropwhile

from doorcode import errors
from doorcode._core.display import masked
from doorcode._core.messages.descriptors import FREE_DESCRIPTORS, NO_DESCRIPTORS
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._entra.http_client import FailedRequest
from doorcode._entra.redaction import redacted


class MsalError(Exception):
    """MSAL could not read a reply; the cause is MSAL's error."""


@contextmanager
def in_msal() -> Generator[None]:
    """Turn errors of MSAL inside the block into MsalError; let those of doorcode's callbacks pass.

    Raises:
        MsalError: MSAL failed.
    """
    try:
        yield
    except (FailedRequest, errors.AuthenticationFailedError):
        raise
    except Exception as exception:
        if _is_of_a_callback(exception):
            raise
        raise MsalError from exception


def _is_of_a_callback(exception: Exception) -> bool:
    modules = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(exception.__traceback__))
    beyond = dropwhile(lambda package: package == "doorcode", (module.partition(".")[0] for module in modules))
    return [package for package in beyond if package in {"msal", "doorcode"}][-1:] == ["doorcode"]


def own_error(exception: Exception) -> errors.AuthenticationFailedError:
    """Return the exception for an error in doorcode, which becomes its cause."""
    what = f"{type(exception).__name__}: {masked(str(exception))}"
    words = f"Authentication failed, and not because of the authority: {what}"
    step = "This is an error of doorcode's own: report it, with the log of 'doorcode' at DEBUG."
    return errors.AuthenticationFailedError(f"{words}\n{step}")


def descriptor_fault(exception: Exception) -> Fault:
    """Return the fault of a request for which this process may open no further file or connection."""
    return Fault(
        FaultKind.UNREACHABLE, Endpoint.TOKEN, NO_DESCRIPTORS, step=FREE_DESCRIPTORS, cause=redacted(exception)
    )
