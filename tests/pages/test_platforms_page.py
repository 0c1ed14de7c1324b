"""The page of systems: it has a row for each branch on the system, and each test that it names exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from support.examples import ROOT

PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
SRC = ROOT / "src" / "doorcode"
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE)))
SYSTEMS = {"win32", "darwin", "linux", "nt", "posix"}
ASKING = {"sys.platform", "os.name", "platform.system"}
MODULES = {"fcntl", "termios", "msvcrt"}
HELPERS = {"on_windows", "on_linux", "flag", "user_id"}


def branches_on_the_system(node: ast.AST) -> bool:
    """Return whether a piece of code looks at which system this is, or at what the system has."""
    if isinstance(node, ast.Call):
        function, first = ast.unparse(node.func), ast.unparse(node.args[0]) if node.args else ""
        if function.endswith("import_module"):
            return first.strip("'") in MODULES
        return function in HELPERS or (
            function in {"hasattr", "getattr"} and first in {"os", "signal", "socket", "select"}
        )
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value in SYSTEMS
    return isinstance(node, ast.Attribute) and ast.unparse(node) in ASKING


def found_in(node: ast.AST, name: str) -> Iterator[str]:
    """Yield the name of each function, or of the module, that branches on the system."""
    for child in ast.iter_child_nodes(node):
        inner = f"{name}.{child.name}" if isinstance(child, ast.FunctionDef | ast.ClassDef) else name
        if branches_on_the_system(child):
            yield inner
        yield from found_in(child, inner)


def test_every_branch_on_the_system_has_a_row() -> None:
    """What is found in the code stands in the first column."""
    listed = {name for row in ROWS for name in re.findall(r"`([\w.]+)`", row[0])}
    found = {
        name
        for path in SRC.rglob("*.py")
        for name in found_in(
            ast.parse(path.read_text(encoding="utf-8")), ".".join(path.relative_to(SRC).with_suffix("").parts)
        )
    }
    assert found - listed == set()
    assert len(found) > 40


def test_every_row_names_a_test_and_what_it_cannot_show() -> None:
    """No column is empty."""
    assert [row[0] for row in ROWS if len(row) != 4 or "::" not in row[2] or len(row[3].strip(" |")) < 5] == []


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name: str) -> None:
    """Each name leads to a test."""
    path, _, function = name.partition("::")
    text = (ROOT / "tests" / path).read_text(encoding="utf-8")
    assert re.search(rf"^ *def {function}\(", text, re.MULTILINE)
