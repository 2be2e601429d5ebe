"""People: who there is, what their role is, and whether they may come in."""

import re
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock, staffing
from core.dashboard.errors import Refused
from core.dashboard.pages import Order, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import Flag, page_of, shown
from core.dashboard.strict import OneOf, Paged, Pincode, Strict, Text, Truth
from core.models import Role, User

BY_NUMBER: Final = Order(("id",), (int,))
MOST_WORDS: Final = 5
# In India; abroad, as it is kept.
HOME_CODE: Final = "91"
PHONE: Final = re.compile(r"(?:\+?91|0)?(?P<number>[6-9]\d{9})|\+(?P<abroad>[1-9]\d{6,14})")


class UserQuery(Paged):
    role = OneOf(lambda: Role.values, required=False)
    is_active = Flag(required=False)
    pincode = Pincode(required=False)
    search = Text(required=False, max_length=100, help_text="The beginnings of names, a username or an email; or a whole phone number.")


class UserForm(Strict):
    role = OneOf(lambda: Role.values, required=False)
    is_active = Truth(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"role": ["Say what is to change: role, is_active or both."]})
        return attrs


class UserRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    name = serializers.CharField()
    role = OneOf(lambda: Role.values)
    is_active = serializers.BooleanField()
    is_available = serializers.BooleanField()
    email = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    pincode = serializers.CharField(allow_blank=True)
    language = serializers.CharField()
    date_joined = serializers.DateTimeField()
    last_login = serializers.DateTimeField(allow_null=True)


class Users(Resource):
    @endpoint("List people", query=UserQuery, answers=page_of("users", UserRow))
    def get(self, request: Request, said: Said) -> Response:
        """By their number."""
        part = part_of(filtered(said), BY_NUMBER, said)
        return plain(shown("users", part, [row_of(user) for user in part.rows]))


class UserOne(Resource):
    @endpoint("One person", answers=UserRow)
    def get(self, request: Request, said: Said, user_id: int) -> Response:
        user = User.objects.filter(pk=user_id).first()
        if user is None:
            raise Http404
        return plain(row_of(user))

    @endpoint("Change somebody's role, or whether they may come in", body=UserForm, answers=UserRow)
    def patch(self, request: Request, said: Said, user_id: int) -> Response:
        """Who loses a role or may not come in any more is logged out everywhere, and their tokens end. 409 for the last super admin."""
        try:
            return plain(row_of(staffing.change(user_id, **said, actor=self.user, now=clock.now())))
        except User.DoesNotExist:
            raise Http404 from None
        except staffing.NobodyLeft as error:
            raise Refused(str(error), code="last_super_admin") from error


def filtered(said: Said) -> QuerySet[User]:
    """The people whom the filters leave."""
    rows: QuerySet[User] = User.objects.filter(**{name: said[name] for name in ("role", "is_active", "pincode") if name in said})
    if "search" in said:
        rows = rows.filter(called(said["search"]))
    return rows


def called(text: str) -> Q:
    """Those whom these words may mean: each begins a name, the username or the email; or all of it is their phone number."""
    whole, digits = Q(), re.sub(r"[ ()-]", "", text)
    if is_phone := PHONE.fullmatch(digits):
        whole = Q(phone=f"+{is_phone['abroad'] or HOME_CODE + is_phone['number']}")
    words = Q()
    for word in text.split()[:MOST_WORDS]:
        begins = Q()
        for name in ("first_name", "last_name", "username", "email"):
            begins |= Q(**{f"{name}__istartswith": word})
        words &= begins
    return words | whole if whole else words


def row_of(user: User) -> dict[str, Any]:
    return {name: str(user) if name == "name" else getattr(user, name) for name in UserRow._declared_fields}
