"""azure-ai-projects, azure-cosmos and azure-servicebus: made with a credential, which they ask as azure-core does."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import parse_qsl, unquote

from clients.conftest import Run
from clients.service import Service
from doorcode.emulator import Emulator
from support.https_server import Reply

HOSTS = ("https://contoso.services.ai.azure.com", "https://contoso.documents.azure.com")


def test_the_examples(run_example: Run, service: Service, authority: Emulator) -> None:
    """The user signs in once, with the first request of a client, and each client has tokens of its own service."""
    place = [{"name": "here", "databaseAccountEndpoint": service.url}]
    service.answers["/"] = Reply(  # which Cosmos DB's client asks when it is made
        {
            "id": "contoso",
            "writableLocations": place,
            "readableLocations": place,
            "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
        }
    )
    service.answers["/api/projects/letters/deployments"] = Reply({"value": []})
    names = run_example("Azure AI projects, Cosmos DB and Service Bus", dict.fromkeys(HOSTS, service.url))
    with names["projects"] as projects:
        assert list(projects.deployments.list()) == []
        assert list(projects.deployments.list()) == []
    assert names["cosmos"].get_database_account().ConsistencyPolicy == {"defaultConsistencyLevel": "Session"}
    tokens = [cosmos_token(each.headers["Authorization"]) for each in service.requests if each.path == "/"]
    assert {authority.verify(token)["aud"] for token in tokens} == {"https://127.0.0.1"}
    assert service.audiences() == ["https://ai.azure.com"] * 2
    with names["bus"] as bus:
        create_authentication = import_module("azure.servicebus._common.utils").create_authentication
        auth = create_authentication(bus.get_queue_sender("letters"))  # as it does when it connects
        assert authority.verify(auth.get_token().token)["aud"] == "https://servicebus.azure.net/"
    assert authority.count("devicecode") == 1


def cosmos_token(header: str) -> str:
    """Return the token of a header in Cosmos DB's own form."""
    return dict(parse_qsl(unquote(header)))["sig"]
