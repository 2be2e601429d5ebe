"""Finding messages by what they say and whom they went to.

The words of a campaign are kept once for all its messages: they are looked for there, and the messages are found by the moment they were
written, which has an index. Words are looked up, not read, where the database has an index of them: see core.models.search.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from core.models import MessageContent, NotificationLog, Status, search

# What waits, whenever it was written.
PENDING: Final = Q(status=Status.PENDING)
# People found by a beginning; more than these are not a search.
PEOPLE: Final = 200
# When more texts than these hold the words, most messages do: they are met while reading, and need not be looked up.
TEXTS: Final = 300
# So many runs, the newest, are enough for most first pages: a campaign writes to hundreds at one moment.
NEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class Holding:
    """The messages that hold a term. `newest`, where it is known, leaves the newest of them, and nothing older than any it leaves out."""

    all: Q
    newest: Q | None


def holding(term: str) -> Holding:
    """The messages that hold the term, in any case, or whose person's name, username, email or phone begins with it."""
    others = _own(term) | Q(recipient__in=_people(term))
    texts = _texts(term)
    if texts is None:
        holds = MessageContent.objects.filter(_holds(term), pk=OuterRef("content"))
        return Holding(others | Q(Exists(holds)), None)
    found = others | _of(texts)
    moments = sorted({at for _, at in texts}, reverse=True)
    if len(moments) <= NEWEST:
        return Holding(found, None)
    newest = [(pk, at) for pk, at in texts if at > moments[NEWEST]]
    return Holding(found, Q(created_at__gt=moments[NEWEST]) & (others | _of(newest)))


def _of(texts: list[tuple[UUID, datetime]]) -> Q:
    return Q(content__in=[pk for pk, _ in texts], created_at__in={at for _, at in texts})


def _own(term: str) -> Q:
    found = search.holding(NotificationLog, term, most=TEXTS)
    if found is not None and len(found) <= TEXTS:
        return Q(pk__in=found)
    return Q(content__isnull=True) & (Q(subject__icontains=term) | Q(message__icontains=term))


def _texts(term: str) -> list[tuple[UUID, datetime]] | None:
    """The texts that hold the term, and when they were written; None when they are too many."""
    known = search.holding(MessageContent, term, most=TEXTS)
    texts = MessageContent.objects.filter(_holds(term) if known is None else Q(pk__in=known))
    found = list(texts.order_by().values_list("id", "created_at")[: TEXTS + 1])
    return found if len(found) <= TEXTS else None


def _holds(term: str) -> Q:
    return Q(subject__icontains=term) | Q(body__icontains=term)


def _people(term: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(*search.beginning(term, most=PEOPLE))
        return [pk for (pk,) in cursor.fetchall()]
