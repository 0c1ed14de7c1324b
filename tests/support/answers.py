"""An authority that answers from a script, without any socket."""

from __future__ import annotations

from typing import Any, TypeAlias

from azure.core.pipeline.transport import HttpTransport

from support import rows

Script: TypeAlias = "dict[str, tuple[int, dict[str, str], bytes]]"
"""What each endpoint answers: status, headers, body."""
HOST = "login.example"
GOOD: dict[str, Any] = {
    "discovery": {
        "issuer": f"https://{HOST}/tid/v2.0",
        "authorization_endpoint": f"https://{HOST}/tid/oauth2/v2.0/authorize",
        "token_endpoint": f"https://{HOST}/tid/oauth2/v2.0/token",
        "device_authorization_endpoint": f"https://{HOST}/tid/oauth2/v2.0/devicecode",
    },
    "devicecode": {
        "device_code": "SECRET-DC",
        "user_code": "ABCD-EFGH",
        "verification_uri": "https://login.example/device",
        "expires_in": 900,
        "interval": 1,
        "message": "Enter ABCD-EFGH",
    },
    "token": rows.reply("SECRET-AT", "SECRET-RT"),
}


class Answers(HttpTransport[Any, Any]):
    """A transport that answers from a script, in the shape of azure-core's first generation of responses."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def send(self, request: Any, **_: Any) -> Any:
        name = "discovery" if request.method == "GET" else request.url.rpartition("/")[2]
        status, headers, body = self._script[name]
        text = body.decode("utf-8", "surrogateescape")
        return type("Reply", (), {"status_code": status, "headers": headers, "text": lambda *_, **__: text})()

    def open(self) -> None:
        """Have nothing to open."""

    def close(self) -> None:
        """Have nothing to close."""

    def __exit__(self, *_: object) -> None:
        """Have nothing to close."""
