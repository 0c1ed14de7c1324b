"""Time whole processes, from spawning them to their end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.azure_cli import ELSEWHERE, token_command
from benchmarks.names import AZURE, OURS, scope
from benchmarks.pairs import Row, in_turn
from benchmarks.stage import Stage, run, seconds_of
from doorcode.emulator import Hang, Latency

AWAY = 0.05
BLACK_HOLE_ENDS = 20.0
"""Seconds after which a process is ended that waits for an answer which never comes."""

BARE = "pass"
AZURE_CORE = "import azure.core.credentials"


def rows(stage: Stage, count: int, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Yield what new processes take."""
    code = {
        "bare": BARE,
        "core": AZURE_CORE,
        "package": "import doorcode",
        "class": "from doorcode import DeviceCodeCredential",
        "class of theirs": "from azure.identity import DeviceCodeCredential",
        "sealed": stage.program(OURS, 1, sealed=True),
        **{f"{library} {size}": stage.program(library, size) for library in (AZURE, OURS) for size in sizes},
    }
    # One after the other, round by round: figures of one round stand beside each other in a row.
    (taken,) = in_turn(
        count,
        lambda: {
            "command": token_command(stage),
            **{name: seconds_of(run(stage, program), program) for name, program in code.items()},
        },
    )
    yield Row("New process", "import the class", taken["class of theirs"], taken["class"])
    for size in sizes:
        name = f"a stored token, out of {size:,}"
        yield Row("New process", name, taken[f"{AZURE} {size}"], taken[f"{OURS} {size}"])
    for name, ours in (("import the class", "class"), ("a stored token", f"{OURS} 1"), ("a sealed one", "sealed")):
        yield Row(ELSEWHERE, f"`{AZURE_CORE}` alone; {name}", taken["core"], taken[ours])
    floor = "Beside what it cannot be faster than"
    yield Row(floor, "import doorcode; bare Python", taken["bare"], taken["package"])
    yield Row(floor, "`doorcode token`, a stored token; bare Python", taken["bare"], taken["command"])


def far_away(stage: Stage, count: int, *, hole: bool) -> Iterator[Row]:
    """Yield what a stored token takes while the authority is far away, down, or a black hole."""
    stage.authority.faults.always("*", Latency(AWAY))
    yield _row(stage, count, f"a stored token, the authority {AWAY * 1e3:.0f} ms away")
    yield _row(stage, count, f"a token to refresh, the authority {AWAY * 1e3:.0f} ms away", new=True)
    stage.authority.faults.clear()
    with stage.authority.offline():
        yield _row(stage, min(count, 2), "a stored token, the authority down")
    if hole:
        stage.authority.faults.always("*", Hang())
        yield _row(stage, 1, "a stored token, the authority a black hole")
        stage.authority.faults.clear()


def _row(stage: Stage, count: int, name: str, *, new: bool = False) -> Row:
    notes: set[str] = set()

    def one(library: str) -> dict[str, float]:
        if new:
            stage.copy("cachenew")
            program = stage.program(library, "new", scope=scope("new"))
        else:
            program = stage.program(library, 1)
        seconds, well = run(stage, program, within=BLACK_HOLE_ENDS)
        if not well:
            notes.add(f"{library}: {'ended from outside' if seconds >= BLACK_HOLE_ENDS else 'an error, no token'}")
        return {"seconds": seconds}

    theirs, ours = in_turn(count, partial(one, AZURE), partial(one, OURS))
    return Row("New process", name, theirs["seconds"], ours["seconds"], note="; ".join(sorted(notes)))
