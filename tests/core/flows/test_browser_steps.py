"""What stands for an answer that did not come, of the steps of a browser sign-in."""

from __future__ import annotations

from doorcode._core.flows.browser_steps import BeginBrowser
from doorcode._core.model import TokenRequest
from doorcode._core.replies.faults import Endpoint


def test_the_endpoint_that_did_not_answer_is_named() -> None:
    """Before the page opens nothing but the OpenID configuration is asked for."""
    step = BeginBrowser(TokenRequest(("s",), "organizations"), "http://localhost:8400", None, 1.0)
    fault = step.no_answer("login.example")
    assert fault.endpoint is Endpoint.DISCOVERY
    assert "OpenID configuration" in fault.message
