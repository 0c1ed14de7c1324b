"""The page of threads: each module that has a lock, or state for all of a process, is listed."""

from __future__ import annotations

import re

from support.examples import ROOT

PAGE = (ROOT / "docs" / "threads.md").read_text(encoding="utf-8")
SRC = ROOT / "src" / "doorcode"
SHARED = re.compile(
    r"threading\.(R?Lock|Condition|local)\(|WeakSet\[|functools\.cache|lru_cache\("
    r"|^\w+: Final\[(dict\[bytes|ContextVar)",
    re.MULTILINE,
)


def test_every_module_with_shared_state_is_listed() -> None:
    """What is found in the code stands in the first column."""
    listed = {
        name for row in re.findall(r"^\| (`[^|]+)\|", PAGE, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }
    found = {
        ".".join(path.relative_to(SRC).with_suffix("").parts)
        for path in SRC.rglob("*.py")
        if SHARED.search(path.read_text(encoding="utf-8"))
    }
    assert found - listed == set()
    assert [name for name in listed if not (SRC / f"{name.replace('.', '/')}.py").exists()] == []
    assert len(found) > 20
