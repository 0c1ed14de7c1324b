"""Run the emulator from a shell: ``python -m doorcode.emulator``."""

from __future__ import annotations

import argparse
import shlex
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from doorcode.emulator._emulator import Emulator
from doorcode.emulator.authority.directory import CONTOSO_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Sequence

SNIPPET: Final = """\
from doorcode import DeviceCodeCredential

credential = DeviceCodeCredential(
    authority="{url}",
    tenant_id="{tenant_id}",
    disable_instance_discovery=True,
    connection_verify="{ca_file}",
)
print(credential.get_token("https://management.core.windows.net//.default").expires_on)
"""


def run(
    arguments: Sequence[str] | None = None,
    stop: threading.Event | None = None,
    program: str = "python -m doorcode.emulator",
) -> int:
    """Start an emulator, print its address, and block until Ctrl-C, SIGTERM or ``stop``.

    Args:
        arguments: those after the name of the program; by default this process's.
        stop: ends the emulator when it is set.
        program: the name of the program in the help.

    Returns:
        The exit status: 1 if the port is taken, the approving user is unknown or the certificate cannot be written.
    """
    parser = _parser(program)
    options = parser.parse_args(arguments)
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    try:
        emulator = Emulator(port=options.port, interval=options.interval, expires_in=options.expires_in)
    except ValueError as error:
        parser.error(str(error))
    try:
        emulator.start()
    except OSError as error:
        print(f"The emulator cannot listen on port {options.port}: {error.strerror}.", file=sys.stderr)
        return 1
    try:
        _announce(emulator, options)
        stop.wait()
    except (LookupError, ValueError) as error:
        print(f"The emulator cannot start: {error.args[0]}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
    finally:
        emulator.stop()
    print("The emulator has stopped.", file=sys.stderr)
    return 0


def _announce(emulator: Emulator, options: argparse.Namespace) -> None:
    approver = cast("str | None", options.approve)
    named = cast("str | None", options.ca_file)
    ca_file = str(Path(named).absolute()) if named else emulator.ca_file  # the program may run in another directory
    if named:
        _copy(emulator.ca_file, ca_file)
    if approver is not None:
        emulator.approve_all(approver or None)
    if options.print_env:
        variables = {**emulator.environment, "REQUESTS_CA_BUNDLE": ca_file, "SSL_CERT_FILE": ca_file}
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()), flush=True)
        return
    who = "you, on the page below" if approver is None else approver or "the first user, at once"
    snippet = SNIPPET.format(url=emulator.url, tenant_id=emulator.tenant_id, ca_file=ca_file)
    lines = [
        "A local Microsoft Entra ID for tests is running.",
        "",
        f"  authority    {emulator.url}",
        f"  CA file      {ca_file}",
        f"  tenant       {emulator.tenant_id}, {', '.join(CONTOSO_DOMAINS)}",
        f"  users        {', '.join(user.username for user in emulator.users.values())}",
        f"  codes        approved by {who}",
        f"  enter codes  {emulator.url}/devicelogin",
        "",
        "A program that signs in here:",
        "",
        *(f"    {line}".rstrip() for line in snippet.splitlines()),
        "",
        "Press Ctrl-C to stop.",
    ]
    print("\n".join(lines), flush=True)


def _copy(source: str, target: str) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        message = f"the CA certificate cannot be written to {target}: {error.strerror}"
        raise ValueError(message) from error


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Run a local Microsoft Entra ID, to test sign-ins without the cloud.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 to listen on (default: a free one)")
    parser.add_argument(
        "--approve",
        nargs="?",
        const="",
        metavar="USER",
        help="approve every sign-in at once, as USER or as the first user",
    )
    parser.add_argument("--interval", type=int, default=5, metavar="SECONDS", help="between polls (default: 5)")
    parser.add_argument(
        "--expires-in", type=int, default=900, metavar="SECONDS", help="validity of codes (default: 900)"
    )
    parser.add_argument("--ca-file", metavar="PATH", help="write the CA certificate to PATH")
    parser.add_argument(
        "--print-env", action="store_true", help="print shell commands that point a program here, nothing else"
    )
    return parser


if __name__ == "__main__":
    sys.exit(run())
