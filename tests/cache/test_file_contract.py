from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from doorcode.cache._ciphers.keyed import KeyedCipher
from doorcode.cache._stores.file import FileStore
from doorcode.testing._store_contract import OpenStore, StoreContract

KEY = bytes(range(32))


class TestPlainFile(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        path = str(tmp_path / "new" / "cache")
        return lambda: FileStore(path)

    @pytest.fixture
    def stored_bytes(self, tmp_path: Path) -> Callable[[], bytes]:
        return (tmp_path / "new" / "cache").read_bytes


class TestFileWithCallersKey(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        path = str(tmp_path / "cache")
        return lambda: FileStore(path, KeyedCipher(path, lambda: KEY))

    @pytest.fixture
    def stored_bytes(self, tmp_path: Path) -> Callable[[], bytes]:
        return (tmp_path / "cache").read_bytes
