"""`doorcode exec` with other people's programs: Azure SDKs in two languages, and kubectl."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from cli.conftest import Command
from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.emulator import Emulator

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "programs"
KINDS = ("DefaultAzureCredential", "ManagedIdentityCredential")


@pytest.fixture
def letters(signed_in: Command, authority: Emulator, azurite: str) -> str:
    """Store a blob, and give the URL of the account that it is in."""
    options = TokenCachePersistenceOptions()
    with (
        DeviceCodeCredential(cache_persistence_options=options, disable_instance_discovery=True) as credential,
        BlobServiceClient(azurite, credential, connection_verify=authority.ca_file) as service,
    ):
        service.create_container("letters").upload_blob("first.txt", b"Dear Charles,")
    return azurite


def doorcode(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "doorcode", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.e2e
@pytest.mark.parametrize("kind", KINDS)
def test_python_reads_a_blob(letters: str, kind: str) -> None:
    """azure-identity and azure-storage-blob, unchanged."""
    program = [sys.executable, str(PROGRAMS / "read_blob.py"), kind, letters, "letters", "first.txt"]
    done = doorcode("exec", "--", *program)
    assert (done.stdout, done.returncode) == ("Dear Charles,\n", 0), done.stderr


@pytest.mark.e2e
@pytest.mark.parametrize("kind", KINDS)
def test_node_reads_a_blob(letters: str, authority: Emulator, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """@azure/identity and @azure/storage-blob, unchanged."""
    packages = os.environ.get("DOORCODE_NODE_PACKAGES")
    if packages is None or shutil.which("node") is None:
        pytest.skip("npm install @azure/identity @azure/storage-blob, and set DOORCODE_NODE_PACKAGES to its folder")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", authority.ca_file)
    program = ["node", str(PROGRAMS / "read_blob.mjs"), kind, letters, "letters", "first.txt"]
    done = doorcode("exec", "--resource", "https://storage.azure.com", "--", *program)
    assert (done.stdout, done.returncode) == ("Dear Charles,\n", 0), done.stderr


class WhoAmI(BaseHTTPRequestHandler):
    """Answer as a Kubernetes API server whose users come from Entra."""

    def do_GET(self) -> None:
        """Say who the token is for."""
        part = self.headers.get("Authorization", "").removeprefix("Bearer ").split(".")[1]
        content = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))["upn"].encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@contextmanager
def cluster(cert_file: str, key_file: str) -> Iterator[str]:
    """Run such a server; give its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), WhoAmI) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def exec_version() -> str:
    """Return the version of the exec protocol that this kubectl has: v1 came with 1.22."""
    command = ["kubectl", "version", "--client", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return "v1" if int(json.loads(done.stdout)["clientVersion"]["minor"].rstrip("+")) >= 22 else "v1beta1"


def test_kubectl_signs_in(signed_in: Command, authority: Emulator, installed: Path, tmp_path: Path) -> None:
    """With the kubeconfig of docs/recipes.md."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here")
    with cluster(*authority.issue_server_certificate("127.0.0.1")) as url:
        helper = {
            "apiVersion": f"client.authentication.k8s.io/{exec_version()}",
            "command": str(installed / "doorcode"),
            "args": ["token", "--format", "exec-credential", "--resource", "6dae42f8-4368-4678-94ff-3960e28e3630"],
            "interactiveMode": "IfAvailable",
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority": authority.ca_file}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "me"}}],
            "current-context": "c",
            "users": [{"name": "me", "user": {"exec": helper}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        command = ["kubectl", "--kubeconfig", str(tmp_path / "kubeconfig"), "get", "--raw", "/whoami"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "ada@contoso.example", done.stderr
