"""Know the scripts: functions that act on a stage, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from compat.stage import Stage

Act: TypeAlias = Callable[[Stage], None]


@dataclass(frozen=True)
class Script:
    """A script.

    Args:
        act: what it does.
        in_real_time: whether waits are waited for; elsewhere the pause before a poll is cut short.
        on_linux: whether it is about Linux's places, and would touch the user's own keychain elsewhere.
    """

    act: Act
    in_real_time: bool = False
    on_linux: bool = False


SCRIPTS: Final[dict[str, Script]] = {}


def script(act: Act) -> Act:
    """Add a script under its function's name."""
    return _add(Script(act))


def script_in_real_time(act: Act) -> Act:
    """Add a script whose waits are waited for."""
    return _add(Script(act, in_real_time=True))


def script_on_linux(act: Act) -> Act:
    """Add a script about what is kept on Linux."""
    return _add(Script(act, on_linux=True))


def _add(added: Script) -> Act:
    name = added.act.__name__
    assert name not in SCRIPTS, f"two scripts are called {name}"
    SCRIPTS[name] = added
    return added.act
