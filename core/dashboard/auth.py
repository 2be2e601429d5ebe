"""A token for a username and a password, through the lockout of the login page; and its end."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth import logout as end_session
from django.contrib.auth.signals import user_logged_in
from knox.models import AuthToken
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.authentication import PREFIX
from core.dashboard.openapi import Done, Error
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import Strict, Text
from core.models import User
from core.security import logins, second_factor


class Credentials(Strict):
    username = Text(max_length=150)
    password = Text(max_length=4096, trim_whitespace=False)
    code = Text(max_length=64, required=False, help_text="Of an authenticator app, where one is needed beside the password.")


class NewToken(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Shown this once. Send it as `Authorization: Bearer TOKEN`.")
    expires_at = serializers.DateTimeField(allow_null=True)


class Login(Resource):
    """No credentials are looked at but those in the body: a stale token or cookie is no hindrance."""

    authentication_classes = ()
    throttle_scope = "login"

    def get_authenticate_header(self, request: Request) -> str:
        """What makes a wrong password a 401, though nothing but the body is looked at."""
        return PREFIX

    @endpoint("Log in for a token", body=Credentials, answers=NewToken, also={429: Error})
    def post(self, request: Request, said: Said) -> Response:
        """401 for a wrong password, an account that is not active, or a missing or wrong code; 429 after too many tries."""
        underneath = request._request
        user = authenticate(underneath, username=said["username"], password=said["password"])
        if getattr(underneath, "axes_locked_out", False):
            refusal = logins.locked_out(underneath, None, {"username": said["username"]})
            # Said here, in our own words: the middleware would put another answer in place of this one.
            underneath.axes_locked_out = False  # type: ignore[attr-defined]
            raise exceptions.Throttled(wait=int(refusal.headers["Retry-After"]), code="locked_out")
        if not isinstance(user, User):
            raise exceptions.AuthenticationFailed("The username or the password is wrong.")
        if second_factor.needed(user):
            if "code" not in said:
                raise exceptions.AuthenticationFailed("A code of the authenticator app is needed, too.", code="code_needed")
            if second_factor.verify(user, said["code"], now=clock.now()) is None:
                raise exceptions.AuthenticationFailed("The code is wrong, or there were too many.", code="code_wrong")
        # Whoever counts failures hears that this was none.
        user_logged_in.send(sender=User, request=underneath, user=user)
        row, token = AuthToken.objects.create(user)
        return plain({"token": token, "expires_at": row.expiry})


class Logout(Resource):
    @endpoint("Log out", answers=Done)
    def post(self, request: Request, said: Said) -> Response:
        """Revokes the token the call came with, at once; or ends the session."""
        if isinstance(request.auth, AuthToken):
            request.auth.delete()
        else:
            end_session(request._request)
        return plain({"status": "success", "message": "Logged out."})
