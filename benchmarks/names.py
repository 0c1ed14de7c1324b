"""The names that every part of a run uses."""

from __future__ import annotations

AZURE = "azure.identity"
OURS = "doorcode"
CLIENT = "11111111-2222-3333-4444-555555555555"
SCOPE = "https://r0.example/.default"


def scope(number: object) -> str:
    """Return the scope of one of many resources."""
    return f"https://r{number}.example/.default"
