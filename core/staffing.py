"""What a change of somebody's role, or of whether they may come in, brings with it."""

from datetime import datetime

from django.db import transaction
from knox.models import AuthToken

from core import audit, locks
from core.models import Role, User


class NobodyLeft(Exception):
    """Without this person nobody could set anything up any more."""


def flags(user: User) -> None:
    """What the role means to code that only knows Django's own flags."""
    user.is_staff = user.is_superuser = user.role == Role.SUPER_ADMIN


def change(user_id: int, *, role: str | None = None, is_active: bool | None = None, actor: User | None, now: datetime) -> User:
    """Give somebody another role, close their account or open it. Their sessions end with the role, and their tokens here.

    Raises User.DoesNotExist, and NobodyLeft for the last active super admin.
    """
    with transaction.atomic():
        locks.hold("staffing")
        user = User.objects.select_for_update().get(pk=user_id)
        before = (user.role, user.is_active)
        user.role = user.role if role is None else role
        user.is_active = user.is_active if is_active is None else is_active
        if (user.role, user.is_active) == before:
            return user
        was_last = before == (Role.SUPER_ADMIN, True) and not _others(user)
        if was_last:
            raise NobodyLeft(f"{user} is the last super admin. Make somebody else one first.")
        flags(user)
        user.save(update_fields=["role", "is_active", "is_staff", "is_superuser"])
        end_tokens(user, actor=actor, now=now)
    return user


def end_tokens(user: User, *, actor: User | None, now: datetime) -> None:
    """All tokens of this person, logins over the API among them, are good no more."""
    ended, _ = AuthToken.objects.filter(user=user).delete()
    if ended:
        audit.enter(user, {"api_tokens": (ended, 0)}, actor=actor, now=now)


def _others(user: User) -> bool:
    return User.objects.filter(role=Role.SUPER_ADMIN, is_active=True).exclude(pk=user.pk).exists()
