"""Whose a session is at this moment, for many at once: as a request would find it, in as many statements for a thousand as for one."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django_otp import DEVICE_ID_SESSION_KEY

from core.models import User
from core.security import second_factor

AT_ONCE = 900


def holders(keys: Collection[str]) -> dict[str, User]:
    """Who is logged in with each of these sessions. Left out are those that have ended: by a logout or with time, by a new
    password or role, a deactivation, or the loss of a second factor that is needed."""
    found: dict[str, User] = {}
    for some in _chunks(keys):
        # A session ends by the world's clock.
        rows = Session.objects.filter(session_key__in=some, expire_date__gt=timezone.now()).values_list("session_key", "session_data")
        held = {key: SessionStore().decode(data) for key, data in rows}
        users = User.objects.filter(is_active=True).in_bulk({person for data in held.values() if (person := _person(data)) is not None})
        if settings.SECOND_FACTOR:
            held = _with_their_second_factor(held, users)
        for key, data in held.items():
            user = users.get(_person(data) or 0)
            if user is not None and _is_theirs(data, user):
                found[key] = user
    return found


def _person(data: dict[str, Any]) -> int | None:
    try:
        return int(data[SESSION_KEY])
    except (KeyError, ValueError):
        return None


def _is_theirs(data: dict[str, Any], user: User) -> bool:
    """Whether the session was begun with the password and the role that its person has now, under any key of ours."""
    said = data.get(HASH_SESSION_KEY) or ""
    now = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(said, one) for one in now)


def _with_their_second_factor(held: dict[str, dict[str, Any]], users: dict[int, User]) -> dict[str, dict[str, Any]]:
    """Those sessions that need no second factor, or have one that is still set up."""
    need = {pk for pk, user in users.items() if second_factor.needed(user)}
    set_up = second_factor.devices_of(need) if need else set()
    return {
        key: data
        for key, data in held.items()
        if (person := _person(data)) not in need or (person, data.get(DEVICE_ID_SESSION_KEY)) in set_up
    }


def _chunks(keys: Collection[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, AT_ONCE)):
        yield some
