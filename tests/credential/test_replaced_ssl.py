"""Sign-ins in a program whose ``ssl`` module another library has replaced, as gevent and eventlet do."""

from __future__ import annotations

import subprocess
import sys

from doorcode.emulator import Emulator
from support.signing import SCOPE

PROGRAM = """
import ssl
import sys


class Green(ssl.SSLSocket):
    def do_handshake(self):
        super().do_handshake()


theirs, ssl.SSLSocket = ssl.SSLSocket, Green
import doorcode._entra.transport

ssl.SSLSocket = theirs  # which the rest of the module needs; gevent has a module of its own

url, tenant, certificates, scope = sys.argv[1:]
credential = doorcode.DeviceCodeCredential(
    authority=url, tenant_id=tenant, connection_verify=certificates, disable_instance_discovery=True
)
print(credential.get_token(scope).token)
"""
"""A socket of gevent's shape: its handshake takes no argument, while that of the standard library takes one."""


def test_a_socket_with_a_handshake_of_its_own(authority: Emulator) -> None:
    """The handshake is called with what its caller passed, and nothing else."""
    authority.approve_all()
    arguments = [authority.url, authority.tenant_id, authority.ca_file, SCOPE]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert authority.verify(done.stdout.split()[-1])
