"""Read or write azure-identity's item through msal-extensions' own libsecret store, with a Python that has PyGObject.

Arguments: folder of msal-extensions and msal, signal file, name of the cache, and what to write (nothing: read).
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import sys

if __name__ == "__main__":
    packages, signal, name, *text = sys.argv[1:]
    sys.path.append(packages)
    from msal_extensions import LibsecretPersistence

    store = LibsecretPersistence(
        signal, name, {"MsalClientID": "Microsoft.Developer.IdentityService"}, label="MSALCache"
    )
    if text:
        store.save(text[0])
    else:
        print(store.load())
