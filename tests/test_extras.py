"""What is said where an extra is not installed."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import metadata

import pytest

from support.examples import ROOT
from support.signing import PATIENCE

SHOW = "('https://e.example', 'CODE', datetime.datetime.now(datetime.timezone.utc))"
EXTRAS = {
    "the emulator without starlette": ("import doorcode.emulator", "starlette", "doorcode[emulator]"),
    "the emulator without its parser of forms": ("import doorcode.emulator", "python_multipart", "doorcode[emulator]"),
    "the emulator without signatures": ("from doorcode.emulator import Emulator", "joserfc", "doorcode[emulator]"),
    "the fixture without the emulator": (
        "import doorcode.testing; doorcode.testing.doorcode_emulator", "trustme", "doorcode[emulator]",
    ),
    "the fixture without pytest": ("import doorcode.testing; doorcode.testing.doorcode_emulator", "pytest", "pytest"),
    "QR codes": (f"from doorcode.prompts import qr; qr{SHOW}", "segno", "doorcode[qr]"),
    "notebooks": (f"from doorcode.prompts import notebook; notebook{SHOW}", "IPython", "doorcode[notebook]"),
}  # fmt: skip


@pytest.mark.parametrize(("program", "module", "package"), EXTRAS.values(), ids=EXTRAS)
def test_the_error_says_what_to_install(program: str, module: str, package: str) -> None:
    """The command stands in the last line of the traceback."""
    without = f"import datetime, sys; sys.modules[{module!r}] = None"
    ended = subprocess.run(
        [sys.executable, "-c", f"{without}; {program}"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: doorcode.")
    assert module in last
    assert f"pip install {package!r}" in last or f"pip install {package}" in last


def test_importing_what_needs_no_extra_needs_none() -> None:
    """The package that holds the prompts, and the one that holds the test tools, can be looked at without any."""
    names = ("segno", "IPython", "starlette", "pytest")
    without = "; ".join(["import sys", *(f"sys.modules[{name!r}] = None" for name in names)])
    program = (
        f"{without}; import doorcode.prompts, doorcode.testing; doorcode.prompts.stderr, doorcode.testing.FakeClock"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=PATIENCE, check=False).returncode == 0


def test_each_extra_is_used_alone_where_the_package_is_checked() -> None:
    """There is a program for each extra, and one for none, which run with nothing else installed."""
    programs = {path.stem.replace("_", "-") for path in (ROOT / "tests" / "extras").glob("*.py")}
    assert programs == {"base", *(metadata("doorcode").get_all("Provides-Extra") or [])}
