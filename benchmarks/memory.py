"""Tell how much memory a process has, for one library: ``python -m benchmarks.memory LIBRARY FACTS`` prints MiB."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.names import SCOPE

MIB = 1024 * 1024


def resident() -> float:
    """Return the resident size of this process in MiB."""
    import resource

    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / MIB
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MIB if sys.platform == "darwin" else most / 1024


def main(library: str, facts: dict[str, Any]) -> dict[str, float]:
    """Return the sizes after the import, and with a token out of the largest cache."""
    module: Any = importlib.import_module(library)
    cls = module.DeviceCodeCredential
    imported = resident()
    options = {**facts["options"], "disable_automatic_authentication": True}
    del options["authority"]  # the record names it
    credential = cls(
        authentication_record=module.AuthenticationRecord.deserialize(facts["record"]),
        cache_persistence_options=module.TokenCachePersistenceOptions(
            name=f"cache{facts['size']}", allow_unencrypted_storage=True
        ),
        **options,
    )
    credential.get_token(SCOPE)
    return {"imported": imported, "cached": resident()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
