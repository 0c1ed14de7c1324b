from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from doorcode.emulator import CONTOSO_TENANT_ID
from doorcode.emulator.__main__ import run
from support.examples import ROOT, examples
from support.signing import PATIENCE
from support.started import started


def stopped() -> threading.Event:
    """Return an event that ends the program as soon as it has said what it has to say."""
    stop = threading.Event()
    stop.set()
    return stop


def test_it_says_where_it_is_and_how_to_use_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Address, CA, users and a program to paste are printed; the CA is written where it was asked for."""
    ca_file = tmp_path / "ca.pem"
    assert run(["--ca-file", str(ca_file)], stopped()) == 0
    printed = capsys.readouterr()
    for part in (
        f"  CA file      {ca_file}\n",
        f"  tenant       {CONTOSO_TENANT_ID}, contoso.example, contoso.onmicrosoft.com\n",
        "  users        ada@contoso.example, grace@contoso.example\n",
        "  codes        approved by you, on the page below\n",
        "/devicelogin\n",
        f'        connection_verify="{ca_file}",\n',
        "Press Ctrl-C to stop.\n",
    ):
        assert part in printed.out
    assert printed.err == "The emulator has stopped.\n"
    assert ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_a_certificate_can_be_found_from_another_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables have the whole path; one that cannot be written is named."""
    monkeypatch.chdir(tmp_path)
    assert run(["--print-env", "--ca-file", "ca.pem"], stopped()) == 0
    assert f"SSL_CERT_FILE={tmp_path / 'ca.pem'}" in capsys.readouterr().out
    assert run(["--ca-file", "missing/ca.pem"], stopped()) == 1
    message = f"the CA certificate cannot be written to {tmp_path / 'missing/ca.pem'}: No such file or directory.\n"
    assert capsys.readouterr().err == f"The emulator cannot start: {message}"


@pytest.mark.parametrize(
    ("arguments", "who"),
    [(["--approve"], "the first user, at once"), (["--approve", "grace@contoso.example"], "grace@contoso.example")],
)
def test_it_says_who_approves(arguments: list[str], who: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The approver is named."""
    run(arguments, stopped())
    assert f"  codes        approved by {who}\n" in capsys.readouterr().out


def test_it_prints_variables_for_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --print-env nothing else is on stdout, and what a shell would split is quoted."""
    ca_file = tmp_path / "my ca.pem"
    run(["--print-env", "--ca-file", str(ca_file)], stopped())
    authority, bundle, ssl = capsys.readouterr().out.splitlines()
    assert authority.startswith("export AZURE_AUTHORITY_HOST=https://127.0.0.1:")
    assert (bundle, ssl) == (f"export REQUESTS_CA_BUNDLE='{ca_file}'", f"export SSL_CERT_FILE='{ca_file}'")


@pytest.mark.parametrize(
    ("page", "which"), [("docs/quickstart.md", slice(2)), ("README.md", slice(1, 2))], ids=["quickstart", "README"]
)
def test_what_it_prints_is_enough_for_a_program(page: str, which: slice) -> None:
    """The pages' programs sign in there as they stand, with what is printed in their environment."""
    command = [sys.executable, "-m", "doorcode.emulator", "--approve", "--interval", "1", "--print-env"]
    program = "\n".join(str(each.parsed) for each in examples(ROOT / page)[which])
    with started(command, stdout=subprocess.PIPE) as emulator:
        assert emulator.stdout is not None
        lines = [emulator.stdout.readline().strip().removeprefix("export ") for _ in range(3)]
        environment = {**os.environ, **dict(line.split("=", 1) for line in lines)}
        ended = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        emulator.send_signal(signal.SIGTERM)
    assert ended.returncode == 0
    assert "Warning" not in ended.stderr
    assert ended.stdout.splitlines()[-1] == "Signed in as ada@contoso.example."


def test_what_keeps_it_from_starting_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A taken port and an unknown approver are one line on stderr, and exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["--port", str(port)], stopped()) == 1
    assert capsys.readouterr().err == f"The emulator cannot listen on port {port}: Address already in use.\n"
    assert run(["--approve", "nobody"], stopped()) == 1
    assert "no user 'nobody'; there are ada@contoso.example, grace@contoso.example" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(number: signal.Signals) -> None:
    """Ctrl-C and a supervisor's signal end it with status 0, without a traceback or files left behind."""
    command = [sys.executable, "-X", "dev", "-m", "doorcode.emulator", "--print-env"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(3)]
        program.send_signal(number)
        _, errors = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0
    assert errors.strip() == "The emulator has stopped."
    assert not Path(lines[1].strip().partition("=")[2]).exists()


def test_it_can_be_run_beside_the_main_thread() -> None:
    """No signal handler is set there, since Python allows that in the main thread only."""
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(run([], stopped())))
    thread.start()
    thread.join(PATIENCE)
    assert results == [0]


@pytest.mark.parametrize(
    "arguments", [["--port", "65536"], ["--port", "-1"], ["--interval", "-1"], ["--expires-in", "1" * 400]]
)
def test_a_number_that_cannot_be_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The option is named; nothing is started."""
    with pytest.raises(SystemExit) as end:
        run(arguments, stopped())
    assert end.value.code == 2
    assert f"{arguments[0].strip('-').replace('-', '_')} must be from 0 to" in capsys.readouterr().err
