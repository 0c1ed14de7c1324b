"""Kiota's clients, msgraph-core's adapter among them: with CAE, and azure-core's own class for a token."""

from __future__ import annotations

import pytest

from clients.conftest import Run
from clients.service import Request, Service
from doorcode.emulator import Emulator
from support.https_server import Reply

ASYNCIO = "from doorcode.aio import DeviceCodeCredential"
SCOPES = 'scopes=["https://graph.microsoft.com/User.Read"]'


def here(service: Service) -> dict[str, str]:
    """Return what to replace in the example, so that it asks this machine's service."""
    request = "        request = "
    return {
        SCOPES: f'{SCOPES}, allowed_hosts=["127.0.0.1"]',
        request: f'        adapter.base_url = "{service.url}"\n{request}',
    }


@pytest.mark.parametrize("credential", ["aio", "sync"])
def test_the_example(
    run_example: Run, service: Service, authority: Emulator, capsys: pytest.CaptureFixture[str], credential: str
) -> None:
    """Either credential is asked for a token with CAE, and the request has it."""
    service.answers["/me"] = Reply({"displayName": "Ada"})
    sync = {ASYNCIO: "from doorcode import DeviceCodeCredential", "async with": "with"} if credential == "sync" else {}
    run_example("Microsoft Graph", {**here(service), **sync})
    assert "Ada" in capsys.readouterr().out
    (request,) = service.requests
    assert request.claims["aud"] == "https://graph.microsoft.com"
    assert request.claims["xms_cc"] == ["CP1"]
    assert authority.count("devicecode") == 1


def test_a_claims_challenge(run_example: Run, service: Service, authority: Emulator) -> None:
    """A token that Graph takes no longer (CAE) is replaced without a prompt."""
    challenge = authority.claims_challenge

    def answer(request: Request) -> Reply:
        if len(service.requests) > 1:
            return Reply({"displayName": "Ada"})
        return Reply({}, 401, {"WWW-Authenticate": challenge().header})

    service.answers["/me"] = answer
    run_example("Microsoft Graph", here(service))
    assert len(service.requests) == 2
    assert authority.count("devicecode") == 1
