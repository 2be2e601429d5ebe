"""Which transport carries a method. The setting TRANSPORTS names the classes; each knows itself whether it is configured."""

import itertools
import os
import threading
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from core.notifications.transport import Transport
from core.notifications.transports.console import in_place_of


class Kept(threading.local):
    """One thread's transports, with their connections, and what they were made for."""

    process = 0
    settings_version = 0

    def __init__(self) -> None:
        self.transports: dict[str, Transport] = {}


_kept = Kept()
# Counts the changes of settings, which only tests make.
_changes = itertools.count(1)
_settings = {"version": 0}


def methods() -> list[str]:
    """The methods there are, in the order of the setting."""
    return list(settings.TRANSPORTS)


def transport_class(method: str) -> type[Transport]:
    """The class that carries a method, configured or not. Raises LookupError for a method that nothing carries."""
    try:
        path = settings.TRANSPORTS[method]
    except KeyError:
        raise LookupError(f"Nothing carries {method!r}. There are: {', '.join(methods())}.") from None
    found: type[Transport] = import_string(path)
    return found


def transport_for(method: str) -> Transport:
    """This thread's transport of a method: always the same one while the settings stay, so that it can keep its connection.

    Where no provider is configured, and the method is one that the outbox page shows, the outbox takes its place.
    """
    # A connection must not be shared with the process that was forked, nor outlive the settings it was made from.
    if _kept.process != os.getpid():
        _kept.transports, _kept.process = {}, os.getpid()
    if _kept.settings_version != _settings["version"]:
        close_transports()
        _kept.settings_version = _settings["version"]
    if method not in _kept.transports:
        found = transport_class(method)
        absent = found.shown_in_outbox and not found.is_configured()
        _kept.transports[method] = in_place_of(found)() if absent else found()
    return _kept.transports[method]


def close_transports() -> None:
    """Let go of this thread's connections, as a thread does that ends."""
    for transport in _kept.transports.values():
        transport.close()
    _kept.transports = {}


@receiver(setting_changed, dispatch_uid="core.notifications.transports")
def _settings_changed(**_: Any) -> None:
    _settings["version"] = next(_changes)


__all__ = ["close_transports", "methods", "transport_class", "transport_for"]
