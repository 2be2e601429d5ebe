"""Where a page sends whoever has changed something."""

from typing import Any

from django.http import HttpResponseRedirect
from django.urls import reverse


def see_other(name: str, *args: Any, query: str = "", fragment: str = "") -> HttpResponseRedirect:
    """After a POST: to be asked for anew with a GET."""
    address = reverse(name, args=args) + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    answer = HttpResponseRedirect(address)
    answer.status_code = 303
    return answer
