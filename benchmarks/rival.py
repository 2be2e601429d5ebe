"""django-post_office beside us: the same mails, queued in a table of its own on the same server, sent as it sends them fastest.

    .venv/rival/bin/python benchmarks/rival.py DATABASE PORT PROCESSES THREADS < mails.json

Runs in an environment of its own, which `make bench` installs from benchmarks/requirements.txt: the product knows nothing
of it. Reads the mails (JSON) from its input and prints mails, seconds and sent, as JSON.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection


def configure(database: str, port: int, *, batch: int, threads: int) -> None:
    """Its own settings, as its README tells, with what makes it fastest: one batch, nothing logged."""
    url = urlsplit(database)
    settings.configure(
        SECRET_KEY="only-for-a-benchmark",
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": unquote(url.username or ""),
                "PASSWORD": unquote(url.password or ""), "HOST": url.hostname or "", "PORT": url.port or "",
            }
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "post_office"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        DEFAULT_FROM_EMAIL="HomeServe Pro <no-reply@homeserve.example>",
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "BATCH_SIZE": batch,
            "THREADS_PER_PROCESS": threads,
            "LOG_LEVEL": 0,
            "BATCH_DELIVERY_TIMEOUT": 600,
            "MESSAGE_ID_ENABLED": True,
            "MESSAGE_ID_FQDN": "homeserve.example",
        },
    )  # fmt: skip
    django.setup()
    logging.getLogger("post_office").setLevel(logging.ERROR)


def queue(mails: list[dict[str, str]]) -> None:
    """Rows as its own `send_many` writes them; filling its queue is not what is measured."""
    from post_office.mail import send_many  # noqa: PLC0415  (Django is not set up before)

    send_many([
        {
            "recipients": mail["to"], "subject": mail["subject"], "message": mail["text"], "html_message": mail["html"],
            "headers": {"List-Unsubscribe": f"<{mail['unsubscribe']}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        }
        for mail in mails
    ])  # fmt: skip


def main(database: str, port: int, processes: int, threads: int) -> None:
    mails = json.load(sys.stdin)
    configure(database, port, batch=len(mails), threads=threads)

    from post_office.models import STATUS, Email  # noqa: PLC0415  (Django is not set up before)

    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="homeserve-bench-") as folder:
        lock = str(Path(folder) / "post_office")
        # A few first, so that everything is imported and every connection was made once.
        queue(mails[:50])
        call_command("send_queued_mail", processes=processes, log_level=0, lockfile=lock)
        queue(mails)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        began = time.monotonic()
        call_command("send_queued_mail", processes=processes, log_level=0, lockfile=lock)
        seconds = time.monotonic() - began
    sent = Email.objects.filter(status=STATUS.sent).count() - 50
    print(json.dumps({"messages": len(mails), "seconds": seconds, "sent": sent}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
