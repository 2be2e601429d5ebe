"""Where each address leads."""

from django.urls import URLPattern, URLResolver, include, path

from core.admin import site

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", site.urls),
    path("webhooks/", include("core.webhooks")),
    path("", include("core.dashboard.urls")),
    path("", include("core.web.urls")),
]

# What goes wrong before a view is reached is said in the API's shape where the API is.
handler400 = "core.dashboard.errors.bad_request"
handler403 = "core.dashboard.errors.permission_denied"
handler404 = "core.dashboard.errors.page_not_found"
handler500 = "core.dashboard.errors.server_error"
