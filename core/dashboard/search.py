"""Finding messages by what they say and whom they went to.

The words of a campaign are kept once for all its messages: they are looked for there, and the messages are found by the moment they were
written, which has an index. Words are looked up, not read, where the database has an index of them: see core.models.search.
"""

from typing import Final

from django.db.models import Exists, OuterRef, Q

from core.models import MessageContent, NotificationLog, User, search

# People found by a beginning; more than these are not a search.
PEOPLE: Final = 200
# When more texts than these hold the words, most messages do: they are met while reading, and need not be looked up.
TEXTS: Final = 300


def holding(term: str) -> Q:
    """The messages that hold the term, in any case, or whose person's name, username, email or phone begins with it."""
    return _own(term) | _common(term) | Q(recipient__in=_people(term))


def _own(term: str) -> Q:
    found = search.holding(NotificationLog, term, most=TEXTS)
    if found is not None and len(found) <= TEXTS:
        return Q(pk__in=found)
    return Q(content__isnull=True) & (Q(subject__icontains=term) | Q(message__icontains=term))


def _common(term: str) -> Q:
    known = search.holding(MessageContent, term, most=TEXTS)
    texts = MessageContent.objects.filter(Q(subject__icontains=term) | Q(body__icontains=term) if known is None else Q(pk__in=known))
    found = list(texts.values_list("id", "created_at")[: TEXTS + 1])
    if len(found) > TEXTS:
        holds = MessageContent.objects.filter(Q(subject__icontains=term) | Q(body__icontains=term))
        return Q(Exists(holds.filter(pk=OuterRef("content"))))
    return Q(content__in=[pk for pk, _ in found], created_at__in={at for _, at in found})


def _people(term: str) -> list[int]:
    begins = Q()
    for field in ("username", "first_name", "last_name", "email", "phone"):
        begins |= Q(**{f"{field}__istartswith": term})
    return list(User.objects.filter(begins).order_by().values_list("pk", flat=True)[:PEOPLE])
