"""A sign-in is good for azure-storage-blob, against Azurite."""

from __future__ import annotations

from azure.storage.blob import BlobServiceClient

from doorcode import DeviceCodeCredential
from doorcode.emulator import Emulator


def test_one_prompt_serves_a_day_of_work(doorcode_emulator: Emulator, azurite: str) -> None:
    """A container is created, a blob goes up, is listed, comes down and goes, and the person was asked once."""
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
