"""Read a blob with Microsoft's SDK for Python, which knows nothing of doorcode.

Arguments: the kind of credential, the URL of an account, a container, a blob.
"""

from __future__ import annotations

import sys

import azure.identity
from azure.storage.blob import BlobServiceClient

kind, account, container, blob = sys.argv[1:]
with BlobServiceClient(account, getattr(azure.identity, kind)()) as service:
    sys.stdout.write(f"{service.get_blob_client(container, blob).download_blob().readall().decode()}\n")
