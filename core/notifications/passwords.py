"""One-time passwords. The code is derived from the row's id and the secret key whenever it is needed; it is stored nowhere.

The database holds a keyed hash of it (docs/adr/0007). One code is open per identifier; it lives five minutes and takes
five tries. An identifier gets five codes and ten tries in a quarter of an hour (docs/rules.md, 7). Where the caller says from which
address it is asked, one address and one network get so many codes and tries as well, whoever they are for.
"""

import hmac
import re
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count, F, Sum

from core import locks
from core.models import OneTimePassword
from core.models.fields import new_id
from core.security.addresses import network_of
from core.security.limits import Counted, Limit, spend

LIFE = timedelta(minutes=5)
MAX_TRIES = 5
DIGITS = 6
PHONE = re.compile(r"\+?[0-9]{6,15}")
# What an identifier may use up within the window, whoever asks for it: codes, and tries over all of them.
WINDOW = timedelta(minutes=15)
MAX_CODES = 5
MAX_TRIES_OF_ALL = 10
# The same for an address and its network, over all identifiers: an office is behind one, and so is who writes to strangers at our cost.
ASKED = (Limit("code_asked_address", most=20, within=WINDOW), Limit("code_asked_network", most=60, within=WINDOW))
GUESSED = (Limit("code_guessed_address", most=30, within=WINDOW), Limit("code_guessed_network", most=100, within=WINDOW))


class OverCap(Exception):
    """An identifier, or who asks, has used up its codes or its tries; there is no further code for a while. Says so in words."""


def normalised(identifier: object) -> str:
    """The one form of an email or phone that codes are kept under; of nothing at all, the empty one, which is nobody's."""
    plain = "" if identifier is None else str(identifier).strip().lower()
    return plain if "@" in plain else plain.translate({ord(c): None for c in " -()"})


def is_reached(address: str, method: str) -> bool:
    """Whether this is one address of the kind that the method writes to: not two, and nothing with a line of its own in it."""
    if method != "email":
        return PHONE.fullmatch(address) is not None
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def issue(identifier: str, *, now: datetime, asked_from: str = "") -> OneTimePassword:
    """Open a new code for an identifier, asked for from an address. An earlier one stops working. Call it inside a transaction.

    Raises OverCap when the identifier has had its codes, or has been guessed at too often: no code would help then; or when its
    address or network has asked for too many. What was counted stays counted, so let that transaction end well.
    """
    if spend(_from(asked_from, ASKED), now=now):
        raise OverCap("too many codes were asked for from where this one was; there is no other for now.")
    owner = _keyed("identifier", normalised(identifier))
    locks.hold(f"otp:{owner}")
    codes, tries = _used_up(owner, now=now)
    if codes >= MAX_CODES or tries >= MAX_TRIES_OF_ALL:
        used_up = f"{MAX_CODES} codes were sent" if codes >= MAX_CODES else f"{MAX_TRIES_OF_ALL} codes were tried"
        minutes = int(WINDOW.total_seconds() // 60)
        raise OverCap(f"{used_up} within {minutes} minutes; there is no other for now.")
    OneTimePassword.objects.filter(identifier_hash=owner, used_at__isnull=True).update(used_at=now)
    row = new_id()
    return OneTimePassword.objects.create(
        id=row, identifier_hash=owner, code_hash=_keyed("code", f"{row.hex}:{code_of(row)}"), created_at=now, expires_at=now + LIFE
    )


def code_of(row: UUID) -> str:
    """The six digits of a row, as RFC 4226 truncates a hash, with SECRET_KEY as the secret and the row's id as the moving factor."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), b"one-time password\0" + row.bytes, "sha256")
    offset = digest[-1] & 0x0F
    return str((int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF) % 10**DIGITS).zfill(DIGITS)


def verify(identifier: str, code: str, *, now: datetime, guessed_from: str = "") -> bool:
    """Whether this is the open code of the identifier. Every call uses up a try; a right code works once.

    After ten tries within a quarter of an hour, over all its codes, the identifier is locked: a right code is wrong too. So it is
    for an address or a network that has guessed too often, at whomever.
    """
    if spend(_from(guessed_from, GUESSED), now=now):
        return False
    owner = _keyed("identifier", normalised(identifier))
    with transaction.atomic():
        # An earlier code takes no more tries: what it used up is certain, and only those of the open one are left to count.
        _, earlier = _used_up(owner, now=now, used_at__isnull=False)
        left = min(MAX_TRIES, MAX_TRIES_OF_ALL - earlier)
        # The try is counted before the code is looked at, so that guesses made at once are all counted.
        tried = OneTimePassword.objects.filter(identifier_hash=owner, used_at__isnull=True, expires_at__gt=now, tries__lt=left)
        if not tried.update(tries=F("tries") + 1):
            return False
        password = OneTimePassword.objects.get(identifier_hash=owner, used_at__isnull=True)
        if not hmac.compare_digest(password.code_hash, _keyed("code", f"{password.pk.hex}:{code.strip()}")):
            return False
        return bool(OneTimePassword.objects.filter(pk=password.pk, used_at__isnull=True).update(used_at=now))


def _from(address: str, limits: tuple[Limit, Limit]) -> list[Counted]:
    return list(zip(limits, (address, network_of(address)), strict=True))


def _used_up(owner: str, *, now: datetime, **which: bool) -> tuple[int, int]:
    """Codes and tries of an identifier within the window."""
    recent = OneTimePassword.objects.filter(identifier_hash=owner, created_at__gt=now - WINDOW, **which)
    used = recent.aggregate(codes=Count("pk"), tries=Sum("tries"))
    return used["codes"], used["tries"] or 0


def _keyed(purpose: str, text: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"{purpose}\0{text}".encode(), sha256).hexdigest()
