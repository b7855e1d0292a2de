"""Secrets under lock. In: a value, and where it belongs. Out: sealed bytes that open in that place alone.

AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits; account and name are its associated data, so that a
row which was copied to another place does not open there. Sealed bytes begin with a version and the id of the key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
KEY_BYTES = 32
ID_BYTES, NONCE_BYTES = 4, 12
HEAD = len(VERSION) + ID_BYTES
SETTING = "LEADPIPE_SECRET_KEY"


class SealError(ValueError):
    """A secret cannot be sealed or opened; the message says why and what to do, and holds no secret."""


@dataclass(frozen=True)
class _Key:
    id: bytes
    cipher: AESGCM


class Seals:
    """Seals with the first of its keys, and opens what any of them has sealed."""

    def __init__(self, keys: str | None) -> None:
        """`keys` is the setting: keys of 32 bytes in base64, parted by commas, the newest first. Raises SealError."""
        self._keys = [_key(each.strip()) for each in (keys or "").split(",") if each.strip()]

    @property
    def ready(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    def seal(self, value: bytes, account: int, name: str) -> bytes:
        """The value, sealed for this account and name. Raises SealError."""
        if not self._keys:
            raise SealError(
                f"no key to keep secrets with: set {SETTING} for this command and for the ingress "
                "(`leadpipe secret key` makes one), or name the secret as env:NAME or file:/path"
            )
        key = self._keys[0]
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + key.id + nonce + key.cipher.encrypt(nonce, value, _place(account, name))

    def open(self, sealed: bytes, account: int, name: str) -> bytes:
        """The value that was sealed for this account and name. Raises SealError."""
        if sealed[:1] != VERSION:
            raise SealError(f"secret {name!r} was sealed by another version of Leadpipe; set it again")
        key = next((key for key in self._keys if key.id == sealed[1:HEAD]), None)
        if key is None:
            what = "holds another key" if self._keys else "is not set"
            raise SealError(
                f"secret {name!r} cannot be opened: {SETTING} {what}; set the one that it was sealed with "
                "(an old key may follow the new one, after a comma)"
            )
        nonce, text = sealed[HEAD : HEAD + NONCE_BYTES], sealed[HEAD + NONCE_BYTES :]
        try:
            return key.cipher.decrypt(nonce, text, _place(account, name))
        except (InvalidTag, ValueError):
            raise SealError(f"secret {name!r} was damaged, or moved from another place; set it again") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether it is sealed with the newest key."""
        return bool(self._keys) and sealed[:HEAD] == VERSION + self._keys[0].id


def new_key() -> str:
    """A new key, as the setting takes it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _key(text: str) -> _Key:
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SealError(f"{SETTING} must hold {KEY_BYTES} bytes in base64; `leadpipe secret key` makes such a key")
    return _Key(hashlib.sha256(b"leadpipe key id" + key).digest()[:ID_BYTES], AESGCM(key))


def _place(account: int, name: str) -> bytes:
    return f"leadpipe secret {account} {name}".encode()
