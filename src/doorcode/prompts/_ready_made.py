"""What the ready-made prompts have in common: each sign-in has a copy of its own."""

from __future__ import annotations

import copy


class ReadyMadePrompt:
    """A prompt that may be given to any number of credentials."""

    _will_finish = False
    """Whether ``finished`` will be called: a program that calls the prompt itself may not do so."""

    def for_sign_in(self) -> ReadyMadePrompt:
        """Return a copy for one sign-in, whose credential calls all of its methods."""
        prompt = copy.copy(self)
        prompt._will_finish = True  # noqa: SLF001 - of the same class
        return prompt
