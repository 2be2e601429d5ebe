"""A PostgreSQL database of a journey's own, beside the one of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """The URL of an empty database that is gone when the block ends."""
    at = connection.settings_dict
    server = {"host": at["HOST"], "port": at["PORT"] or 5432, "user": at["USER"], "password": at["PASSWORD"]}
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as admin:
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield f"postgres://{quote(server['user'])}:{quote(server['password'] or '')}@{server['host']}:{server['port']}/{name}"
    finally:
        with psycopg.connect(dbname="postgres", autocommit=True, **server) as admin:
            admin.execute(drop)


def redis_url() -> str:
    """This test's own Redis, without options."""
    return urlunsplit(urlsplit(settings.REDIS_URL)._replace(query=""))
