"""Which refreshes the authority has refused, when each may be tried again, and the steps that read and record that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from doorcode._core.model import Reply, TokenRequest, Tokens
from doorcode._core.steps import Step
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from doorcode._core.replies.faults import Fault
    from doorcode._core.replies.service_errors import ServiceError
    from doorcode._core.secret import Secret

FIRST_WAIT: Final = 5.0
LONGEST_WAIT: Final = 60.0
"""Seconds before a refused refresh is sent again: first the lower one, doubled with each refusal up to the upper one.
Entra answers AADSTS50196 to programs that do not wait."""
MOST: Final = 64
"""Refusals that are remembered; the oldest ones are dropped first."""
_TOO_MANY: Final = 429

_Key: TypeAlias = "tuple[tuple[str, ...], str, str | None, bool, Secret]"


@value_class(frozen=True, slots=True)
class Refusal:
    """One refresh that the authority has refused.

    Attributes:
        reply: the authority's answer.
        until: when the refresh may be sent again, in monotonic seconds.
        count: how many times in a row it was refused.
    """

    reply: ServiceError | Fault
    until: float
    count: int


@value_class(frozen=True, slots=True)
class FindRefusal(Step["Refusal | None"]):
    """Learn whether the authority has refused this very refresh before."""

    request: TokenRequest
    refresh_token: Secret


@value_class(frozen=True, slots=True)
class NoteReply(Step["Refusal | None"]):
    """Remember the reply to a refresh, for as long as the process lives; return the refusal if it is one.

    ``at`` is when the reply arrived, in monotonic seconds.
    """

    request: TokenRequest
    refresh_token: Secret
    reply: Reply
    at: float


class Refusals:
    """Remember the refused refreshes of one credential, by request and refresh token. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[_Key, Refusal] = {}

    def find(self, request: TokenRequest, refresh_token: Secret) -> Refusal | None:
        """Return the last answer to this very request, if it was a refusal."""
        return self._known.get(_key(request, refresh_token))

    def note(self, request: TokenRequest, refresh_token: Secret, reply: Reply, at: float) -> Refusal | None:
        """Remember a reply if it is a refusal; any other reply clears the earlier refusals of this request.

        Args:
            request: what the token is for.
            refresh_token: what was redeemed.
            reply: what the authority answered.
            at: when, in monotonic seconds.
        """
        key = _key(request, refresh_token)
        before = self._known.pop(key, None)
        if not isinstance(reply, Tokens) and _is_refusal(reply):
            count = 1 if before is None else before.count + 1
            wait = min(FIRST_WAIT * 2.0 ** min(count - 1, MOST), LONGEST_WAIT)
            refusal = Refusal(reply, at + (wait if reply.retry_after is None else reply.retry_after), count)
            self._known[key] = refusal
            for oldest in list(self._known.copy())[:-MOST]:
                self._known.pop(oldest, None)
            return refusal
        return None

    def perform(self, step: Step[Any]) -> Refusal | None:
        """Perform one of the two steps of this module."""
        if isinstance(step, FindRefusal):
            return self.find(step.request, step.refresh_token)
        assert isinstance(step, NoteReply), f"no driver performs {type(step).__name__}"
        return self.note(step.request, step.refresh_token, step.reply, step.at)

    def forgive(self) -> None:
        """Forget refusals for which the authority has named no time, because the user wants to try again now."""
        for key, refusal in self._known.copy().items():  # other threads change it meanwhile
            if refusal.reply.retry_after is None:
                self._known.pop(key, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._known.clear()


def _is_refusal(reply: ServiceError | Fault) -> bool:
    """Tell whether the authority refuses to be asked the same again; a network failure is not a refusal."""
    from doorcode._core.replies.service_errors import SIGNED_OUT, ServiceError  # a stored token does without

    if isinstance(reply, ServiceError):
        return reply.error != SIGNED_OUT
    return reply.status == _TOO_MANY or reply.retry_after is not None


def _key(request: TokenRequest, refresh_token: Secret) -> _Key:
    return request.scopes, request.tenant_id, request.claims, request.enable_cae, refresh_token
