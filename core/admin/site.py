"""The admin itself: who gets in, and which rules a browser is held to there."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import reverse
from unfold.dataclasses import Favicon
from unfold.sites import UnfoldAdminSite

from core.admin.permissions import may_enter
from core.admin.rooms import BLUE, in_rooms

# The theme's own scripts are written into its pages and read expressions from attributes (Alpine), which a stricter
# policy would stop. Nothing is fetched from, sent to or framed by anybody else.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


class HomeServeAdmin(UnfoldAdminSite):
    """One login page for the whole product, so that one lockout guards it; inside, the role decides."""

    enable_nav_sidebar = True
    index_title = "Everything"

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter(request.user)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """The tables by room: on the first page, in the rail and in its search."""
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        return apps if app_label else in_rooms(apps)

    def extra_context(self, context: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
        """The theme's hook: our colour and our sign."""
        context["colors"] = {**context["colors"], "primary": dict(BLUE)}
        context["site_favicons"] = [Favicon(href=static("homeserve/icon.svg"), rel="icon", type="image/svg+xml")]
        context["site_symbol"] = "home_repair_service"
        return context

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Nobody logged in: to the login page. Somebody without the right: refused, not asked to log in again."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            response: HttpResponse = inner(request, *args, **kwargs)
            response.headers.setdefault("Content-Security-Policy", POLICY)
            return response

        return update_wrapper(guarded, inner)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        index = reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return HttpResponseRedirect(index)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or index, login_url=settings.LOGIN_URL)


site = HomeServeAdmin(name="admin")
