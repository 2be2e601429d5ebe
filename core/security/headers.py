"""What every answer tells the browser. The policy of contents is django-csp's (settings); Django's own middleware says the rest."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers

View = Callable[[HttpRequest], HttpResponseBase]

# No page of ours uses any of it, and nothing that came to lie in one may.
PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer",
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
)
# An answer that Django gives up on before its own middleware has these as well.
ALWAYS = {
    "Permissions-Policy": PERMISSIONS,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def on_every_answer(get_response: View) -> View:
    """Middleware: the headers that nothing leaves without, files and refusals included."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in ALWAYS.items():
            response.headers.setdefault(name, value)
        return response

    return answered


def kept_by_nobody(get_response: View) -> View:
    """Middleware, behind the one that serves files: what a page says is its reader's, and no cache keeps it unless the view says so."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if "Cache-Control" not in response.headers:
            add_never_cache_headers(response)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return answered
