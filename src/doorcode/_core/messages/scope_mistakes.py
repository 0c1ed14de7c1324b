"""Name the mistake in scopes that the authority refused, and write the scope that was meant."""

from __future__ import annotations

from doorcode._core.scopes import default_among_others, meant


def scope_mistake(scopes: tuple[str, ...]) -> tuple[str, str] | None:
    """Return what is wrong with the scopes of a request and what to ask for, a sentence each.

    Returns:
        The two sentences; None if the scopes are spelt as scopes are.
    """
    for scope in scopes:
        right = meant(scope)
        if right is not None:
            meaning = f"The scope {scope!r} is not a resource's full address, a slash and a permission."
            return meaning, f"Ask for {right!r} instead of {scope!r}."
    default = default_among_others(scopes)
    if default is None:
        return None
    return (
        "'/.default' stands for all permissions that were consented to, so the authority refuses it beside others.",
        f"'/.default' stands alone: ask for {default!r} only, or for the other scopes without it.",
    )
