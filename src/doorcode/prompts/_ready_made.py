"""The base of the ready-made prompts, which gives each sign-in a copy of its own."""

from __future__ import annotations

import copy


class ReadyMadePrompt:
    """A prompt that may be given to any number of credentials."""

    _will_finish = False
    """Whether ``finished`` is certain to be called: a program that calls the prompt itself may leave it out."""

    def for_sign_in(self) -> ReadyMadePrompt:
        """Return a copy for one sign-in, whose credential calls all of its methods."""
        prompt = copy.copy(self)
        prompt._will_finish = True  # noqa: SLF001 - of the same class
        return prompt
