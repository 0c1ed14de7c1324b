"""The layout of the package, as data: who may import whom, and what may come from outside."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"

# A package imports from the rows above its own, and from its own row as long as nothing goes in circles.
# A module at the root is a row's entry of its own.
# Imports inside functions and those for type checkers count.
ROWS = (
    ("_clock", "_lazy", "_log", "_notebook_traceback"),
    ("_core",),
    ("_record",),
    ("_frames", "errors"),
    ("_error_mapping", "cache"),
    ("_config", "_credential_options", "_pipeline_options"),
    ("_entra",),
    ("_session",),
    ("_browser",),
    ("_sync", "aio", "prompts"),
    ("_azure_identity",),
    ("__init__",),
    ("emulator",),
    ("testing",),
    ("_cli",),
    ("__main__",),
)

# Neither of the two imports anything of the other: two shells around one core.
BESIDE = (({"aio"}, {"_sync"}),)

# The authority of the tests shares no code with what it is to find fault with.
ALONE = {"emulator"}

# Whatever it wants, a program could want too: it imports no name that begins with an underscore, but its own.
PUBLIC_ONLY = {"_cli", "testing"}

# But for a stored token within milliseconds, and a file that several processes change.
PRIVATE_TOO = {"_cli.account_file", "_cli.fast_token"}

# What `_core` may import. No socket, clock, file, environment, log, thread or random number is in here.
PURE = {
    "__future__", "abc", "base64", "binascii", "collections", "collections.abc", "dataclasses", "datetime", "enum",
    "functools", "hashlib", "hmac", "itertools", "json", "math", "operator", "re", "string", "types", "typing",
    "typing_extensions", "unicodedata", "urllib.parse",
    "errno",  # the numbers of the system's errors
    "inspect",  # whether a callback is a coroutine function
    "warnings",  # a name that azure-identity has deprecated says so
}  # fmt: skip
IMPURE = {"__import__", "breakpoint", "exec", "eval", "input", "open", "print"}
CLOCKS = {"now", "today", "utcnow"}  # of datetime and date

# Where each dependency may be imported; what is not here may be imported nowhere.
HOMES = {
    "azure.core": {"*"},
    "typing_extensions": {"*"},
    "msal": {"_entra.msal_client", "cache"},
    "msal_extensions": {"cache"},
    "requests": {"_entra.transport"},
    "urllib3": {"_entra.transport"},
    "cryptography": {"_entra.certificate", "cache"},
    "secretstorage": {"cache"},
    "jeepney": {"cache"},
    "redis": {"cache"},
    "segno": {"prompts"},
    "rich": {"prompts", "_cli"},
    "IPython": {"prompts"},
    "click": {"_cli"},
    "certifi": {"_cli"},
    "pytest": {"testing"},
    "starlette": {"emulator"},
    "uvicorn": {"emulator"},
    "trustme": {"emulator"},
    "joserfc": {"emulator"},
    "jinja2": {"emulator"},
    "python_multipart": {"emulator"},
}

# Where it may be asked what system this is: which store, which lock, which browser. All else is alike everywhere.
SYSTEM = {"_browser.environment", "_cli.account_file", "_browser.loopback_peer", "cache._files.system", "cache._select"}


# The most modules of a package, and of the root.
AT_MOST = 16
AT_ROOT = 12


@dataclass(frozen=True)
class Import:
    """One import: modules of ours without the leading ``doorcode.``, ``__init__`` for the package itself."""

    importer: str
    imported: str
    ours: bool
    line: int

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported} (line {self.line})"


@cache
def modules() -> dict[str, Path]:
    """Return the modules of the package by name; a package goes by its own name."""
    found = {}
    for path in sorted((SRC / "doorcode").rglob("*.py")):
        parts = path.relative_to(SRC / "doorcode").with_suffix("").parts
        name = ".".join(parts if parts[-1] != "__init__" else parts[:-1])
        found[name or "__init__"] = path
    return found


def short(dotted: str) -> str | None:
    """Return a module of ours by the name that ``modules`` has for it, or None if it is not ours."""
    if dotted == "doorcode":
        return "__init__"
    return dotted.removeprefix("doorcode.") if dotted.startswith("doorcode.") else None


def known(dotted: str) -> bool:
    """Return whether a dotted name is a module of ours rather than a name within one."""
    return short(dotted) in modules()


def names_imported(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted names that a node imports; ``package`` is what a relative import starts from."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])]) if level else module
            assert base is not None
            inner = [f"{base}.{alias.name}" for alias in names]
            yield from (name for name in inner if known(name))
            if not all(known(name) for name in inner):
                yield base
        case ast.Call(func=ast.Name(id="import_module") | ast.Attribute(attr="import_module")):
            yield from (resolved for argument in node.args for resolved in resolve_text(argument, package))
        case _:
            pass


def resolve_text(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the module of ours that a text names, whole, relative with a dot, or bare within its package."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
        for candidate in (text, f"{package}.{text.lstrip('.')}"):
            if candidate.startswith("doorcode.") and known(candidate):
                yield candidate
                return


@cache
def imports() -> tuple[Import, ...]:
    """Return every import in the package: at the top, in functions, for type checkers, in tables of ``__getattr__``."""
    found = []
    for importer, path in modules().items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        dotted = "doorcode" if importer == "__init__" else f"doorcode.{importer}"
        package = dotted if path.name == "__init__.py" else dotted.rpartition(".")[0]
        lazy = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
        for node in ast.walk(tree):
            names = set(names_imported(node, package))
            if lazy:
                names |= set(resolve_text(node, package))
            found += [
                Import(importer, short(name) or name, short(name) is not None, getattr(node, "lineno", 0))
                for name in sorted(names)
            ]
    return tuple(found)


def place(module: str) -> tuple[int, str]:
    """Return the row of a module and the entry that gave it that place: the most specific one."""
    fitting = [
        (len(entry), row, entry)
        for row, entries in enumerate(ROWS)
        for entry in entries
        if module == entry or module.startswith(entry + ".")
    ]
    assert fitting, f"{module} has no place in ROWS: add it there"
    _, row, entry = max(fitting)
    return row, entry


def within(module: str, entries: set[str]) -> bool:
    """Return whether a module is one of the entries or lies in one of them."""
    return any(module == entry or module.startswith(entry + ".") for entry in entries)


def test_no_class_name_is_used_twice() -> None:
    """A name leads to one class; only an asyncio class has the name of its synchronous counterpart."""
    places: dict[str, set[str]] = {}
    for module, path in modules().items():
        twin = re.sub(r"^aio\.", "_sync.", module)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, set()).add(twin)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_every_module_has_a_place() -> None:
    """No module is outside the layout, and no entry of the layout is without a module."""
    found = {place(module)[1] for module in modules()}
    assert found == {entry for row in ROWS for entry in row}


def test_no_package_has_too_many_modules() -> None:
    """A reader takes a package in at one look; ``__init__`` and ``__main__`` do not count."""
    counts: dict[str, int] = {}
    for path in modules().values():
        if path.stem not in {"__init__", "__main__"}:
            name = path.parent.relative_to(SRC).as_posix()
            counts[name] = counts.get(name, 0) + 1
    most = {name: AT_ROOT if name == "doorcode" else AT_MOST for name in counts}
    assert {name: count for name, count in counts.items() if count > most[name]} == {}


def test_imports_point_one_way() -> None:
    """A module imports from the rows above its own, or from its own row."""
    wrong = [str(each) for each in imports() if each.ours and place(each.imported)[0] > place(each.importer)[0]]
    assert wrong == []


def test_nothing_goes_in_circles() -> None:
    """No chain of imports leads back to where it began."""
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for each in imports():
        if each.ours and each.imported != each.importer:
            graph[each.importer].add(each.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_the_shells_do_not_know_each_other() -> None:
    """The asyncio shell and the threaded one import the core, never one another."""
    wrong = [
        str(each)
        for each in imports()
        for one, other in BESIDE
        if (within(each.importer, one) and within(each.imported, other))
        or (within(each.importer, other) and within(each.imported, one))
    ]
    assert wrong == []


def test_the_emulator_stands_alone() -> None:
    """An authority that shared code with the client would share its mistakes."""
    wrong = [
        str(each)
        for each in imports()
        if each.ours and within(each.importer, ALONE) and not within(each.imported, ALONE)
    ]
    assert wrong == []


def test_what_users_could_write_uses_the_public_api() -> None:
    """The command line and the testing module import what any program could."""
    wrong = [
        str(each)
        for each in imports()
        if each.ours
        and within(each.importer, PUBLIC_ONLY)
        and each.importer not in PRIVATE_TOO
        and place(each.importer)[1] != place(each.imported)[1]
        and re.search(r"(^|\.)_(?!_)", each.imported)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import json, os.path", {"json", "os.path"}),
        ("from collections.abc import Mapping", {"collections.abc"}),
        ("from doorcode import DeviceCodeCredential, errors", {"doorcode", "doorcode.errors"}),
        ("from doorcode._core import steps", {"doorcode._core.steps"}),
        ("from doorcode._core.steps import Step", {"doorcode._core.steps"}),
        ("from . import steps", {"doorcode._core.steps"}),
        ("from .steps import Step", {"doorcode._core.steps"}),
        ("from .. import errors", {"doorcode.errors"}),
        ("import_module('doorcode.errors')", {"doorcode.errors"}),
        ("importlib.import_module('.steps', __package__)", {"doorcode._core.steps"}),
        ("def f():\n    import msal", {"msal"}),
        ("if TYPE_CHECKING:\n    from msal import TokenCache", {"msal"}),
        ("print('doorcode.errors')", set()),
    ],
)
def test_no_import_is_overlooked(source: str, expected: set[str]) -> None:
    """However a module of ``_core`` imports something, it is seen."""
    tree = ast.parse(source)
    assert {name for node in ast.walk(tree) for name in names_imported(node, "doorcode._core")} == expected


def test_the_core_is_pure() -> None:
    """Nothing in ``_core`` can reach a socket, a clock, a file, the environment, a log or a thread."""
    wrong = [
        str(each)
        for each in imports()
        if within(each.importer, {"_core"}) and not each.ours and each.imported not in PURE
    ]
    for module, path in modules().items():
        if not within(module, {"_core"}):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Name(id=name) if name in IMPURE:
                    wrong.append(f"{module} uses {name} (line {node.lineno})")
                case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=name) if name in CLOCKS:
                    wrong.append(f"{module} looks at a clock, {name} (line {node.lineno})")
    assert wrong == []


def test_dependencies_stay_at_home() -> None:
    """A dependency is imported where the layout has it, so that replacing it is one module's work."""
    wrong = []
    for each in imports():
        if each.ours or each.imported.split(".")[0] in sys.stdlib_module_names | {"__future__"}:
            continue
        homes = [places for name, places in HOMES.items() if f"{each.imported}.".startswith(f"{name}.")]
        if not any(places == {"*"} or within(each.importer, places) for places in homes):
            wrong.append(str(each))
    assert wrong == []


def test_the_system_is_asked_about_in_few_places() -> None:
    """What differs between systems is chosen where stores are chosen."""
    asking = {
        module
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.platform", "os.name", "platform.system"}
    }
    assert asking <= SYSTEM
