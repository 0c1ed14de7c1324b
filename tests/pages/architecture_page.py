"""Draw the modules for docs/architecture.md; ``python -m pages.architecture_page``, in tests/, writes them there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "architecture.md"
PACKAGE: Final = ROOT / "src" / "doorcode"
BEGIN: Final = "<!-- modules: written by tests/pages/architecture_page.py -->"
END: Final = "<!-- modules: end -->"
_COLUMN: Final = 30


def render() -> str:
    """Return the picture: each package and module with the first sentence of its docstring."""
    return "\n".join(["```text", "src/doorcode/", *_drawn(PACKAGE, 1), "```"])


def shown(page: str) -> str:
    """Return what a page shows between the two marks."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def written(page: str) -> str:
    """Return a page with the picture as it is now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{render()}\n\n{END}{rest.partition(END)[2]}"


def _drawn(folder: Path, level: int) -> Iterator[str]:
    for module in sorted(folder.glob("*.py")):
        if module.name != "__init__.py":
            yield _line(module.name, _caption(module), level)
    for package in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield _line(f"{package.name}/", _caption(package / "__init__.py"), level)
        yield from _drawn(package, level + 1)


def _line(name: str, caption: str, level: int) -> str:
    return f"{'  ' * level + name:{_COLUMN}}{caption}".rstrip()


def _caption(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
