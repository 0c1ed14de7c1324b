"""A sign-in is good for azure-storage-blob, against Azurite."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.credentials import AccessTokenInfo
from azure.storage.blob import BlobServiceClient
from typing_extensions import override

from doorcode import AuthenticationRequiredError, DeviceCodeCredential
from doorcode.emulator import Emulator


def test_one_prompt_serves_a_day_of_work(doorcode_emulator: Emulator, azurite: str) -> None:
    """A container is created, a blob goes up, is listed, comes down and goes, and the user was asked once."""
    person = doorcode_emulator.prompt_approver()
    with (
        DeviceCodeCredential(prompt_callback=person, **doorcode_emulator.credential_options) as credential,
        BlobServiceClient(azurite, credential, connection_verify=doorcode_emulator.ca_file) as service,
    ):
        container = service.create_container("letters")
        container.upload_blob("first.txt", b"Dear Charles,")
        assert [blob.name for blob in container.list_blobs()] == ["first.txt"]
        assert container.download_blob("first.txt").readall() == b"Dear Charles,"
        container.delete_blob("first.txt")
        assert list(container.list_blobs()) == []
        container.delete_container()

    assert len(person.prompts) == 1
    assert [request.form["scope"].split()[0] for request in doorcode_emulator.requests_to("devicecode")] == [
        "https://storage.azure.com/.default"
    ]


def test_without_the_clients_retries_an_error_arrives_at_once(doorcode_emulator: Emulator) -> None:
    """With the option that the quickstart names, the client asks the credential once and raises what it raised."""
    asked: list[str] = []

    class Counting(DeviceCodeCredential):
        @override
        def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:
            asked.extend(scopes)
            return super().get_token_info(*scopes, **options)

    credential = Counting(disable_automatic_authentication=True, **doorcode_emulator.credential_options)
    with (
        BlobServiceClient("https://ada.blob.example", credential, retry_total=0) as service,
        pytest.raises(AuthenticationRequiredError),
    ):
        service.get_service_properties()
    assert asked == ["https://storage.azure.com/.default"]
