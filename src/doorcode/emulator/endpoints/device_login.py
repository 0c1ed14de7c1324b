"""The verification URI, where the user enters a user code and approves or declines it (RFC 8628 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode.emulator._wire import Request, Response
from doorcode.emulator.authority.grants import Answer, IssuedDeviceCode
from doorcode.emulator.endpoints.interactions import Interaction
from doorcode.emulator.endpoints.questions import Decision, ask_account, proceed

if TYPE_CHECKING:
    from doorcode.emulator.endpoints.context import Context

WRONG_CODE: Final = "No sign-in is waiting for this code. Check it and try again."


def ask(context: Context, _: str, request: Request) -> Response:
    """Show the page for the code, filled in if the address contains one (RFC 8628 3.3.1)."""
    return _ask_code(context, Interaction(request.path), request.query.get("user_code", ""))


def answer(context: Context, _: str, request: Request) -> Response:
    """Take the code, then the account, then the decision."""
    state, form = context.state, request.form
    interaction = state.interactions.take(form.get("ticket", ""), request.path)
    if interaction is None:
        return context.pages.message("stale")
    if not interaction.device_code:
        return _enter(context, interaction, form.get("user_code", ""))
    code = state.device_codes[interaction.device_code]
    closed = _closed(context, code)
    if closed is not None:
        return closed
    decision = proceed(context, interaction, form)
    if isinstance(decision, Response):
        return decision
    if decision is Decision.CANCELLED:
        state.answer(code, Answer.DECLINED)
        return context.pages.message("declined")
    state.answer(code, Answer.APPROVED, interaction.user)
    return context.pages.message("done", _facts(context, interaction))


def _facts(context: Context, interaction: Interaction) -> dict[str, str]:
    """Return who signed in to what."""
    application = context.state.application(interaction.client_id, interaction.tenant_name)
    account = interaction.user.username if interaction.user is not None else ""
    return {"Account": account, "Program": application.name}


def _enter(context: Context, interaction: Interaction, user_code: str) -> Response:
    code = context.state.device_code_of(user_code)
    if code is None:
        return _ask_code(context, interaction, user_code, WRONG_CODE)
    closed = _closed(context, code)
    if closed is not None:
        return closed
    found = Interaction(interaction.action, code.tenant_name, code.client_id, code.scope, device_code=code.device_code)
    return ask_account(context, found)


def _closed(context: Context, code: IssuedDeviceCode) -> Response | None:
    """Return the page for a code that can no longer be answered."""
    if code.answer is not Answer.NONE:
        return context.pages.message("answered")
    if context.state.clock() >= code.expires_on:
        return context.pages.message("expired")
    return None


def _ask_code(context: Context, interaction: Interaction, typed: str, problem: str = "") -> Response:
    values = {
        "ticket": context.state.interactions.begin(interaction),
        "action": interaction.action,
        "typed": typed,
        "problem": problem,
    }
    return context.pages.show("code.html", values, status=400 if problem else 200)
