"""The recipes of docs/recipes.md, as they stand but for the addresses."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from azure.identity import AzureCliCredential

from cli.conftest import Command

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
TENANT = "c0de0000-0000-4000-8000-00000000c0de"
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


def test_terraform(signed_in: Command, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Terraform's provider asks of az, in the form in which it does."""
    (installed / "az").write_text(recipe("Programs that read"))
    (installed / "az").chmod(0o755)
    monkeypatch.setenv("ARM_SUBSCRIPTION_ID", "the-subscription")
    monkeypatch.setenv("ARM_TENANT_ID", TENANT)
    monkeypatch.setenv("USER", "ada")
    assert json.loads(run("az version -o=json").stdout)["azure-cli"].startswith("2.")
    account = json.loads(run("az account show -o=json").stdout)
    assert account == {"id": "the-subscription", "tenantId": TENANT, "user": {"name": "ada", "type": "user"}}
    assert json.loads(run("az account list -o=json").stdout) == [account]
    scope = "https://management.core.windows.net//.default"
    token = json.loads(run(f"az account get-access-token --scope {scope} --tenant {TENANT} -o=json").stdout)
    assert TOKEN.fullmatch(token["accessToken"])
    assert (token["tokenType"], token["tenant"]) == ("Bearer", TENANT)


def test_odbc(signed_in: Command, installed: Path) -> None:
    """The bytes are the length and the token in UTF-16, as the driver reads them."""
    names: dict[str, Any] = {}
    exec(recipe("ODBC"), names)  # noqa: S102 - what a reader would paste
    content = names["sql_token"]()
    assert struct.unpack("<I", content[:4]) == (len(content) - 4,)
    assert TOKEN.fullmatch(content[4:].decode("utf-16-le"))


def test_without_a_sign_in_a_service_and_a_build_end_at_once(command: Command, installed: Path) -> None:
    """With the exit code at which systemd is told not to restart."""
    assert run("doorcode exec --no-prompt -- true").returncode == 3
    assert run("doorcode token --no-prompt").returncode == 3
    assert "RestartPreventExitStatus=3" in recipe("systemd")
