"""Issue server certificates from a certificate authority in memory, and keep them as files."""

from __future__ import annotations

from pathlib import Path
from typing import final

import trustme

from doorcode.emulator._key_folder import KeyFolder


@final
class Certificates:
    """Issue server certificates of one authority, and keep them as files until `close`.

    Args:
        authority: the CA that issues the certificates; by default a new one.
    """

    def __init__(self, authority: trustme.CA | None = None) -> None:
        self.authority = authority or trustme.CA(organization_name="doorcode emulator")
        self._folder = KeyFolder()
        self._directory = self._folder.path
        self._count = 0
        self.ca_file = self._path("ca.pem")
        self.authority.cert_pem.write_to_path(self.ca_file)

    def issue(self, *names: str) -> tuple[str, str]:
        """Issue a certificate for host names and addresses.

        Returns:
            The paths of the certificate chain and of the private key, both PEM.
        """
        issued = self.authority.issue_cert(*names)
        self._count += 1
        cert_file, key_file = self._path(f"server-{self._count}.pem"), self._path(f"server-{self._count}.key")
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(cert_file, append=number > 0)
        issued.private_key_pem.write_to_path(key_file)
        return cert_file, key_file

    def close(self) -> None:
        """Delete the files."""
        self._folder.close()

    def _path(self, name: str) -> str:
        return str(Path(self._directory) / name)
