from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from dataclasses import fields
from pathlib import Path

import pytest
import requests
import trustme
import uvicorn

from doorcode.emulator import Emulator, Settings, _emulator, _key_folder
from doorcode.emulator._certificates import Certificates
from doorcode.emulator.authority.settings import SettingsOptions
from support.signing import PATIENCE


def servers() -> int:
    """Return how many threads serve an authority; others may end meanwhile."""
    return len([thread for thread in threading.enumerate() if thread.name == "doorcode-emulator"])


def test_it_runs_inside_a_with_block() -> None:
    """Inside it answers over HTTPS; after it, port, certificates and thread are gone."""
    threads = servers()
    with Emulator() as authority:
        assert servers() == threads + 1
        url, ca_file, port = authority.url, authority.ca_file, authority.port
        assert url == f"https://{authority.host}" == f"https://127.0.0.1:{port}"
        assert requests.get(f"{url}/devicelogin", verify=ca_file, timeout=PATIENCE).status_code == 200
    assert not Path(ca_file).exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert servers() == threads


def test_it_can_run_again() -> None:
    """An emulator that stopped can be started; one that runs cannot; stopping twice does nothing."""
    authority = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = authority.port
    authority.reset()
    with authority, pytest.raises(RuntimeError, match="running already"):
        authority.start()
    with authority:
        authority.stop()
        authority.stop()


@pytest.mark.parametrize("error", [RuntimeError("no loop"), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_a_server_that_ends_while_it_starts(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Whoever starts it learns why, at once, and nothing stays: neither port, nor thread, nor keys."""

    def end(*_: object, **__: object) -> None:
        raise error

    made: list[Certificates] = []
    monkeypatch.setattr(uvicorn.Server, "run", end)
    monkeypatch.setattr(_emulator, "Certificates", lambda ca: made.append(Certificates(ca)) or made[0])
    threads = servers()
    authority = Emulator()
    with pytest.raises(RuntimeError, match="could not start") as raised:
        authority.start()
    assert raised.value.__cause__ is error
    assert not Path(made[0].ca_file).exists()
    assert servers() <= threads + 1
    monkeypatch.undo()
    with authority:
        assert authority.port


def test_a_killed_emulators_keys(tmp_path: Path) -> None:
    """The folder of one that was killed is taken away by the next; that of one that runs stays."""
    program = (
        "import sys\nfrom doorcode.emulator import Emulator\ne = Emulator().start()\n"
        "print(e.ca_file, flush=True)\nsys.stdin.read()\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    running = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    files: list[Path] = []
    for each in running:
        assert each.stdout is not None
        files.append(Path(each.stdout.readline().strip()))
    (tmp_path / "doorcode-emulator-being-made").mkdir()
    killed, alive = running
    killed.kill()
    killed.communicate(timeout=60)
    assert files[0].exists()
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    assert [file.exists() for file in files] == [False, True]
    alive.communicate("", timeout=60)
    assert [each.name for each in tmp_path.glob("doorcode-emulator-*")] == ["doorcode-emulator-being-made"]


def test_folders_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to another user, or is a link or a file, is left alone."""
    other = tmp_path / f"{_key_folder.PREFIX}other"
    other.mkdir()
    (other / _key_folder.LOCK).touch()
    (tmp_path / f"{_key_folder.PREFIX}file").touch()
    (tmp_path / f"{_key_folder.PREFIX}link").symlink_to(other)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: other.stat().st_uid + 1)
        _key_folder.delete_abandoned(tmp_path)
    assert len(list(tmp_path.glob("doorcode-emulator-*"))) == 3
    _key_folder.delete_abandoned(tmp_path)
    assert sorted(each.name.removeprefix(_key_folder.PREFIX) for each in tmp_path.glob("doorcode-emulator-*")) == [
        "file",
        "link",
    ]


def test_folders_that_go_while_they_are_looked_at(tmp_path: Path) -> None:
    """Another emulator that starts at the same time may have taken one away."""
    assert not _key_folder._is_own(tmp_path / "gone")
    assert not _key_folder._is_abandoned(tmp_path / "gone" / _key_folder.LOCK)
    assert not _key_folder._can_be_renamed(tmp_path / "gone" / _key_folder.LOCK)


def test_folders_without_flock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a file that can be renamed is open in no process."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setitem(sys.modules, "fcntl", None)
    folder = _key_folder.KeyFolder()
    _key_folder.delete_abandoned(tmp_path)
    assert not Path(folder.path).exists()
    folder.close()


def test_settings_are_keyword_arguments() -> None:
    """The names that the constructor takes are the fields of Settings."""
    assert [field.name for field in fields(Settings)] == list(SettingsOptions.__annotations__)
    assert Emulator(interval=2, rotation="reject").settings == Settings(interval=2, rotation="reject")


def test_a_port_can_be_chosen_and_may_be_taken() -> None:
    """A taken port is OSError, and leaves nothing behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            Emulator(port=port).start()
    with Emulator(port=port) as authority:
        assert authority.port == port


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_the_certificate_is_for_every_loopback_name(authority: Emulator, name: str) -> None:
    """A client may call it by address or by name."""
    context = ssl.create_default_context(cafile=authority.ca_file)
    with (
        socket.create_connection(("127.0.0.1", authority.port), timeout=PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        assert secured.version() is not None


def test_the_certificate_may_be_for_somebody_else() -> None:
    """``names`` makes a certificate that does not fit, to see what a client says."""
    with Emulator(names=("other.example",)) as authority, pytest.raises(requests.exceptions.SSLError):
        requests.get(authority.url, verify=authority.ca_file, timeout=PATIENCE)


def test_other_servers_can_have_certificates_of_the_same_ca(authority: Emulator) -> None:
    """One CA file serves the clients of both."""
    cert_file, key_file = authority.issue_server_certificate("127.0.0.1", "localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert_file, key_file)
    client = ssl.create_default_context(cafile=authority.ca_file)
    here, there = socket.socketpair()
    with here, there:
        thread = threading.Thread(target=lambda: server.wrap_socket(there, server_side=True).close())
        thread.start()
        with client.wrap_socket(here, server_hostname="localhost"):
            thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_given_ca_issues_the_certificate() -> None:
    """The caller's CA can be used, so that several emulators share one."""
    ca = trustme.CA()
    with Emulator(ca=ca) as authority:
        assert authority.ca is ca
        assert Path(authority.ca_file).read_bytes() == ca.cert_pem.bytes()
        assert requests.get(f"{authority.url}/devicelogin", verify=authority.ca_file, timeout=PATIENCE).ok


def test_a_program_that_forgets_to_stop_it_ends_cleanly() -> None:
    """At exit the emulator stops by itself and says nothing."""
    program = "from doorcode.emulator import Emulator; e = Emulator().start(); print(e.ca_file)"
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stderr == ""
    assert not Path(ended.stdout.strip()).exists()


def test_a_forked_child_leaves_it_alone() -> None:
    """A child that ends, or stops the emulator, takes nothing from its parent."""
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom doorcode.emulator import Emulator\n"
        "with Emulator() as e:\n"
        "    if (child := os.fork()) == 0:\n        e.stop()\n        sys.exit()\n"
        "    os.waitpid(child, 0)\n    print(Path(e.ca_file).exists())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.splitlines()[-1] == "True"


def test_the_environment_points_a_program_here(authority: Emulator) -> None:
    """The variables name the authority and its CA."""
    assert authority.environment == {
        "AZURE_AUTHORITY_HOST": authority.url,
        "REQUESTS_CA_BUNDLE": authority.ca_file,
        "SSL_CERT_FILE": authority.ca_file,
    }


def test_importing_doorcode_loads_nothing_of_it() -> None:
    """Programs that do not test pay nothing."""
    program = (
        "import sys, doorcode; print([m for m in sys.modules if m.startswith(('doorcode.emulator', 'starlette'))])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "[]"
