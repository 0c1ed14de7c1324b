"""The encrypted forms: Go's, and the one with the program's own key."""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from cache.harness import names
from doorcode.cache import Conflict, Loaded, StoreKeyError, StoreUnreadable
from doorcode.cache._ciphers import jwe
from doorcode.cache._ciphers.cipher import DecryptionError
from doorcode.cache._ciphers.keyed import KeyedCipher
from doorcode.cache._stores.file import FileStore

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
DATA = b'{"a": 1}'


def part(data: bytes) -> bytes:
    """Return a part of compact JWE."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def encrypted_as_go_does(data: bytes, key: bytes, iv: bytes) -> bytes:
    """Encrypt as the contract describes it, written down apart from the code under test."""
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES128(key[16:]), modes.CBC(iv)).encryptor()
    text = encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    tag = hmac.digest(key[:16], b"" + iv + text + (0).to_bytes(8, "big"), hashlib.sha256)[:16]
    header = b'{"alg":"dir","enc":"A128CBC-HS256","kid":"42"}'
    return b".".join([part(header), b"", part(iv), part(text), part(tag)])


@given(data=st.binary(max_size=100))
def test_reads_what_go_wrote(data: bytes) -> None:
    """Content of any length that was encrypted in Go's form is decrypted."""
    assert jwe.decrypt(encrypted_as_go_does(data, KEY, b"i" * 16), KEY) == data


@given(data=st.binary(max_size=100))
def test_writes_what_go_reads(data: bytes) -> None:
    """The form is Go's to the byte, for the random value that was drawn."""
    sealed = jwe.encrypt(data, KEY, 42)
    iv, _, _ = jwe.parse(sealed)
    assert sealed == encrypted_as_go_does(data, KEY, iv)


def test_never_repeats_the_random_value() -> None:
    """The same content, encrypted twice, looks different."""
    assert jwe.encrypt(DATA, KEY, 1) != jwe.encrypt(DATA, KEY, 1)


@given(where=st.integers(min_value=0, max_value=10_000), bit=st.integers(min_value=0, max_value=7))
def test_notices_every_changed_bit(where: int, bit: int) -> None:
    """A changed bit in the random value, the text or the tag is noticed; the header is not protected, as in Go."""
    raw = list(map(bytearray, (b"i" * 16, *jwe.parse(encrypted_as_go_does(DATA, KEY, b"i" * 16))[1:])))
    position = where % sum(map(len, raw))
    index = 0
    while position >= len(raw[index]):
        position -= len(raw[index])
        index += 1
    raw[index][position] ^= 1 << bit
    header = part(b'{"alg":"dir","enc":"A128CBC-HS256"}')
    with pytest.raises(DecryptionError):
        jwe.decrypt(b".".join([header, b"", *map(part, map(bytes, raw))]), KEY)


def variants() -> dict[str, bytes]:
    """Return forms that are nearly Go's."""
    header, _, iv, text, tag = encrypted_as_go_does(DATA, KEY, b"i" * 16).split(b".")

    def with_header(value: object) -> bytes:
        return b".".join([part(json.dumps(value).encode()), b"", iv, text, tag])

    return {
        "nothing": b"",
        "four parts": b".".join([header, b"", iv, text]),
        "a wrapped key": b".".join([header, iv, iv, text, tag]),
        "no base64": b".".join([header, b"", b"!!!!", text, tag]),
        "short iv": b".".join([header, b"", part(b"i" * 12), text, tag]),
        "long tag": b".".join([header, b"", iv, text, part(b"t" * 32)]),
        "no text": b".".join([header, b"", iv, b"", tag]),
        "odd text": b".".join([header, b"", iv, part(b"x" * 17), tag]),
        "header is no JSON": b".".join([part(b"{"), b"", iv, text, tag]),
        "header is a list": with_header([]),
        "deep header": b".".join([part(b"[" * 100_000), b"", iv, text, tag]),
        "another algorithm": with_header({"alg": "dir", "enc": "A256GCM"}),
        "another key management": with_header({"alg": "A128KW", "enc": "A128CBC-HS256"}),
    }


@pytest.mark.parametrize("sealed", variants().values(), ids=variants())
def test_refuses_other_forms(sealed: bytes) -> None:
    """What is not Go's form to the letter is broken, and never a Python error."""
    with pytest.raises(DecryptionError):
        jwe.decrypt(sealed, KEY)


def test_refuses_another_key() -> None:
    """Content under another key cannot be told from damage, and is not opened."""
    with pytest.raises(DecryptionError, match="key that has been replaced"):
        jwe.decrypt(jwe.encrypt(DATA, KEY, 1), OTHER_KEY)


def encrypted_as_0_1_0(data: bytes, key: bytes) -> bytes:
    """Encrypt as doorcode 0.1.0 did, written down apart from the code under test; always with the same nonce."""
    header = b"doorcode-sealed-1\n" + hashlib.sha256(b"doorcode key\n" + key).digest()[:8]
    return header + b"n" * 12 + AESGCM(key).encrypt(b"n" * 12, data, header)


class TestCallersKey:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "dir" / "cache"

    def store(self, path: Path, key: bytes = KEY) -> FileStore:
        return FileStore(str(path), KeyedCipher(str(path), lambda: key))

    def test_another_key_is_an_error_and_overwrites_nothing(self, path: Path) -> None:
        """Neither reading, nor writing, nor updating with the wrong key changes the file."""
        stamp = self.store(path).save(DATA, None)
        assert not isinstance(stamp, Conflict)
        before = path.read_bytes()
        wrong = self.store(path, OTHER_KEY)
        for attempt in (
            wrong.load,
            lambda: wrong.save(DATA, None),
            lambda: wrong.save(DATA, stamp),
            lambda: wrong.update(lambda _: DATA),
        ):
            with pytest.raises(StoreKeyError, match="another encryption_key") as caught:
                attempt()
            assert caught.value.where == str(path)
        assert path.read_bytes() == before
        assert names(path.parent) == ["cache"]

    @pytest.mark.parametrize("cut", [-1, 40, 27])
    def test_damage_under_the_right_key_is_set_aside(self, path: Path, cut: int) -> None:
        """A torn file says which key it is under, so that the right key knows damage when it sees it."""
        self.store(path).save(DATA, None)
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(StoreUnreadable, match="damaged"):
            self.store(path).load()

    @pytest.mark.parametrize("content", [b"\0\1\2", b"{", b'{"a": {}}garbage', b'{"a": "\xff"}'])
    def test_what_is_no_cache_of_any_kind_is_set_aside(self, path: Path, content: bytes) -> None:
        """What is neither encrypted nor a whole cache is damage."""
        path.parent.mkdir()
        path.write_bytes(content)
        with pytest.raises(StoreUnreadable):
            self.store(path).load()

    @pytest.mark.parametrize(
        ("content", "kind"),
        [(DATA, "not encrypted"), (encrypted_as_go_does(DATA, KEY, b"i" * 16), "a key of the system")],
        ids=["plain", "Go's"],
    )
    def test_converts_nothing_without_being_asked(self, path: Path, content: bytes, kind: str) -> None:
        """A plain cache, or one of the kernel keyring's, is reported and left alone."""
        path.parent.mkdir()
        path.write_bytes(content)
        with pytest.raises(StoreKeyError, match=kind):
            self.store(path).load()
        assert path.read_bytes() == content

    def test_a_key_that_cannot_be_had_is_an_error(self, path: Path) -> None:
        """What the program's function raises is the cause, and nothing is written."""

        def no_key() -> bytes:
            raise OSError("no such secret")

        with pytest.raises(StoreKeyError, match="cannot get the encryption_key: no such secret"):
            FileStore(str(path), KeyedCipher(str(path), no_key)).save(DATA, None)
        assert not path.exists()

    def test_the_header_is_protected(self, path: Path) -> None:
        """Content cannot be passed off as encrypted in another version."""
        self.store(path).save(DATA, None)
        sealed = path.read_bytes()
        cipher = KeyedCipher(str(path), lambda: KEY)
        assert cipher.decrypt(sealed) == DATA
        with pytest.raises(DecryptionError):
            cipher.decrypt(sealed.replace(b"sealed-1", b"sealed-2"))

    @pytest.mark.parametrize("other", ["a.cae", "b.nocae"], ids=["another kind", "another program"])
    def test_another_caches_file_is_refused_and_set_aside(self, tmp_path: Path, other: str) -> None:
        """A file that was encrypted with the same key for another cache is not read in this one's place."""
        own, foreign = tmp_path / "a.nocae", tmp_path / other
        self.store(own).save(DATA, None)
        self.store(foreign).save(b'{"other": 1}', None)
        foreign.replace(own)
        with pytest.raises(StoreUnreadable, match="another cache's"):
            self.store(own).load()
        assert self.store(own).load() == Loaded(None, None)
        assert [name for name in names(tmp_path) if name.startswith("a.nocae.damaged-")]

    def test_is_read_wherever_the_directory_is_mounted(self, tmp_path: Path) -> None:
        """The file's name is bound to the content, and its directory is not."""
        self.store(tmp_path / "here" / "a.nocae").save(DATA, None)
        (tmp_path / "here").replace(tmp_path / "there")
        assert self.store(tmp_path / "there" / "a.nocae").load().data == DATA

    def test_what_0_1_0_encrypted_is_read_and_encrypted_anew(self, path: Path) -> None:
        """A file without its name in the additional data is read, and written at once with it."""
        path.parent.mkdir()
        path.write_bytes(encrypted_as_0_1_0(DATA, KEY))
        loaded = self.store(path).load()
        assert loaded == Loaded(DATA, self.store(path).stamp())
        renewed = path.read_bytes()
        assert renewed != encrypted_as_0_1_0(DATA, KEY)
        assert self.store(path).load() == loaded
        path.replace(path.with_name("other"))
        with pytest.raises(StoreUnreadable):
            self.store(path.with_name("other")).load()

    def test_what_0_1_0_encrypted_is_read_where_nothing_can_be_written(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full disk keeps the old form, and the content is had all the same."""
        path.parent.mkdir()
        path.write_bytes(encrypted_as_0_1_0(DATA, KEY))

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", refuse)
        assert self.store(path).load().data == DATA
        assert path.read_bytes() == encrypted_as_0_1_0(DATA, KEY)

    def test_0_1_0_leaves_the_new_form_alone(self, path: Path) -> None:
        """An earlier version takes it for another key's, which it never overwrites, and not for damage."""
        self.store(path).save(DATA, None)
        sealed, old = path.read_bytes(), encrypted_as_0_1_0(DATA, KEY)
        start = len(b"doorcode-sealed-1\n")
        assert sealed[:start] == old[:start]
        assert sealed[start : start + 8] != old[start : start + 8]

    def test_says_how_it_protects(self, path: Path) -> None:
        """People are told that the key is the program's."""
        assert self.store(path).describe() == f"the file {path}, encrypted with the program's own key"
