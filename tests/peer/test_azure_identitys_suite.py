"""azure-identity's own tests, run against it and against doorcode in its place: what counts passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.differences import ROWS
from peer.suite import Ends, both, check_counting, check_not_counting, check_rows, modules, unpack
from peer.table import AZURE_IDENTITY, ELSEWHERE


@pytest.fixture(scope="session")
def tests(sdists: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the unpacked suite."""
    return unpack(sdists, "azure-identity", tmp_path_factory.mktemp("azure-identity"))


@pytest.fixture(scope="session")
def ends(tests: Path) -> dict[str, Ends]:
    """Return how each test ended, with azure-identity and with doorcode."""
    return both(tests, AZURE_IDENTITY, "under_its_name")


def test_every_module_has_a_row(tests: Path) -> None:
    """A module is looked at or is about something else, and no row speaks of one that is gone."""
    assert AZURE_IDENTITY.modules & ELSEWHERE.keys() == set()
    assert sorted(AZURE_IDENTITY.modules | ELSEWHERE.keys()) == modules(tests)


def test_every_test_has_a_row(ends: dict[str, Ends]) -> None:
    """A test that no row speaks of fails the run: a new version of the suite is looked at before it counts."""
    check_rows(ends, AZURE_IDENTITY)


@pytest.mark.parametrize(("module", "test"), AZURE_IDENTITY.counting, ids=lambda part: part)
def test_what_counts_passes(ends: dict[str, Ends], module: str, test: str) -> None:
    """Every variant passes, with azure-identity and with doorcode in its place."""
    check_counting(ends, AZURE_IDENTITY, module, test)


@pytest.mark.parametrize(("module", "test"), AZURE_IDENTITY.not_counting, ids=lambda part: part)
def test_what_does_not_count_does_not_pass(ends: dict[str, Ends], module: str, test: str) -> None:
    """A test that could count is to count."""
    check_not_counting(ends, AZURE_IDENTITY, module, test)


def test_what_lacks_something_does_so_with_azure_identity(ends: dict[str, Ends]) -> None:
    """A variant is left out only where it fails with azure-identity itself."""
    for module, variant, _ in AZURE_IDENTITY.lacking:
        left_out = {name: end for name, end in ends["azure"].items() if name.startswith(f"{module}::")}
        left_out = {name: end for name, end in left_out.items() if name.endswith(f"[{variant}]")}
        assert left_out
        assert {name: end for name, end in left_out.items() if not end.startswith("failed")} == {}


def test_every_difference_is_in_the_table() -> None:
    """What differs on purpose is a row of docs/migrating.md, and each edit says why."""
    named = {row for tests in AZURE_IDENTITY.differs.values() for row in tests.values()}
    assert named <= {row.name for row in ROWS}
    assert all(each.why for each in AZURE_IDENTITY.edits)
