"""Finding messages by what they say and whom they went to.

The words of a campaign are kept once for all its messages: they are looked for there, and the messages are found by the moment they were
written, which has an index. On PostgreSQL texts and people have trigram indexes; see docs/api.md for SQLite.
"""

from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Exists, OuterRef, Q

from core.models import MessageContent, Status, User
from core.models.notifications import STATUS_OF

# What waits, phase by phase: each has a partial index of its own.
PENDING: Final = reduce(or_, (Q(phase=phase) for phase, status in STATUS_OF.items() if status is Status.PENDING))
# People found by a beginning; more than these are not a search.
PEOPLE: Final = 200
# When more texts than these hold the words, most messages do: they are met while reading, and need not be looked up.
TEXTS: Final = 300


def holding(term: str) -> Q:
    """The messages that hold the term, in any case, or whose person's name, username, email or phone begins with it."""
    own = Q(content__isnull=True) & (Q(subject__icontains=term) | Q(message__icontains=term))
    return own | _common(term) | Q(recipient__in=_people(term))


def _common(term: str) -> Q:
    texts = MessageContent.objects.filter(Q(subject__icontains=term) | Q(body__icontains=term))
    found = list(texts.values_list("id", "created_at")[: TEXTS + 1])
    if len(found) > TEXTS:
        return Q(Exists(texts.filter(pk=OuterRef("content"))))
    return Q(content__in=[pk for pk, _ in found], created_at__in={at for _, at in found})


def _people(term: str) -> list[int]:
    begins = Q()
    for field in ("username", "first_name", "last_name", "email", "phone"):
        begins |= Q(**{f"{field}__istartswith": term})
    return list(User.objects.filter(begins).order_by().values_list("pk", flat=True)[:PEOPLE])
