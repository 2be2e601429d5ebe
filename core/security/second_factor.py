"""A second factor for those who may do everything: a code of an authenticator app, or one of ten recovery codes.

Between the password and the code nobody is logged in: the session holds a claim (`Claim`), and a claim opens nothing. What the
app and the server share, and how codes are compared and slowed down, is django-otp's.
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO

import django_otp
import qrcode
from django.conf import settings
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from qrcode.image.svg import SvgPathImage

from core.models import Role, User
from core.security.limits import Limit, spend

CLAIM = "second_factor_claim"
CLAIM_LIFE = timedelta(minutes=10)
# One in 3 × 10⁵ is right at any moment: with these tries, guessing takes months of noise.
GUESSES = Limit("second_factor", most=10, within=timedelta(minutes=15))
RECOVERY_CODES = 10
# Letters and digits that nobody takes for one another.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def needed(user: User) -> bool:
    """Whether a password alone does not let this person in."""
    return bool(settings.SECOND_FACTOR) and user.role == Role.SUPER_ADMIN


def is_set_up(user: User) -> bool:
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


# --- The claim --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody has said a person's password, and not yet the code."""

    user: int
    backend: str
    proof: str
    since: float
    next: str


def claim(request: HttpRequest, user: User, *, next_url: str, now: datetime) -> None:
    """Begin a login that a code has to finish. Whatever the session held before is gone, and it has a new key."""
    request.session.flush()
    backend: str = user.backend  # Set by authenticate().
    made = Claim(user=user.pk, backend=backend, proof=user.get_session_auth_hash(), since=now.timestamp(), next=next_url)
    request.session[CLAIM] = asdict(made)


def claimed(request: HttpRequest, *, now: datetime) -> tuple[User, Claim] | None:
    """Whose login waits for a code; None when there is none, it has waited too long, or the person may no longer log in."""
    held = request.session.get(CLAIM)
    if not isinstance(held, dict):
        return None
    made = Claim(**held)
    user = User.objects.filter(pk=made.user, is_active=True).first()
    fresh = timedelta(0) <= timedelta(seconds=now.timestamp() - made.since) < CLAIM_LIFE
    if user is None or not fresh or not hmac.compare_digest(made.proof, user.get_session_auth_hash()):
        return None
    return user, made


# --- The app ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an authenticator app is shown: a picture to scan, and the same to type."""

    picture: str
    secret: str


def invite(user: User) -> Invitation:
    """What to set an app up with. The same until it has been confirmed with a code."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    picture = BytesIO()
    qrcode.make(device.config_url, image_factory=SvgPathImage, box_size=12).save(picture)
    encoded = base64.b64encode(picture.getvalue()).decode("ascii")
    plain = base64.b32encode(device.bin_key).decode("ascii")
    return Invitation(f"data:image/svg+xml;base64,{encoded}", " ".join(plain[at : at + 4] for at in range(0, len(plain), 4)))


def confirm(user: User, code: str, *, now: datetime) -> tuple[Device, list[str]] | None:
    """Set the invited app up, when this is its code. Returns it with the recovery codes, which nobody can read again."""
    if spend([(GUESSES, str(user.pk))], now=now):
        return None
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or is_set_up(user) or not device.verify_token(plain_code(code)):
            return None
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        return device, new_recovery_codes(user)


def verify(user: User, code: str, *, now: datetime) -> Device | None:
    """The device that this is a code of. A code works once, and so does a recovery code."""
    if spend([(GUESSES, str(user.pk))], now=now):
        return None
    plain = plain_code(code)
    model, token = (TOTPDevice, plain) if plain.isdigit() else (StaticDevice, _stored(user, plain))
    with transaction.atomic():
        for device in model.objects.select_for_update().filter(user=user, confirmed=True):
            if device.verify_token(token):
                found: Device = device
                return found
    return None


def plain_code(code: str) -> str:
    """As it was meant: people copy spaces and dashes, and type capitals."""
    return "".join(code.split()).replace("-", "").lower()[:64]


def new_recovery_codes(user: User) -> list[str]:
    """Ten codes for when the app is lost, each for once; earlier ones stop working. Only a keyed hash of each is kept."""
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        StaticToken.objects.bulk_create(StaticToken(device=device, token=_stored(user, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def recovery_codes_left(user: User) -> int:
    return StaticToken.objects.filter(device__user=user).count()


def devices_of(people: Collection[int]) -> set[tuple[int, str]]:
    """Everything these people have set up, as (person, the name that sessions have for it). Two statements."""
    return {
        (device.user_id, device.persistent_id)
        for model in (TOTPDevice, StaticDevice)
        for device in model.objects.filter(user__in=people, confirmed=True)
    }


def reset(user: User) -> int:
    """Forget the app and the codes: whoever is logged in no longer is, the next login sets up a new one. Returns how many devices went."""
    gone = 0
    for model in (TOTPDevice, StaticDevice):
        gone += model.objects.filter(user=user).delete()[1].get(model._meta.label, 0)
    return gone


def _stored(user: User, code: str) -> str:
    """Sixteen characters, as many as django-otp keeps: 80 bits of a keyed hash."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"recovery code\0{user.pk}\0{code}".encode(), sha256)
    return base64.b32encode(digest[:10]).decode("ascii").lower()


# --- Every request ----------------------------------------------------------------------------------------------------


def required(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: a session that began without the code, before one was needed or with a device that is gone, ends here."""

    def checked(request: HttpRequest) -> HttpResponseBase:
        if settings.SECOND_FACTOR and settings.SESSION_COOKIE_NAME in request.COOKIES:
            user = request.user
            if isinstance(user, User) and needed(user) and not user.is_verified():  # type: ignore[attr-defined]  # django-otp's
                logout(request)
        return get_response(request)

    return checked


def log_in_device(request: HttpRequest, device: Device) -> None:
    """Note in the session which device said the code."""
    django_otp.login(request, device)
