"""The recipes of docs/recipes.md, as they stand but for the addresses."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.identity import AzureCliCredential

from cli.conftest import Command

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")


def recipe(title: str) -> str:
    """Return the first block of a section."""
    found = re.search(rf"^## {title}.*?^```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def run(line: str) -> subprocess.CompletedProcess[str]:
    """Run what a reader would paste."""
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)


class Site:
    """A server that takes note of the headers with which it is asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.authorizations: list[str] = []


@pytest.fixture
def site() -> Iterator[Site]:
    """Give such a server."""
    noted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            noted.append(self.headers.get("Authorization", ""))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running = Site(f"http://127.0.0.1:{server.server_address[1]}")
        running.authorizations = noted
        yield running
        server.shutdown()


def test_curl(signed_in: Command, installed: Path, site: Site) -> None:
    """The header arrives, from standard input."""
    run(recipe("curl").replace("https://NAME.vault.azure.net/secrets", site.address))
    [authorization] = site.authorizations
    assert TOKEN.fullmatch(authorization.removeprefix("Bearer "))


def test_git(signed_in: Command, installed: Path, site: Site) -> None:
    """The header arrives, out of git's environment."""
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    run(recipe("git").replace("https://dev.azure.com", site.address))
    assert TOKEN.fullmatch(site.authorizations[0].removeprefix("Bearer "))


def test_a_password_in_the_environment(signed_in: Command, installed: Path) -> None:
    """The token is what psql finds as its password."""
    (installed / "psql").write_text('#!/bin/sh\necho "$PGPASSWORD"\n')
    (installed / "psql").chmod(0o755)
    assert TOKEN.fullmatch(run(recipe("PostgreSQL")).stdout.strip())


def test_programs_that_ask_az(signed_in: Command, installed: Path) -> None:
    """azure-identity's AzureCliCredential takes the script for the Azure CLI."""
    (installed / "az").write_text(recipe("Programs that read"))
    (installed / "az").chmod(0o755)
    token = AzureCliCredential(process_timeout=60).get_token("https://vault.azure.net/.default")
    assert TOKEN.fullmatch(token.token)
    assert run("az login").returncode == 2
