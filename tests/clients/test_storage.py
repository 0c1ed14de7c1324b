"""azure-storage-blob, adlfs with fsspec, polars and obstore, on Azurite."""

from __future__ import annotations

import pytest
from azure.storage.blob import BlobServiceClient

from clients.conftest import Run
from doorcode import DeviceCodeCredential
from doorcode.emulator import Emulator

BLOBS = "https://contoso.blob.core.windows.net"


def test_blobs_and_fsspec(
    run_example: Run, azurite: str, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one client writes the other reads, each after one prompt."""
    here = f'account_name="devstoreaccount1", account_host="{azurite.removeprefix("https://")}"'
    run_example("Azure Storage and fsspec", {BLOBS: azurite, 'account_name="contoso"': here})
    assert capsys.readouterr().out.endswith("['letters/ada.txt']\nb'Dear Ada'\n")
    assert authority.count("devicecode") == 2


def test_polars_and_obstore(
    run_example: Run, azurite: str, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both read with one credential, after one prompt."""
    with BlobServiceClient(
        azurite, DeviceCodeCredential(prompt_callback=authority.prompt_approver(), **authority.credential_options)
    ) as blobs:
        blobs.create_container("letters").upload_blob("ages.csv", b"age\n36\n")
    options = f'"account_name": "devstoreaccount1", "azure_endpoint": "{azurite}"'
    store = f'account_name="devstoreaccount1", endpoint="{azurite}"'
    run_example("polars and obstore", {'"account_name": "contoso"': options, 'account_name="contoso"': store})
    out = capsys.readouterr().out
    assert "│ 36  │" in out
    assert r'b"age\n36\n"' in out
    assert authority.count("devicecode") == 2  # the first uploaded the file
