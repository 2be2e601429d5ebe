"""Tokens of programs: whose there are, a new one, and the end of one. The token itself is shown once, when it is made."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.http import Http404
from knox.models import AuthToken
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import audit, clock
from core.dashboard.errors import wrong
from core.dashboard.openapi import Done
from core.dashboard.pages import Order, moment, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import PersonShown, page_of, person_of, shown
from core.dashboard.strict import Id, Paged, Strict
from core.models import User

# The digest is in the order and never shown: it is what the database knows of the token.
NEWEST_FIRST: Final = Order(("-created", "token_key"), (moment, str))
MOST_DAYS: Final = 366


class TokenQuery(Paged):
    user_id = Id(required=False)


class TokenForm(Strict):
    user_id = Id(help_text="Whose: it may what this person's role may.")
    days = serializers.IntegerField(required=False, default=90, min_value=1, max_value=MOST_DAYS, help_text="How long it is good for.")


class TokenRow(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The first characters of the token.")
    user = PersonShown()
    created = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    is_expired = serializers.BooleanField()


class NewTokenShown(TokenRow):
    token = serializers.CharField(help_text="Shown this once. Send it as `Authorization: Bearer TOKEN`.")


class Tokens(Resource):
    @endpoint("List API tokens", query=TokenQuery, answers=page_of("tokens", TokenRow))
    def get(self, request: Request, said: Said) -> Response:
        """Newest first, logins over the API among them."""
        now = clock.now()
        rows = AuthToken.objects.filter(**{name: said[name] for name in ("user_id",) if name in said})
        part = part_of(rows, NEWEST_FIRST, said, loaded=lambda rows: rows.select_related("user"))
        return plain(shown("tokens", part, [row_of(row, now=now) for row in part.rows]))

    @endpoint("Make an API token", body=TokenForm, answers=NewTokenShown, status=201)
    def post(self, request: Request, said: Said) -> Response:
        """Only a hash of it is kept. An `Idempotency-Key` is not taken: the answer would have to be kept with the token in it."""
        user = User.objects.filter(pk=said["user_id"]).first()
        if user is None or not user.is_active:
            raise wrong("user_id", "There is no active person of this number.")
        row, token = made(user, said["days"], actor=self.user, now=clock.now())
        return plain({**row_of(row, now=clock.now()), "token": token}, status=201)


class TokenOne(Resource):
    @endpoint("Revoke an API token", answers=Done)
    def delete(self, request: Request, said: Said, token_id: str) -> Response:
        """It ends at once."""
        try:
            revoke(token_id, actor=self.user, now=clock.now())
        except AuthToken.DoesNotExist:
            raise Http404 from None
        return plain({"status": "success", "message": "Revoked."})


def made(user: User, days: int, *, actor: User, now: datetime) -> tuple[AuthToken, str]:
    """A new token of this person, and what it is: only a hash of it is kept."""
    with transaction.atomic():
        row, token = AuthToken.objects.create(user, expiry=timedelta(days=days))
        enter(row, (None, "made"), actor=actor, now=now)
    return row, token


def revoke(token_id: str, *, actor: User, now: datetime) -> User:
    """End a token at once; whose it was. Raises AuthToken.DoesNotExist."""
    rows = AuthToken.objects.filter(token_key=token_id).select_related("user") if "\0" not in token_id else []
    with transaction.atomic():
        row = next(iter(rows), None)
        if row is None:
            raise AuthToken.DoesNotExist
        row.delete()
        enter(row, ("good", "revoked"), actor=actor, now=now)
    user: User = row.user
    return user


def enter(row: AuthToken, change: tuple[str | None, str], *, actor: User, now: datetime) -> None:
    """The trail speaks of the person: the token's own row would be named there by its hash."""
    audit.enter(row.user, {"api_token": change}, actor=actor, now=now, more={"token": row.token_key})


def row_of(row: AuthToken, *, now: datetime) -> dict[str, Any]:
    return {
        "id": row.token_key,
        "user": person_of(row.user),
        "created": row.created,
        "expires_at": row.expiry,
        "is_expired": row.expiry is not None and row.expiry <= now,
    }
