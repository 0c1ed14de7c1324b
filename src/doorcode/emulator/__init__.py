"""Emulate Microsoft Entra ID on this machine, to test programs that sign users in without the cloud.

`Emulator` is the authority: start it, point a credential at it, and answer its prompts in place of the user. It needs
the extra ``emulator``. Only ``doorcode.testing`` imports this package.
"""

try:
    # Starlette parses forms with it, and imports it only at the first form.
    import python_multipart  # noqa: F401 # pyright: ignore[reportUnusedImport]

    from doorcode.emulator._approver import PromptApprover, ShownPrompt
    from doorcode.emulator._emulator import CredentialOptions, Emulator
    from doorcode.emulator._faults import Edit, ErrorReply, Fault, Faults, Hang, Latency, LostReply, Pass, Reply, Reset
    from doorcode.emulator._log import RequestRecord
    from doorcode.emulator._replies import (
        Decline,
        Expire,
        Garbage,
        Html,
        Pending,
        Refuse,
        ServerError,
        SlowDown,
        TooManyRequests,
    )
    from doorcode.emulator._wire import Fields
    from doorcode.emulator.authority.authority import Authority, ClaimsChallenge
    from doorcode.emulator.authority.directory import CONSUMERS_TENANT_ID, CONTOSO_TENANT_ID, Application, Tenant, User
    from doorcode.emulator.authority.grants import Policy
    from doorcode.emulator.authority.settings import AZURE_CLI_CLIENT_ID, Settings
except ModuleNotFoundError as _missing:
    if str(_missing.name).startswith("doorcode"):
        raise
    _message = f"doorcode.emulator needs {_missing.name}: pip install 'doorcode[emulator]'"
    raise ModuleNotFoundError(_message, name=_missing.name, path=_missing.path) from _missing

__all__ = [
    "AZURE_CLI_CLIENT_ID",
    "CONSUMERS_TENANT_ID",
    "CONTOSO_TENANT_ID",
    "Application",
    "Authority",
    "ClaimsChallenge",
    "CredentialOptions",
    "Decline",
    "Edit",
    "Emulator",
    "ErrorReply",
    "Expire",
    "Fault",
    "Faults",
    "Fields",
    "Garbage",
    "Hang",
    "Html",
    "Latency",
    "LostReply",
    "Pass",
    "Pending",
    "Policy",
    "PromptApprover",
    "Refuse",
    "Reply",
    "RequestRecord",
    "Reset",
    "ServerError",
    "Settings",
    "ShownPrompt",
    "SlowDown",
    "Tenant",
    "TooManyRequests",
    "User",
]
