"""Approve device codes in place of the user, through ``prompt_callback``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import final


@dataclass(frozen=True, slots=True)
class ShownPrompt:
    """The values of one prompt, as the credential passed them."""

    verification_uri: str
    user_code: str = field(repr=False)
    expires_on: datetime


@final
class PromptApprover:
    """Approve each code that a credential shows; pass an instance as ``prompt_callback``.

    Args:
        approve: called with the user code.
    """

    def __init__(self, approve: Callable[[str], None]) -> None:
        self._approve = approve
        self.prompts: list[ShownPrompt] = []

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Note the prompt and approve it."""
        self.prompts.append(ShownPrompt(verification_uri, user_code, expires_on))
        self._approve(user_code)
