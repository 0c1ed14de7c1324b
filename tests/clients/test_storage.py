"""azure-storage-blob, adlfs with fsspec and Dask, polars and obstore, on Azurite."""

from __future__ import annotations

import asyncio

import pytest
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.storage.blob import BlobServiceClient
from typing_extensions import override

import doorcode.aio
from clients.conftest import Run
from doorcode import AuthenticationRequiredError, DeviceCodeCredential
from doorcode.emulator import Emulator

BLOBS = "https://contoso.blob.core.windows.net"


def test_blobs_fsspec_and_dask(
    run_example: Run, azurite: str, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one client writes the other reads, each credential after one prompt."""
    here = f'account_name="devstoreaccount1", account_host="{azurite.removeprefix("https://")}"'
    run_example("Azure Storage, fsspec and Dask", {BLOBS: azurite, 'account_name="contoso"': here})
    assert capsys.readouterr().out.endswith("['letters/ada.txt']\nb'Dear Ada'\n['Dear Ada']\n")
    assert authority.count("devicecode") == 2


def test_a_client_without_retries_fails_at_once(authority: Emulator) -> None:
    """Where the user has to sign in first, the client asks once, and the error says so."""
    asked = []

    class Counted(DeviceCodeCredential):
        @override
        def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
            asked.append(scopes)
            return super().get_token_info(*scopes, options=options)

    with (
        Counted(disable_automatic_authentication=True, **authority.credential_options) as credential,
        BlobServiceClient(BLOBS, credential, retry_total=0) as blobs,
        pytest.raises(AuthenticationRequiredError),
    ):
        blobs.get_service_properties()
    assert asked == [("https://storage.azure.com/.default",)]


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


def test_obstore_on_a_loop(azurite: str, authority: Emulator) -> None:
    """Its provider for asyncio awaits the token of a credential of doorcode.aio, once for both requests."""
    import obstore
    from obstore.auth.azure import AzureAsyncCredentialProvider
    from obstore.store import AzureStore

    person = authority.prompt_approver()
    with (
        DeviceCodeCredential(prompt_callback=authority.prompt_approver(), **authority.credential_options) as uploader,
        BlobServiceClient(azurite, uploader) as blobs,
    ):
        blobs.create_container("letters").upload_blob("ada.txt", b"Dear Ada")

    async def main() -> bytes:
        async with doorcode.aio.DeviceCodeCredential(
            prompt_callback=person, **authority.credential_options
        ) as credential:
            provider = AzureAsyncCredentialProvider(credential=credential)
            store = AzureStore(
                "letters", account_name="devstoreaccount1", endpoint=azurite, credential_provider=provider
            )
            await obstore.head_async(store, "ada.txt")
            return bytes(await (await obstore.get_async(store, "ada.txt")).bytes_async())

    assert asyncio.run(main()) == b"Dear Ada"
    assert len(person.prompts) == 1
