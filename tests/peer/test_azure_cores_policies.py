"""azure-core's own tests of its bearer token policies, sync and asyncio, with credentials of ours inside."""

from __future__ import annotations

from pathlib import Path
from shutil import copy

import pytest

from peer.suite import Ends, both, check_counting, check_not_counting, check_rows, unpack
from peer.table import AZURE_CORE


@pytest.fixture(scope="session")
def ends(sdists: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ends]:
    """Return how each test ended, with its mocks and with credentials around them."""
    tests = unpack(sdists, "azure-core", tmp_path_factory.mktemp("azure-core"))
    copy(tests / "async_tests" / "test_authentication_async.py", tests)
    return both(tests, AZURE_CORE, "with_our_credentials")


def test_every_test_has_a_row(ends: dict[str, Ends]) -> None:
    """A test that no row speaks of fails the run."""
    check_rows(ends, AZURE_CORE)


@pytest.mark.parametrize(("module", "test"), AZURE_CORE.counting, ids=lambda part: part)
def test_what_counts_passes(ends: dict[str, Ends], module: str, test: str) -> None:
    """Every variant passes, with azure-core's mocks and with credentials of ours around them."""
    check_counting(ends, AZURE_CORE, module, test)


@pytest.mark.parametrize(("module", "test"), AZURE_CORE.not_counting, ids=lambda part: part)
def test_what_does_not_count_does_not_pass(ends: dict[str, Ends], module: str, test: str) -> None:
    """A test that could count is to count."""
    check_not_counting(ends, AZURE_CORE, module, test)
