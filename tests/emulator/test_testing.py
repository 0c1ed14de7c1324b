from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import doorcode.testing
from doorcode.testing import FakeClock
from support.examples import ROOT, examples

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """
import pytest
from doorcode.emulator import Emulator

seen = []


@pytest.mark.parametrize("run", [1, 2])
def test_a_program(doorcode_emulator: Emulator, run: int) -> None:
    assert len(doorcode_emulator.users) == 2
    assert doorcode_emulator.count() == 0
    assert doorcode_emulator.settings.interval == 1
    doorcode_emulator.add_user("third@contoso.example")
    doorcode_emulator.configure(interval=9)
    doorcode_emulator.go_offline()
    seen.append(doorcode_emulator.port)
    assert len(set(seen)) == 1
"""


@pytest.mark.parametrize(
    "conftest",
    [
        'pytest_plugins = ["doorcode.testing"]\n',
        "from doorcode.testing import doorcode_emulator as doorcode_emulator\n",
    ],
    ids=["plugin", "import"],
)
def test_users_get_the_emulator_as_a_fixture(tmp_path: Path, conftest: str) -> None:
    """As a plugin or by import: one server for the run, and a new authority in each test."""
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_program.py").write_text(SUITE)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout


CACHING = """
import pytest
from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions


@pytest.mark.parametrize("run", [1, 2])
def test_a_program(doorcode_emulator, tmp_path, run: int) -> None:
    doorcode_emulator.approve_all()
    for _ in range(2):
        options = TokenCachePersistenceOptions(name="report")
        credential = DeviceCodeCredential(cache_persistence_options=options, **doorcode_emulator.credential_options)
        credential.get_token("https://storage.azure.com/.default")
    assert doorcode_emulator.count("devicecode") == 1
    assert (tmp_path / ".IdentityService" / "report.nocae.keyed").exists()
"""


def test_the_documented_fixture_gives_each_test_an_empty_cache(tmp_path: Path) -> None:
    """A second test asks the user again, and the cache of the user who runs the tests stays as it is."""
    (fixture,) = [
        example.parsed for example in examples(ROOT / "docs" / "testing.md") if "def empty_cache" in str(example.parsed)
    ]
    (tmp_path / "conftest.py").write_text(f'{fixture}\npytest_plugins = ["doorcode.testing"]\n')
    (tmp_path / "test_program.py").write_text(CACHING)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout


def test_nothing_is_imported_before_it_is_used() -> None:
    """The module itself needs neither pytest nor the extra."""
    program = (
        "import sys, doorcode.testing as t; t.FakeClock;"
        "print([m for m in ('pytest', 'starlette', 'doorcode.emulator') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "[]"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        _ = doorcode.testing.missing
    assert set(doorcode.testing.__all__) <= set(dir(doorcode.testing))


def test_a_fake_clock_moves_when_told_to() -> None:
    """Forwards and backwards, by seconds."""
    clock = FakeClock(100)
    clock.advance(2.5)
    assert (clock(), clock()) == (102.5, 102.5)
    clock.advance(-10)
    assert clock() == 92.5
    assert FakeClock()() == 1_700_000_000
