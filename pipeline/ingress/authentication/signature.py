"""Signatures. In: a request, a scheme's signature and the live secrets. Out: the key it vouches for, or Denied.

The key, by which a repeated message takes effect once, is the message's id where the scheme has one: signed with the
rest, or at least the same whenever the sender repeats it. Where it has none, it is the SHA-256 of what was signed, time
included: the same request again is the same message, whatever else was changed on the way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipeline.ingress.authentication.arrived import Arrived, Denied, as_sent
from pipeline.ingress.authentication.credentials import Check
from pipeline.ingress.authentication.signed import Template
from schemas.scheme import Signature

TIME = re.compile(r"[0-9]{1,12}")  # seconds; what float() takes besides, such as nan, would be compared in vain
SIGNATURES = 20  # in one header, at most
LONGEST_ID = 255
DIGEST = "sha256:"  # what a key begins with that stands for what was signed, and not for a message's id


class BadSecret(ValueError):
    """A secret is not what the scheme makes keys from; the message holds no secret."""


def by_signatures(
    signatures: Sequence[Signature], secrets: Sequence[bytes], tolerance: float, bases: Sequence[str]
) -> Check:
    """The request is signed in one of these ways, with one of these secrets. Raises BadSecret."""
    verifiers = [Verifier(each, secrets, tolerance, bases) for each in signatures]

    def check(arrived: Arrived, now: float) -> str:
        meant = next((verifier for verifier in verifiers if verifier.is_meant(arrived)), verifiers[0])
        return meant.key(arrived, now)

    return check


class Verifier:
    """One way of signing, with its keys made ready."""

    def __init__(self, signature: Signature, secrets: Sequence[bytes], tolerance: float, bases: Sequence[str]) -> None:
        self._signature = signature
        self._tolerance = tolerance
        self._template = Template(signature.signed, bases)
        marked = signature.public_prefix.encode()
        public = [secret for secret in secrets if marked and secret.startswith(marked)]
        self._macs = [mac_key(secret, signature) for secret in secrets if secret not in public]
        self._public = [_public_key(secret.removeprefix(marked)) for secret in public]

    def is_meant(self, arrived: Arrived) -> bool:
        """Whether a request has the marks of this way of signing."""
        hashed = self._signature.body_hash
        return self._signature.header in arrived.headers and (hashed is None or hashed in arrived.query)

    def key(self, arrived: Arrived, now: float) -> str:
        """The idempotency key of a request that is signed rightly. Denied."""
        signature = self._signature
        header = arrived.one(signature.header)
        stamps, presented = self._read(header)
        timestamp = self._time(arrived, stamps, now)
        id = None if signature.id_header is None else self._id(arrived, signature.id_header)
        texts = self._template.texts(arrived, timestamp, id)
        signed = self._vouched(texts, presented)
        if signed is None:
            raise Denied("mismatch", f"the signature in header {signature.header} is not that of this request")
        if signature.body_hash is not None:
            self._check_hash(arrived, signature.body_hash)
            return id or f"{DIGEST}{hashlib.sha256(signed + arrived.body).hexdigest()}"
        return id or f"{DIGEST}{hashlib.sha256(signed).hexdigest()}"

    def _read(self, header: str) -> tuple[list[str], list[str]]:
        """The times and the signatures of the header."""
        signature = self._signature
        if signature.signature_part is None:
            given = header.split(signature.several) if signature.several else [header.strip()]
            stamps: list[str] = []
        else:
            parts = [(name.strip(), value) for name, _, value in (part.partition("=") for part in header.split(","))]
            given = [value for name, value in parts if name == signature.signature_part]
            stamps = [value for name, value in parts if name == signature.timestamp_part]
        if not 1 <= len(given) <= SIGNATURES:
            raise Denied("malformed", f"header {signature.header} holds no signature, or more than {SIGNATURES}")
        return stamps, given

    def _time(self, arrived: Arrived, stamps: Sequence[str], now: float) -> bytes:
        """The signed time, if the scheme signs one and it is not too far off."""
        signature = self._signature
        if signature.timestamp_header is not None:
            stamps = [arrived.one(signature.timestamp_header)]
        elif signature.timestamp_part is None:
            return b""
        where = f"header {signature.timestamp_header or signature.header}"
        if len(stamps) != 1 or not TIME.fullmatch(stamps[0]):
            raise Denied("malformed", f"{where} must hold one time, in whole Unix seconds")
        if abs(now - int(stamps[0])) > self._tolerance:
            raise Denied("stale", f"the time in {where} is more than {self._tolerance:g} seconds away from now")
        return stamps[0].encode()

    def _id(self, arrived: Arrived, header: str) -> str | None:
        """The message's id; one that is not signed may be left out, and then what was signed stands for it."""
        if "id" not in self._template.parts and header not in arrived.headers:
            return None
        id = arrived.one(header)
        if not 1 <= len(id) <= LONGEST_ID:
            raise Denied("malformed", f"header {header} must have 1 to {LONGEST_ID} characters")
        return id

    def _vouched(self, texts: Sequence[bytes], presented: Sequence[str]) -> bytes | None:
        """The text that one of the signatures is of. Every secret is tried with every text and every signature."""
        signature = self._signature
        macs = [_normal(each[len(signature.prefix) :], signature) for each in presented if self._is_mac(each)]
        vouched = None
        for text in texts:
            for key in self._macs:
                expected = written(hmac.digest(key, text, signature.algorithm), signature)
                for given in macs:
                    if hmac.compare_digest(expected, given):
                        vouched = text
            if self._public and self._is_signed(text, presented):
                vouched = text
        return vouched

    def _is_mac(self, given: str) -> bool:
        return given.startswith(self._signature.prefix)

    def _is_signed(self, text: bytes, presented: Sequence[str]) -> bool:
        found = False
        for given in presented:
            mark = self._signature.public_signature
            if given.startswith(mark):
                for key in self._public:
                    found |= _verifies(key, given.removeprefix(mark), text)
        return found

    def _check_hash(self, arrived: Arrived, name: str) -> None:
        """The body's hash is in the URL, and the URL is signed."""
        given = arrived.query.get(name, "")
        if not hmac.compare_digest(hashlib.sha256(arrived.body).hexdigest().encode(), as_sent(given.lower())):
            raise Denied("mismatch", f"{name} in the URL is not the hash of this body")


def mac_key(secret: bytes, signature: Signature) -> bytes:
    """The key that a secret makes. Raises BadSecret."""
    text = secret.removeprefix(signature.secret_prefix.encode())
    try:
        match signature.secret_encoding:
            case "base64":
                key = base64.b64decode(text, validate=True)
            case "hex":
                key = bytes.fromhex(text.decode("ascii"))
            case _:
                key = text
    except ValueError:  # binascii.Error and UnicodeDecodeError are ones
        raise BadSecret(f"the secret is not in {signature.secret_encoding}") from None
    if not key:
        raise BadSecret("the secret is empty")
    return key


def _public_key(text: bytes) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        raise BadSecret("the secret is not an Ed25519 public key of 32 bytes in base64") from None


def _verifies(key: Ed25519PublicKey, given: str, text: bytes) -> bool:
    try:
        key.verify(base64.b64decode(as_sent(given), validate=True), text)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def written(mac: bytes, signature: Signature) -> bytes:
    """A MAC as it is sent, without what stands before it."""
    return mac.hex().encode() if signature.encoding == "hex" else base64.b64encode(mac)


def _normal(given: str, signature: Signature) -> bytes:
    """A signature as it is compared: hex in either case; base64 to the letter, so that it is written in one way."""
    return as_sent(given.lower() if signature.encoding == "hex" else given)
