"""Ten thousand messages, and receipts of them that come thrice, shuffled, early and against one another: all end right."""

import random
from collections import Counter
from datetime import datetime
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import bulk
from core.models import DeliveryEvent, NotificationLog, Phase, ProviderReceipt, Status
from core.models.fields import new_id
from core.models.notifications import STATUS_OF
from core.notifications import receipts, twilio_words
from core.notifications.receipt import Receipt
from tests import people
from tests.conftest import MONDAY_NINE

MESSAGES = 10_000
BATCH = 500
# What a provider may say of one message, and where that leads in the end, in whatever order it comes.
STORIES = [
    (("queued", "sent", "delivered"), Phase.DELIVERED),
    (("queued", "sent", "undelivered"), Phase.UNDELIVERED),
    (("queued", "sent"), Phase.ACCEPTED),
    (("delivered",), Phase.DELIVERED),
    (("sent", "failed"), Phase.UNDELIVERED),
    # Against one another: what arrived has arrived.
    (("queued", "sent", "undelivered", "delivered"), Phase.DELIVERED),
    (("sent", "failed", "delivered", "teleported"), Phase.DELIVERED),
]
# Where our own belief may stand when they come.
BELIEFS = [Phase.ACCEPTED, Phase.SENDING, Phase.UNCERTAIN, Phase.UNKNOWN_OUTCOME, Phase.QUEUED, Phase.UNDELIVERED]
LEASED = (Phase.SENDING,)
NAMED = (Phase.ACCEPTED, Phase.UNDELIVERED)
FIELDS = ("id", "notification_type", "method", "status", "subject", "message", "metadata", "created_at", "error_message", "dup_risk",
          "key", "pincode", "personal", "phase", "address", "lane", "repeatable", "due_at", "tries", "lease_token", "lease_until",
          "provider", "provider_message_id", "error_code", "sent_at")  # fmt: skip


def said(name: str, word: str, *, about=None, now: datetime) -> Receipt:
    code = "30008" if word in ("undelivered", "failed") else ""
    heard, detail = twilio_words.meaning(word, code)
    return Receipt(
        provider="twilio", event_id=f"{name}:{word}:{code}", heard=heard, received_at=now, provider_message_id=name, named_id=about,
        code=code, detail=detail, payload={"MessageStatus": word},
    )  # fmt: skip


def written(phases, now: datetime) -> list:
    """Messages in these phases, in few statements; those that the provider's answer has not reached have no name yet."""
    ids = [new_id() for _ in phases]
    rows = (
        (pk, "business_alert", "sms", STATUS_OF[phase], "", "", "{}", now, "", phase is Phase.QUEUED, "", "", "{}", phase,
         f"+9198{number:08}", 1, True, now, 1, uuid4() if phase in LEASED else None, now if phase in LEASED else None,
         *(("twilio", f"SM{number}") if phase in NAMED else ("", "")), "", now if phase in NAMED else None)
        for number, (pk, phase) in enumerate(zip(ids, phases, strict=True))
    )  # fmt: skip
    bulk.insert(NotificationLog, FIELDS, rows)
    return ids


def name_comes_to_light(ids, now: datetime) -> None:
    """Our own commit, late: a sender writes the names that the provider gave, where nobody has moved the row in the meantime."""
    for pk, number in ids:
        NotificationLog.objects.filter(pk=pk, phase=Phase.SENDING).update(
            phase=Phase.ACCEPTED, status=Status.SENT, sent_at=now, provider="twilio", provider_message_id=f"SM{number}",
            lease_token=None, lease_until=None,
        )  # fmt: skip


@pytest.mark.django_db
def test_tripled_shuffled_early_and_contradictory_ten_thousand_of_ten_thousand_end_right(now):
    chance = random.Random(560001)
    stories = [chance.choice(STORIES) for _ in range(MESSAGES)]
    beliefs = [chance.choice(BELIEFS) for _ in range(MESSAGES)]
    ids = written(beliefs, now)
    # A tenth are told of by the provider's name alone, before our own note of that name: those can only wait.
    early = {n for n in range(MESSAGES) if beliefs[n] is Phase.SENDING and n % 2}
    words = [
        said(f"SM{n}", word, about=None if n in early or beliefs[n] is Phase.ACCEPTED else ids[n], now=now)
        for n, (story, _) in enumerate(stories)
        for word in story * 3
    ]
    chance.shuffle(words)
    half = len(words) // 2
    for start in range(0, half, BATCH):
        receipts.apply(words[start : min(start + BATCH, half)], now=now)
    name_comes_to_light([(ids[n], n) for n in sorted(early)], now)
    for start in range(half, len(words), BATCH):
        receipts.apply(words[start : start + BATCH], now=now)
    while receipts.apply_waiting(now=now):
        pass

    ended = dict(NotificationLog.objects.values_list("pk", "phase"))
    right = [_end(story, belief) for (_, story), belief in zip(stories, beliefs, strict=True)]
    wrong = Counter(
        (beliefs[n], stories[n][0], ended[pk]) for n, (pk, phase) in enumerate(zip(ids, right, strict=True)) if ended[pk] != phase
    )
    assert wrong == Counter()
    told = sum(len(story) for story, _ in stories)
    assert ProviderReceipt.objects.filter(applied_at__isnull=False).count() == told
    assert DeliveryEvent.objects.values("receipt").distinct().count() == DeliveryEvent.objects.count() == told
    left = NotificationLog.objects.all()
    assert not left.exclude(lease_token=None).exists()
    assert not left.filter(phase=Phase.DELIVERED, delivered_at=None).exists()
    assert not left.filter(sent_at=None).exists()


def _end(story: Phase, belief: Phase) -> Phase:
    return Phase.UNDELIVERED if (story, belief) == (Phase.ACCEPTED, Phase.UNDELIVERED) else story


class EveryOrder(TestCase):
    """Whatever is said in whatever order, cut into whatever batches."""

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(
        words=st.lists(st.sampled_from(["queued", "sent", "undelivered", "failed", "delivered", "teleported"]), min_size=1, max_size=8),
        belief=st.sampled_from([Phase.SENDING, Phase.UNCERTAIN, Phase.QUEUED, Phase.ACCEPTED, Phase.UNKNOWN_OUTCOME, Phase.EXPIRED]),
        at_once=st.integers(min_value=1, max_value=8),
        sweeps=st.booleans(),
    )
    def test_the_furthest_word_is_the_end(self, words, belief, at_once, sweeps):
        now = MONDAY_NINE
        [pk] = written([belief], now)
        person = people.person()
        NotificationLog.objects.filter(pk=pk).update(recipient=person)
        for start in range(0, len(words), at_once):
            receipts.apply([said("SM0", word, about=pk, now=now) for word in words[start : start + at_once]], now=now)
            if sweeps:
                receipts.apply_waiting(now=now)
        row = NotificationLog.objects.get(pk=pk)
        if "delivered" in words:
            assert row.phase == Phase.DELIVERED
        elif {"undelivered", "failed"} & set(words):
            assert row.phase == Phase.UNDELIVERED
        elif {"queued", "sent"} & set(words):
            assert row.phase == Phase.ACCEPTED
        else:
            assert row.phase == belief
        assert ProviderReceipt.objects.filter(named_id=pk).count() == len(set(words))
        assert DeliveryEvent.objects.filter(notification=pk).count() == len(set(words))
