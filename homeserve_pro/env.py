"""Typed readers of the environment. A wrong value stops the start with the variable's name, what it holds and what it may."""

import os
import re
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DATABASE_SCHEMES = {"sqlite", "postgres", "postgresql"}


def read_file(path: Path) -> None:
    """Take what a `.env` file sets and the environment does not."""
    if path.is_file():
        environ.Env.read_env(str(path))


def text(name: str, default: str = "") -> str:
    """The variable, stripped; `default` when it is absent or empty."""
    return os.environ.get(name, "").strip() or default


def secret(name: str, default: str = "") -> str:
    """The variable, or the content of the file that NAME_FILE points to, as container platforms mount secrets."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {path} cannot be read ({error.strerror}).") from error


def named(prefix: str) -> dict[str, str]:
    """All variables whose names begin with this, by the rest of their names; those of NAME_FILE are read from the file."""
    names = {name.removesuffix("_FILE") for name, value in os.environ.items() if name.startswith(prefix) and value.strip()}
    return {name.removeprefix(prefix): secret(name) for name in sorted(names) if name != prefix}


def login(name: str) -> str:
    """A secret of the form user:password."""
    value = secret(name)
    if value and not all(value.partition(":")):
        raise ImproperlyConfigured(f"{name}: must be a user and a password with a colon between them.")
    return value


def secrets(name: str) -> list[str]:
    """A list of secrets, separated by commas or, in a file, by lines."""
    return [one.strip() for one in secret(name).replace("\n", ",").split(",") if one.strip()]


def flag(name: str, default: bool = False) -> bool:
    """1/0, true/false, yes/no, on/off, in any case."""
    if name not in os.environ:
        return default
    value = os.environ[name].strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name}: {os.environ[name]!r} is neither yes nor no. Use 1 or 0.")


def number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """A whole number within [least, most]."""
    raw = text(name)
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}: {raw!r} is not a whole number.") from None
    if value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ImproperlyConfigured(f"{name}: {value} is out of range; it must be {bounds}.")
    return value


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A list separated by commas."""
    raw = text(name)
    return [word.strip() for word in raw.split(",") if word.strip()] if raw else list(default)


def rates(name: str) -> dict[str, tuple[float, float | None]]:
    """Providers with their messages a second and, after a slash, at once: `twilio=10,smtp:mail.example=50/100`."""
    found: dict[str, tuple[float, float | None]] = {}
    for given in words(name):
        provider, equals, rate = (part.strip() for part in given.rpartition("="))
        per_second, slash, burst = rate.partition("/")
        if not provider or not equals:
            raise ImproperlyConfigured(f"{name}: {given!r} is not a provider and its rate, as twilio=10.")
        if provider in found:
            raise ImproperlyConfigured(f"{name}: {provider!r} is named twice.")
        try:
            values = float(per_second), float(burst) if slash else None
        except ValueError:
            raise ImproperlyConfigured(f"{name}: {rate!r} is not a number of messages a second, as 10 or 10/20.") from None
        if not 0.01 <= values[0] <= 100_000 or (values[1] is not None and not 1 <= values[1] <= 100_000):
            raise ImproperlyConfigured(f"{name}: {given!r} is out of range; a rate is from 0.01 to 100000, at once from 1 to 100000.")
        found[provider] = values
    return found


def prefixes(name: str) -> list[str]:
    """First digits of pincodes, separated by commas."""
    given = words(name)
    for prefix in given:
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 6 and prefix[0] != "0"):
            raise ImproperlyConfigured(f"{name}: {prefix!r} is not the first digits of a pincode, as 560 or 5601.")
    return given


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Addresses and networks, separated by commas: `10.0.0.0/8, 2001:db8::5`."""
    found: list[IPv4Network | IPv6Network] = []
    for given in words(name):
        try:
            found.append(ip_network(given))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {given!r} is not an address or a network ({error}).") from None
    return found


def office_hours(name: str, default: str) -> tuple[frozenset[int], time, time]:
    """Days of the week (Monday is 0) and the times between which people are there, as Mon-Sat 9:00-19:00."""
    raw = text(name, default)
    shape = re.fullmatch(r"(\w{3})(?:-(\w{3}))? +(\d{1,2}:\d{2})-(\d{1,2}:\d{2})", raw)
    try:
        if shape is None:
            raise ValueError
        first, last = (DAYS.index((day or shape[1]).capitalize()) for day in shape.group(1, 2))
        opens, closes = (time.fromisoformat(given.zfill(5)) for given in shape.group(3, 4))
    except ValueError:
        raise ImproperlyConfigured(f"{name}: {raw!r} are no hours; write them as Mon-Sat 9:00-19:00.") from None
    if opens >= closes:
        raise ImproperlyConfigured(f"{name}: {raw!r} ends before it begins.")
    return frozenset((first + ahead) % 7 for ahead in range((last - first) % 7 + 1)), opens, closes


def url(name: str, default: str = "", *, schemes: tuple[str, ...] = ("http", "https")) -> str:
    """An absolute URL with one of the schemes, without a trailing slash; empty when absent."""
    raw = text(name, default)
    if not raw:
        return ""
    try:
        parts = urlsplit(raw)
        parts.port  # noqa: B018  (reading it is what checks it)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {raw!r} is not a URL ({error}).") from None
    if parts.scheme not in schemes or not (parts.netloc or parts.path):
        raise ImproperlyConfigured(f"{name}: {raw!r} is not a URL; it must begin with {' or '.join(s + '://' for s in schemes)}.")
    return raw.rstrip("/")


def time_zone(name: str, default: str) -> str:
    """An IANA zone name."""
    value = text(name, default)
    if value not in available_timezones():
        raise ImproperlyConfigured(f"{name}: {value!r} is not a time zone. Use a name such as Asia/Kolkata.")
    return value


def database(name: str, *, base: Path, default: Path) -> dict[str, Any]:
    """sqlite:///relative, sqlite:////absolute, postgres:// or postgresql://, with the options each one needs here."""
    raw = text(name)
    if raw and urlsplit(raw).scheme not in DATABASE_SCHEMES:
        raise ImproperlyConfigured(f"{name}: only sqlite:// and postgres:// (or postgresql://) are supported.")
    if not raw:
        return sqlite(default)
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(raw))
    except (ValueError, KeyError) as error:
        raise ImproperlyConfigured(f"{name}: not a database URL ({error}).") from error
    if config["ENGINE"].endswith("sqlite3"):
        path = Path(config["NAME"])
        return sqlite(path if str(path) == ":memory:" or path.is_absolute() else base / path)
    if not config.get("NAME"):
        raise ImproperlyConfigured(f"{name}: the database's name is missing after the host.")
    config.update(
        ENGINE="django.db.backends.postgresql",
        # A page is served on a thread of its own: a connection that outlived its request would be nobody's to close.
        CONN_MAX_AGE=0,
        # Prepared are only the statements of core.statements: planned once, whatever the values.
        OPTIONS={
            "connect_timeout": 10,
            "prepare_threshold": 2,
            "options": "-c plan_cache_mode=force_generic_plan",
            **config.get("OPTIONS", {}),
        },
    )
    return config


def sqlite(path: Path) -> dict[str, Any]:
    """WAL lets readers read while one writes; IMMEDIATE takes the write lock at BEGIN, so that a transaction waits at
    its start (up to `timeout` seconds) and never fails in its middle."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
            ),
        },
    }
