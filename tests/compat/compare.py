"""Compare what two libraries showed in one script, fact by fact."""

from __future__ import annotations

from typing import Final

from compat.stage import Facts

_OF_STEPS: Final = (
    *("claims", "form", "log", "prompts", "raised", "remarks", "requests", "response", "returned", "says"),
    *("scopes", "status", "stderr", "stdout", "warned"),
)


def differences(theirs: Facts, ours: Facts) -> dict[str, tuple[object, object]]:
    """Return the facts that differ.

    A step that ended in another way, or with another number of prompts, differs in everything: its outcome is one fact.
    """
    found: dict[str, tuple[object, object]] = {}
    for step in _steps(theirs) | _steps(ours):
        if _kind(step, theirs) != _kind(step, ours):
            found[step] = (_outcome(step, theirs), _outcome(step, ours))
    for fact in theirs.keys() | ours.keys():
        if theirs.get(fact) != ours.get(fact) and fact.rpartition(".")[0] not in found:
            found[fact] = (theirs.get(fact), ours.get(fact))
    return found


def _steps(facts: Facts) -> set[str]:
    return {
        step for step, _, what in (fact.rpartition(".") for fact in facts) if what.split(" ")[0] in _OF_STEPS and step
    }


def _kind(step: str, facts: Facts) -> tuple[bool, int]:
    return f"{step}.raised" in facts, _count(facts.get(f"{step}.prompts"))


def _outcome(step: str, facts: Facts) -> str:
    error = facts.get(f"{step}.raised")
    end = "succeeds" if error is None else str(error)
    prompts, requests = (_count(facts.get(f"{step}.{what}")) for what in ("prompts", "requests"))
    return f"{end}, prompts: {prompts}, requests: {requests}"


def _count(value: object) -> int:
    return len(value) if isinstance(value, tuple) else 0
