"""Short signed tokens that stand for a row in a web address: whoever holds one needs no login, and nobody can make one.

A token is the row's id and a signature over it, for one purpose: an unsubscribe token opens nothing else.
"""

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from uuid import UUID

from django.conf import settings

LINK = "link"
UNSUBSCRIBE = "unsubscribe"
ACT = "act"

ID_BYTES = 16
# Half of SHA-256's output: 128 bits, which nobody guesses, in 43 characters with the id, so that an SMS stays short.
SIGNATURE_BYTES = 16


@lru_cache(maxsize=16)
def _key(secret: str) -> bytes:
    """A key of our own, so that these signatures are worth nothing where SECRET_KEY signs something else."""
    return hashlib.sha256(b"core.links\0" + secret.encode()).digest()


def _signature(secret: str, purpose: str, row: bytes) -> bytes:
    return hmac.digest(_key(secret), purpose.encode() + b"\0" + row, "sha256")[:SIGNATURE_BYTES]


def token(purpose: str, row_id: UUID) -> str:
    """43 characters that are safe in an address. The same row and purpose always give the same token."""
    row = row_id.bytes
    return urlsafe_b64encode(row + _signature(settings.SECRET_KEY, purpose, row))[:-1].decode("ascii")


def read(purpose: str, token: str) -> UUID | None:
    """The id in a token that was made for this purpose under SECRET_KEY or a fallback of it; None for anything else."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=")
    except (UnicodeEncodeError, binascii.Error):
        return None
    # Spelt in one way only: base64 readers skip foreign characters and spare bits.
    if len(raw) != ID_BYTES + SIGNATURE_BYTES or urlsafe_b64encode(raw)[:-1].decode("ascii") != token:
        return None
    row, signature = raw[:ID_BYTES], raw[ID_BYTES:]
    # Every key is tried, so that the time taken does not tell which one fits.
    secrets = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    fits = [hmac.compare_digest(_signature(secret, purpose, row), signature) for secret in secrets]
    return UUID(bytes=row) if any(fits) else None
