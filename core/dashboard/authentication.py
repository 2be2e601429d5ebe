"""Who calls: a token (`Authorization: Bearer TOKEN`) for machines, the session for a browser that is logged in.

A token may what its person's role may, asked anew at each call. It ends when it expires, is deleted, or its person is inactive.
"""

import re
from hmac import compare_digest
from typing import Any, Final

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed

PREFIX: Final = "Bearer"
# The same for every bad token: which kind of bad it is, is nobody's business.
REFUSED: Final = "The token is unknown, revoked or expired."
# Whatever else is sent in its place is not looked for.
TOKEN = re.compile(rb"[0-9a-f]{64}")


class BearerToken(TokenAuthentication):
    """knox's tokens, looked up in one query."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not TOKEN.fullmatch(token):
            raise AuthenticationFailed(REFUSED)
        given, now = token.decode("ascii"), timezone.now()
        digest = hash_token(given)
        for row in AuthToken.objects.filter(token_key=given[: CONSTANTS.TOKEN_KEY_LENGTH]).select_related("user"):
            if compare_digest(row.digest, digest) and (row.expiry is None or row.expiry > now) and row.user.is_active:
                return row.user, row
        raise AuthenticationFailed(REFUSED)
