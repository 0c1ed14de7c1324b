"""Azurite, which stores blobs as Azure Storage does and checks the tokens of those who ask for them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LISTENS = re.compile(r"successfully listens on (https://127\.0\.0\.1:\d+)")


def find() -> str | None:
    """Return the program, from the environment variable ``DOORCODE_AZURITE`` or from ``PATH``."""
    return shutil.which(os.environ.get("DOORCODE_AZURITE") or "azurite-blob")


@contextmanager
def running(program: str, folder: Path, cert_file: str, key_file: str) -> Generator[str]:
    """Run Azurite over HTTPS on a free port of 127.0.0.1; give the URL of its account.

    ``--oauth basic`` checks issuer, audience and times of each token; it cannot check signatures.
    """
    command = [
        program, "--blobHost", "127.0.0.1", "--blobPort", "0", "--cert", cert_file, "--key", key_file,
        "--oauth", "basic", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence",
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield f"{first_url(process)}/devstoreaccount1"
        finally:
            process.terminate()


def first_url(process: subprocess.Popen[str]) -> str:
    """Wait until Azurite says where it listens."""
    assert process.stdout
    said: deque[str] = deque(maxlen=50)
    for line in process.stdout:
        said.append(line)
        if found := LISTENS.search(line):
            return found[1]
    raise RuntimeError("Azurite did not start:\n" + "".join(said))
