"""Signatures of thoughts: opaque to a client, checked when they come back.

The key is fixed, so that a conversation survives a restart of the simulator, and no state is kept.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from hashlib import blake2b

KEY = b"switchyard simulator"
MARK = b"\x12\xaa\x01"
NONCE_BYTES = 8
MAC_BYTES = 24


def _mac(kind: str, nonce: bytes, text: str) -> bytes:
    return blake2b(
        nonce + text.encode("utf-8", "surrogatepass"), key=KEY + kind.encode(), digest_size=MAC_BYTES
    ).digest()


def seal(kind: str, text: str, nonce: str) -> str:
    """A signature over `text`, base64. The same text gets another one for another nonce."""
    salt = blake2b(nonce.encode(), digest_size=NONCE_BYTES).digest()
    return b64encode(MARK + salt + _mac(kind, salt, text)).decode("ascii")


def is_ours(kind: str, text: str, signature: str) -> bool:
    """Whether `seal` gave this signature for this text. Also takes the URL-safe alphabet and missing padding."""
    plain = signature.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (Error, ValueError):
        return False
    nonce = raw[len(MARK) : len(MARK) + NONCE_BYTES]
    return raw[: len(MARK)] == MARK and raw[len(MARK) + NONCE_BYTES :] == _mac(kind, nonce, text)
