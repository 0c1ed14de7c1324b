"""The test suite of another library: unpacked, edited, and run in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

from peer.table import Edit, Table

Ends: TypeAlias = dict[str, str]
"""How tests ended, by name: passed, skipped, or failed and why."""

TESTS: Final = Path(__file__).parent.parent
"""Where our own tests are, so that the plug-ins are found."""
SECONDS: Final = 300.0
"""How long one run may take; it takes one minute."""


def unpack(sdists: Path, name: str, folder: Path) -> Path:
    """Unpack the one sdist of a package, and return the folder of its tests."""
    (archive,) = sdists.glob(f"{name.replace('-', '_')}-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (tests,) = folder.glob(f"{name.replace('-', '_')}-*/tests")
    return tests


def modules(tests: Path) -> list[str]:
    """Return the names of the suite's modules."""
    return sorted(path.stem for path in tests.glob("test_*.py"))


def edit(tests: Path, edits: tuple[Edit, ...]) -> None:
    """Replace inputs by ones that both libraries take."""
    for each in edits:
        path = tests / f"{each.module}.py"
        text = path.read_text(encoding="utf-8")
        assert each.old in text, f"{each.module} has no {each.old} any more: look at its row again"
        path.write_text(text.replace(each.old, each.new), encoding="utf-8")


def run(tests: Path, table: Table, place: str, plugin: str) -> Ends:
    """Run what a table speaks of, in a copy of the suite and in a process of its own.

    Args:
        tests: the unpacked suite, edited.
        table: which modules.
        place: ``azure``, or ``doorcode`` to have it in the other library's place.
        plugin: the module here that puts it there.

    Returns:
        how each test ended, by its name as ``module::test[variant]``.
    """
    copy = tests.parent / f"tests-{place}"
    shutil.copytree(tests, copy)
    for left_out in copy.rglob("conftest.py"):
        left_out.unlink()  # they need Microsoft's own tools, and no test that is run needs them
    (copy / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    report = copy / "report.json"
    options = ["-q", "-c", "pytest.ini", "-p", f"peer.{plugin}", "-p", "no:cacheprovider", "--import-mode=prepend"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AZURE_"))},
        "PEER_PLACE": place,
        "PEER_REPORT": str(report),
        "PYTHONPATH": os.pathsep.join([str(copy), str(TESTS)]),
    }
    command = [sys.executable, "-m", "pytest", *options, *sorted(f"{module}.py" for module in table.modules)]
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert report.exists(), f"the suite did not run:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    ends: Ends = json.loads(report.read_text(encoding="utf-8"))
    return {re.sub(r"^.*?(\w+)\.py", r"\1", name): end for name, end in ends.items()}


def both(tests: Path, table: Table, plugin: str) -> dict[str, Ends]:
    """Run what a table speaks of with the other library and with doorcode in its place, side by side."""
    edit(tests, table.edits)
    with ThreadPoolExecutor() as pool:
        runs = {place: pool.submit(run, tests, table, place, plugin) for place in ("azure", "doorcode")}
        return {place: each.result() for place, each in runs.items()}


def function(name: str) -> tuple[str, str]:
    """Return module and function of a test's name."""
    module, _, rest = name.partition("::")
    return module, rest.partition("[")[0]


def variants(ends: Ends, table: Table, module: str, test: str) -> Ends:
    """Return how the variants of one test ended, but for those that lack something with either library."""
    lacking = {(name, variant) for name, variant, _ in table.lacking}
    return {
        name: end
        for name, end in ends.items()
        if function(name) == (module, test) and (module, name.partition("[")[2].rstrip("]")) not in lacking
    }


def check_rows(ends: dict[str, Ends], table: Table) -> None:
    """Check that each test has one row, and each row a test."""
    rows = [*table.counting, *table.not_counting]
    assert len(rows) == len(set(rows))
    unmatched = sorted({function(name) for name in ends["doorcode"]} ^ set(rows))
    assert not unmatched, f"a test without a row, or a row without a test: {unmatched}"
    assert sorted(ends["doorcode"]) == sorted(ends["azure"])


def check_counting(ends: dict[str, Ends], table: Table, module: str, test: str) -> None:
    """Check that every variant of a test passes, with the other library and with doorcode in its place."""
    ended = {place: variants(each, table, module, test) for place, each in ends.items()}
    assert ended["doorcode"]
    failed = {place: [(name, end) for name, end in each.items() if end != "passed"] for place, each in ended.items()}
    assert not any(failed.values()), f"not passed: {failed}"


def check_not_counting(ends: dict[str, Ends], table: Table, module: str, test: str) -> None:
    """Check that a test that needs a private part, or differs, does not pass by itself: else it is to count."""
    if test not in table.passing:
        assert "passed" not in variants(ends["doorcode"], table, module, test).values()
