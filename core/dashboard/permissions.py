"""DRF's side of the table in `core.access`: deny by default."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core import access


class ByTable(BasePermission):
    """Lets in whom the table lets in. A view whose address is not in it lets nobody in."""

    message = "Your role may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        match = request.resolver_match
        rule = access.rule_of(match.route) if match else None
        if match is None or rule is None:
            return False
        # Only whom the address lets in at all hears which methods it has.
        if request.method not in ("HEAD", *rule) and any(access.may(request.user, match.route, method) for method in rule):
            raise MethodNotAllowed(str(request.method))
        return access.may(request.user, match.route, str(request.method))
