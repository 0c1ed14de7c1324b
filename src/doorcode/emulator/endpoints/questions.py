"""Ask the user for the account, then for consent; both flows use these pages."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorcode.emulator._wire import Fields, Response
    from doorcode.emulator.endpoints.context import Context
    from doorcode.emulator.endpoints.interactions import Interaction


class Decision(Enum):
    """The user's decision."""

    ACCEPTED = "accepted"
    CANCELLED = "cancelled"


def ask_account(context: Context, interaction: Interaction) -> Response:
    """Show the accounts that may sign in; if there are none, ask for a name."""
    users = context.state.directory.candidates(interaction.tenant_name)
    if not users:
        return ask_username(context, interaction)
    return _show(context, "account.html", interaction, {"users": users})


def ask_username(context: Context, interaction: Interaction, typed: str = "", problem: str = "") -> Response:
    """Ask for a sign-in name; ``problem`` says what was wrong with the last one."""
    status = 400 if problem else 200
    return _show(context, "sign_in.html", interaction, {"typed": typed, "problem": problem}, status=status)


def ask_consent(context: Context, interaction: Interaction) -> Response:
    """Show the application, the requested permissions and the user, and ask for consent."""
    values = {
        "user": interaction.user,
        "scopes": interaction.scope.split(),
        "on_device": bool(interaction.device_code),
    }
    return _show(context, "consent.html", interaction, values)


def proceed(context: Context, interaction: Interaction, form: Fields) -> Response | Decision:
    """Return the next page after a form; or the decision, after the last one."""
    action = form.get("action", "")
    if action == "cancel":
        return Decision.CANCELLED
    if action == "accept" and interaction.user is not None:
        return Decision.ACCEPTED
    if action == "other" or "username" not in form:
        return ask_username(context, interaction)
    return sign_in(context, interaction, form["username"].strip())


def sign_in(context: Context, interaction: Interaction, username: str) -> Response:
    """Take a sign-in name and return the page for consent, or the same page with the problem."""
    user = context.state.directory.user(username)
    if user is None:
        return ask_username(context, interaction, username, "There is no such account in this emulator.")
    if context.state.directory.realm(interaction.tenant_name, user) is None:
        problem = f"This account may not sign in at {interaction.tenant_name}."
        return ask_username(context, interaction, username, problem)
    return ask_consent(context, replace(interaction, user=user))


def _show(
    context: Context, template: str, interaction: Interaction, values: Mapping[str, object], *, status: int = 200
) -> Response:
    common = {
        "ticket": context.state.interactions.begin(interaction),
        "action": interaction.action,
        "application": context.state.application(interaction.client_id, interaction.tenant_name),
    }
    return context.pages.show(template, {**common, **values}, status=status, form_targets=interaction.form_targets)
