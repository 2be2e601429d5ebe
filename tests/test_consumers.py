"""Live connections over a real server: who is let in, what arrives, what a client may say, and when it ends."""

import threading
import time
from collections.abc import Iterator
from importlib import import_module
from uuid import uuid4

import pytest
from channels.layers import InMemoryChannelLayer
from django.conf import settings as configured
from django.utils import timezone

from core.models import BusinessAlert, NotificationLog, Phase, Role, User
from core.notifications.receipts import unread_count
from core.notifications.transport import Message
from core.notifications.transports.websocket import WebSocketTransport, publish
from core.routing import is_same_origin
from tests import people
from tests.servers.asgi import AsgiServer, log_in

WORDS = "₹1,500 आपके लिए · ನಿಮಗಾಗಿ 🛠️"
BAD_FRAMES = [
    "not JSON",
    "",
    "[]",
    "null",
    "[" * 2000,
    "1" * 4000,
    '{"type": "ack"}',
    '{"type": "ack", "id": "1"}',
    '{"type": "ack", "id": null}',
    '{"type": "ack", "id": {"a": [1]}}',
    '{"type": "read", "id": "\\ud800"}',
    '{"type": "shout", "id": 1}',
    '{"type": ["ack"]}',
    '{"type": "ack", "id": "' + "x" * 5000 + '"}',
    b'{"type": "ack"}',
]


@pytest.fixture
def server(transactional_db: None) -> Iterator[AsgiServer]:
    with AsgiServer() as running:
        yield running


def a_row(person: User, *, phase: Phase = Phase.ACCEPTED, method: str = "websocket") -> NotificationLog:
    status = {Phase.ACCEPTED: "sent", Phase.DELIVERED: "delivered"}.get(phase, "pending")
    lease = {"lease_token": uuid4(), "lease_until": timezone.now()} if phase == Phase.SENDING else {}
    return NotificationLog.objects.create(
        recipient=person, notification_type="bonus_alert", method=method, status=status, phase=phase, message=WORDS, **lease
    )


def a_message(row: NotificationLog) -> Message:
    return Message(
        id=row.pk,
        to=str(row.recipient_id),
        subject=WORDS,
        text=WORDS,
        notification_type=row.notification_type,
        created_at=row.created_at.isoformat(),
    )


def send_from_a_worker_thread(message: Message) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            WebSocketTransport().send(message)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert not errors, errors


# --- What arrives -----------------------------------------------------------------------------------------------------


def test_a_message_sent_by_a_worker_thread_is_on_the_page_within_a_second(server, vera):
    row = a_row(vera)
    with server.page(log_in(vera)) as page:
        assert page.next() == {"type": "unread", "count": 1}
        started = time.monotonic()
        send_from_a_worker_thread(a_message(row))
        assert page.next() == {
            "type": "notification",
            "id": str(row.pk),
            "notification_type": "bonus_alert",
            "subject": WORDS,
            "message": WORDS,
            "created_at": row.created_at.isoformat(),
        }
        assert time.monotonic() - started < 1
        assert page.next() == {"type": "unread", "count": 1}


@pytest.mark.distributed
def test_so_it_is_over_redis_as_well(server, vera, settings):
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": configured.REDIS_URL, "socket_timeout": None}], "capacity": 2000, "prefix": "test"},
        }
    }
    row = a_row(vera)
    with server.page(log_in(vera)) as page:
        page.next_of("unread")
        for _ in range(20):
            started = time.monotonic()
            send_from_a_worker_thread(a_message(row))
            assert page.next_of("notification")["subject"] == WORDS
            assert time.monotonic() - started < 1


def test_nothing_is_lost_when_many_threads_send_at_once(server, vera):
    row = a_row(vera)
    with server.page(log_in(vera)) as page:
        page.next_of("unread")

        def send_25() -> None:
            for _ in range(25):
                publish(f"user.{vera.pk}", {"type": "notification"})

        threads = [threading.Thread(target=send_25) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(200):
            page.next_of("notification", seconds=10)
        for thread in threads:
            thread.join(10)
        send_from_a_worker_thread(a_message(row))
        assert page.next_of("notification")["id"] == str(row.pk)


def test_threads_send_over_the_loop_the_pages_live_on(server, vera, monkeypatch):
    """The in-memory layer may be used from one thread only."""
    threads: list[str] = []
    send = InMemoryChannelLayer.group_send

    async def noted(self, *args):
        threads.append(threading.current_thread().name)
        await send(self, *args)

    monkeypatch.setattr(InMemoryChannelLayer, "group_send", noted)
    with server.page(log_in(vera)) as page:
        page.next_of("unread")
        send_from_a_worker_thread(a_message(a_row(vera)))
        page.next_of("notification")
    assert threads == ["asgi-server"]


def test_nobody_hears_anothers_messages(server, vera):
    kiran = people.meet("kiran")
    with server.page(log_in(kiran)) as page:
        assert page.next() == {"type": "unread", "count": 0}
        send_from_a_worker_thread(a_message(a_row(vera)))
        with pytest.raises(TimeoutError):
            page.next(seconds=0.5)


def test_sending_to_nobodys_page_is_accepted(vera):
    """The row is the inbox; the frame is a hint."""
    send_from_a_worker_thread(a_message(a_row(vera)))


# --- What a client may say --------------------------------------------------------------------------------------------


def test_an_acknowledgement_makes_it_delivered(server, vera):
    row = a_row(vera)
    with server.page(log_in(vera)) as page:
        page.next_of("unread")
        page.say({"type": "ack", "id": str(row.pk)})
        page.say({"type": "read", "id": str(row.pk)})
        assert page.next() == {"type": "unread", "count": 0}
    row.refresh_from_db()
    assert (row.status, row.phase) == ("delivered", Phase.DELIVERED)
    assert None not in (row.sent_at, row.delivered_at, row.read_at)


def test_an_acknowledgement_may_come_before_the_sender_has_noted_it(server, vera):
    row = a_row(vera, phase=Phase.SENDING)
    with server.page(log_in(vera)) as page:
        page.say({"type": "read", "id": str(row.pk)})
        assert page.next_of("unread")["count"] == 1
        assert page.next_of("unread")["count"] == 0
    row.refresh_from_db()
    assert (row.phase, row.lease_token, row.provider) == (Phase.DELIVERED, None, "websocket")


def test_reading_on_one_page_is_seen_on_the_other(server, vera):
    row = a_row(vera)
    cookie = log_in(vera)
    with server.page(cookie) as one, server.page(cookie) as other:
        assert one.next()["count"] == other.next()["count"] == 1
        one.say({"type": "read", "id": str(row.pk)})
        assert other.next() == {"type": "unread", "count": 0}


def test_nobody_acknowledges_anothers_message(server, vera):
    row = a_row(vera)
    kiran = people.meet("kiran")
    with server.page(log_in(kiran)) as page:
        page.next_of("unread")
        page.say({"type": "ack", "id": str(row.pk)})
        assert page.next() == {"type": "error", "message": "You have no such notification."}
        page.say({"type": "read", "id": str(row.pk)})
        assert page.next()["type"] == "error"
    row.refresh_from_db()
    assert (row.phase, row.read_at) == (Phase.ACCEPTED, None)


def test_a_bad_frame_is_answered_with_an_error_and_changes_nothing(server, vera):
    with server.page(log_in(vera)) as page:
        page.next_of("unread")
        for frame in BAD_FRAMES:
            page.say(frame)
            assert page.next()["type"] == "error", frame
        page.say({"type": "read", "id": str(a_row(vera).pk)})
        assert page.next() == {"type": "unread", "count": 0}


def test_a_page_may_ask_whether_it_is_still_heard(server, vera, omar):
    for person, path in ((vera, "/ws/notifications/"), (omar, "/ws/dashboard/")):
        with server.page(log_in(person), path=path) as page:
            page.say({"type": "ping"})
            assert page.next_of("pong") == {"type": "pong"}


def test_a_flood_ends_the_connection(server, vera):
    with server.page(log_in(vera)) as page:
        for _ in range(60):
            page.say("x")
        assert page.closed_with(5) == 4429


# --- Who is let in ----------------------------------------------------------------------------------------------------


def test_a_stranger_is_refused(server):
    assert server.page().refusal() == 403
    assert server.page("no-such-session").refusal() == 403


def test_a_page_of_another_site_is_refused(server, vera):
    cookie = log_in(vera)
    assert server.page(cookie).refusal() == 0
    assert server.page(cookie, origin="http://evil.example").refusal() == 403
    assert server.page(cookie, origin=f"http://127.0.0.1:{server.port + 1}").refusal() == 403
    assert server.page(cookie, origin=None).refusal() == 403
    assert server.page(cookie, origin="null").refusal() == 403


def test_an_address_that_is_not_there_is_refused(server, vera):
    assert server.page(log_in(vera), path="/ws/elsewhere/").refusal() == 403


def test_where_a_page_may_come_from(settings):
    settings.ALLOWED_HOSTS = ["homeserve.example", "[::1]"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.homeserve.example", "https://*.partner.example"]
    host = "homeserve.example"
    assert is_same_origin("https://homeserve.example", host)
    assert is_same_origin("https://homeserve.example:443", host)
    assert is_same_origin("http://homeserve.example:8000", "homeserve.example:8000")
    assert is_same_origin("http://[::1]:8000", "[::1]:8000")
    assert is_same_origin("https://app.homeserve.example", host)
    assert is_same_origin("https://a.partner.example", host)
    assert not is_same_origin("http://app.homeserve.example", host)
    assert not is_same_origin("https://homeserve.example:8443", host)
    assert not is_same_origin("https://evil-partner.example", host)
    assert not is_same_origin("https://homeserve.example.evil.example", host)
    assert not is_same_origin("https://rebound.example", "rebound.example")
    assert not is_same_origin("https://homeserve.example:notaport", host)
    assert not is_same_origin("file://homeserve.example", host)
    assert not is_same_origin("", host)


# --- When it ends -----------------------------------------------------------------------------------------------------


def test_a_logout_ends_it_within_ten_seconds(server, vera):
    cookie = log_in(vera)
    with server.page(cookie) as page:
        page.next_of("unread")
        import_module(configured.SESSION_ENGINE).SessionStore(cookie).delete()
        assert page.closed_with(10) == 4401


def test_a_deactivation_ends_it_within_ten_seconds(server, vera):
    with server.page(log_in(vera)) as page:
        page.next_of("unread")
        User.objects.filter(pk=vera.pk).update(is_active=False)
        assert page.closed_with(10) == 4401


def test_a_changed_password_ends_it_within_ten_seconds(server, vera):
    with server.page(log_in(vera)) as page:
        page.next_of("unread")
        vera.set_password("another one, as long")
        vera.save()
        assert page.closed_with(10) == 4401


def test_the_dashboard_ends_with_the_role(server):
    omar = people.meet("omar")
    with server.page(log_in(omar), path="/ws/dashboard/") as page:
        assert page.next() == {"type": "hello"}
        User.objects.filter(pk=omar.pk).update(role=Role.VENDOR)
        assert page.closed_with(10) == 4401


# --- The dashboard ----------------------------------------------------------------------------------------------------


def test_the_dashboard_is_for_staff(server):
    for name, status in {"sara": 0, "omar": 0, "farah": 0, "vera": 403, "kiran": 403}.items():
        assert server.page(log_in(people.meet(name)), path="/ws/dashboard/").refusal() == status, name


def test_the_dashboard_hears_of_events_with_fresh_counts(server):
    with server.page(log_in(people.meet("omar")), path="/ws/dashboard/") as page:
        assert page.next() == {"type": "hello"}
        assert page.next() == {
            "type": "counts",
            "active_alerts": 0,
            "critical_alerts": 0,
            "pending": 0,
            "sent_today": 0,
            "failed_today": 0,
        }
        BusinessAlert.objects.create(alert_type="booking_timeout", severity="critical", title="Late", description="")
        a_row(people.meet("vera"))
        for _ in range(5):
            publish("dashboard", {"type": "alert", "title": WORDS})
        for _ in range(5):
            assert page.next() == {"type": "alert", "title": WORDS}
        counts = page.next()
        assert (counts["active_alerts"], counts["critical_alerts"], counts["sent_today"]) == (1, 1, 1)
        with pytest.raises(TimeoutError):
            page.next(seconds=0.7)


def test_finance_hears_of_payments_only(server):
    BusinessAlert.objects.create(alert_type="booking_timeout", severity="critical", title="Late", description="")
    BusinessAlert.objects.create(alert_type="payment_hold", severity="high", title="Held", description="")
    with server.page(log_in(people.meet("farah")), path="/ws/dashboard/") as page:
        assert page.next() == {"type": "hello"}
        counts = page.next()
        assert (counts["active_alerts"], counts["critical_alerts"]) == (1, 0)
        publish("dashboard", {"type": "alert"})
        with pytest.raises(TimeoutError):
            page.next(seconds=0.5)
        publish("dashboard.finance", {"type": "alert"})
        assert page.next() == {"type": "alert"}


def test_the_dashboard_expects_nothing_from_its_pages(server):
    with server.page(log_in(people.meet("omar")), path="/ws/dashboard/") as page:
        page.next_of("counts")
        page.say({"type": "ack", "id": str(uuid4())})
        assert page.next()["type"] == "error"


# --- The inbox's number -----------------------------------------------------------------------------------------------


def test_unread_counts_what_is_in_the_inbox(vera):
    for phase in (Phase.QUEUED, Phase.SENDING, Phase.UNCERTAIN, Phase.ACCEPTED, Phase.DELIVERED):
        a_row(vera, phase=phase)
    a_row(vera, method="email")
    assert unread_count(vera.pk) == 4
