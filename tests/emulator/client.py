"""Speak the protocol to the emulator as any client would, without doorcode's own code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, cast

from support.signing import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from doorcode.emulator import Emulator

DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "https://storage.azure.com/.default openid profile offline_access"
Json = dict[str, object]


def body(response: requests.Response) -> Json:
    """Return the JSON object that a response holds."""
    return cast("Json", response.json())


def text(content: Json, name: str) -> str:
    """Return a member that has to be text."""
    value = content[name]
    assert isinstance(value, str)
    return value


@dataclass
class Client:
    """Hold an HTTP session that trusts the emulator's CA, and the parameters that every request repeats."""

    authority: Emulator
    session: requests.Session
    tenant: str = "contoso.example"
    client_id: str = "11111111-2222-4333-8444-555555555555"

    def get(self, path: str, **query: str) -> requests.Response:
        return self.session.get(f"{self.authority.url}{path}", params=query, allow_redirects=False, timeout=PATIENCE)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.authority.url}{path}"
        return self.session.post(url, data=form, headers=named, allow_redirects=False, timeout=PATIENCE)

    def ask_device_code(self, **form: str) -> requests.Response:
        fields = {"client_id": self.client_id, "scope": SCOPE, **form}
        return self.post(f"/{self.tenant}/oauth2/v2.0/devicecode", fields)

    def redeem(self, grant_type: str, **form: str) -> requests.Response:
        fields = {"client_id": self.client_id, "grant_type": grant_type, "client_info": "1", **form}
        return self.post(f"/{self.tenant}/oauth2/v2.0/token", fields)

    def poll(self, device: Json, **form: str) -> requests.Response:
        return self.redeem(DEVICE_CODE_GRANT, device_code=text(device, "device_code"), **form)

    def sign_in(self, user: str | None = None, **form: str) -> Json:
        device = body(self.ask_device_code(**form))
        self.authority.approve(text(device, "user_code"), user)
        return body(self.poll(device))

    def refresh(self, tokens: Json, scope: str = SCOPE, **form: str) -> requests.Response:
        return self.redeem("refresh_token", refresh_token=text(tokens, "refresh_token"), scope=scope, **form)


@dataclass
class Page:
    """Hold an HTML page as a browser without scripts sees it."""

    client: Client
    response: requests.Response

    @property
    def heading(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.response.text, re.DOTALL)
        assert found, self.response.text
        return unescape(found[1])

    @property
    def words(self) -> str:
        """Return the text of the page, without tags."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.response.text)).split())

    def hidden(self) -> dict[str, str]:
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', self.response.text)
        return {name: unescape(value) for name, value in found}

    @property
    def target(self) -> str:
        """Return where the form of the page is sent."""
        found = re.search(r'<form method="post" action="([^"]+)">', self.response.text)
        assert found, self.response.text
        return unescape(found[1])

    def submit(self, **fields: str) -> Page:
        """Send the form of the page, with what a user filled in or pressed."""
        return Page(self.client, self.client.post(self.target, {**self.hidden(), **fields}))


def visit(client: Client, path: str, **query: str) -> Page:
    """Open a page."""
    return Page(client, client.get(path, **query))
