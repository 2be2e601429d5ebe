"""`NotificationService`: the public verbs, as the README's examples use them.

An explicit call is a person's decision: it ignores flags and thresholds, but not opt-outs, caps, suppression and pauses.
The same arguments on the same day tell nobody twice (docs/rules.md, 10). Embedded, and called where no server runs in the
process, the messages are really sent before the call returns.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from core import audiences, clock
from core.alerts.check import kind_for, roles_for
from core.messaging import explicit
from core.messaging.campaigns.high_demand import ratio_words
from core.messaging.campaigns.promotions import offer
from core.messaging.campaigns.vendor_bonus import BONUS_PERCENTAGE, last_moment
from core.messaging.explicit import Sent
from core.messaging.pincode_campaign import bring_up_to_date, usual_values
from core.models import Booking, BusinessAlert, MessagingRun, User
from core.notifications import handover, kinds, passwords
from core.notifications.outbox import Notice, enqueue, enqueue_address
from core.notifications.transports import methods

DEMAND_DATA = ("total_bookings", "available_vendors", "avg_booking_value", "demand_ratio")
PROMOTION_DATA = (
    "subject", "title", "description", "offer_text", "offer_description", "action_text", "action_url", "expiry_date",
)  # fmt: skip
ALERT_DATA = (
    "subject",
    "title",
    "description",
    "severity",
    "count",
    "rupees",
    "total_amount",
    "oldest",
    "alert_id",
)


class NotificationService:
    """Writes to people on somebody's word. Every verb returns what came of it, true when something was queued."""

    @staticmethod
    def send_demand_notifications(pincode: str, demand_data: Mapping[str, Any] | None = None) -> Sent:
        """Tell the pincode's available vendors of high demand. What `demand_data` does not say is measured.

        Raises ValueError for a pincode that is none.
        """
        now, pincode, warnings = clock.now(), explicit.checked_pincode(pincode), list[str]()
        given = explicit.known(demand_data, DEMAND_DATA, warnings)
        # With bookings and no vendor the ratio is infinite, and is given as that.
        no_vendor = explicit.as_decimal(given.get("demand_ratio")).is_infinite()
        numbers = {key: explicit.number({} if no_vendor and key == "demand_ratio" else given, key, warnings) for key in DEMAND_DATA}
        bring_up_to_date(now=now)
        day = explicit.busier_day(pincode, now=now)
        bookings, vendors, value, ratio = (numbers[key] for key in DEMAND_DATA)
        if bookings is not None:
            day.total_bookings = int(bookings)
        if vendors is not None:
            day.available_vendors = int(vendors)
        context = {
            "pincode": pincode,
            "bookings": day.total_bookings,
            "vendors": day.available_vendors,
            "ratio": ratio_words(math.inf if no_vendor else day.demand_ratio if ratio is None else float(ratio)),
            "average_value": value if value is not None else usual_values([pincode], now=now).get(pincode),
            "as_of": day.measured_at,
            "day": "today" if day.date == clock.business_day(now) else "yesterday",
        }
        notice = Notice(
            kind=kinds.DEMAND,
            key=explicit.key_of("demand", pincode, given, now=now),
            context=context,
            pincode=pincode,
            link_url="/inbox/",
            metadata={"campaign": "high_demand", "explicit": True, "pincode": pincode},
        )
        return _tell(notice, audiences.available_vendors([pincode]), warnings, now=now)

    @staticmethod
    def send_bonus_alerts(pincode: str, bonus_percentage: float = BONUS_PERCENTAGE) -> Sent:
        """Offer every vendor of the pincode a bonus until the end of today. Raises ValueError for a percentage outside (0, 100]."""
        now, pincode = clock.now(), explicit.checked_pincode(pincode)
        bonus = explicit.as_decimal(bonus_percentage)
        if not 0 < bonus <= 100:
            raise ValueError(f"bonus_percentage: {bonus_percentage} is not over 0 and at most 100.")
        bring_up_to_date(now=now)
        day = explicit.busier_day(pincode, now=now)
        notice = Notice(
            kind=kinds.BONUS,
            key=explicit.key_of("bonus", pincode, str(bonus.normalize()), now=now),
            context={
                "pincode": pincode,
                "bonus": f"{bonus.normalize():f}",
                "bookings": day.total_bookings,
                "vendors": day.available_vendors,
                "until": last_moment(now),
                "as_of": day.measured_at,
            },
            pincode=pincode,
            link_url="/inbox/",
            metadata={"campaign": "vendor_bonus", "explicit": True, "pincode": pincode, "bonus_percentage": str(bonus)},
        )
        return _tell(notice, audiences.vendors([pincode]), [], now=now)

    @staticmethod
    def location_based_promotions(pincode: str, promotion_data: Mapping[str, Any] | None = None) -> Sent:
        """Offer the pincode's customers a promotion, in the words given. A past `expiry_date` is sent as given, with a warning."""
        now, pincode, warnings = clock.now(), explicit.checked_pincode(pincode), list[str]()
        given = explicit.known(promotion_data, PROMOTION_DATA, warnings)
        if explicit.past_date(given.get("expiry_date"), now=now):
            warnings.append(f"expiry_date: {given['expiry_date']} has passed; it is sent as given.")
        words = {key: str(value) for key, value in given.items() if key != "action_url"}
        # Words given are the whole offer: the weekend's own numbers must not stand beside another's.
        context = {"pincode": pincode, **words} if words else offer(pincode, now=now)
        notice = Notice(
            kind=kinds.PROMOTION,
            key=explicit.key_of("promotion", pincode, given, now=now),
            context=context,
            pincode=pincode,
            link_url=_safe_url(given.get("action_url"), warnings),
            metadata={"campaign": "promotions", "explicit": True, "pincode": pincode},
        )
        return _tell(notice, audiences.customers([pincode]), warnings, now=now)

    @staticmethod
    def send_business_alert(
        alert_type: str, recipients: User | Iterable[User] | None = None, alert_data: Mapping[str, Any] | None = None
    ) -> Sent:
        """Tell staff of a problem: these users, or with None those in the roles that such alerts concern."""
        now, warnings = clock.now(), list[str]()
        given = explicit.known(alert_data, ALERT_DATA, warnings)
        severity = str(given.get("severity", BusinessAlert.Severity.HIGH))
        if severity not in BusinessAlert.Severity.values:
            warnings.append(f"severity: {severity!r} is not known; high is used.")
            severity = BusinessAlert.Severity.HIGH.value
        people = audiences.staff(roles_for(alert_type)) if recipients is None else _people(recipients)
        title = str(given.get("title") or alert_type.replace("_", " ").capitalize())
        amount = explicit.number({"rupees": given.get("rupees", given.get("total_amount", 0))}, "rupees", warnings)
        kind = kind_for(alert_type)
        critical = severity == BusinessAlert.Severity.CRITICAL
        alert_id = given.get("alert_id")
        notice = Notice(
            kind=kind,
            key=explicit.key_of("alert", alert_type, given, now=now),
            context={
                "subject": str(given.get("subject") or title),
                "title": title,
                "description": str(given.get("description", "")),
                "severity": severity,
                "count": int(explicit.number({"count": given.get("count", 0)}, "count", warnings) or 0),
                "rupees": amount or None,
                "oldest": given.get("oldest") if isinstance(given.get("oldest"), datetime) else None,
                "items": [],
                "more": 0,
                "reason": "",
            },
            methods=tuple(dict.fromkeys((*kind.methods, "sms"))) if critical else (),
            link_url=f"/dashboard/alerts/{alert_id}/" if alert_id else "/dashboard/",
            metadata={
                "alert_type": alert_type,
                "severity": severity,
                "explicit": True,
                **({"alert_id": str(alert_id)} if alert_id else {}),
            },
            urgent=critical,
        )
        return _tell(notice, people, warnings, now=now)

    @staticmethod
    def send_and_store_otp(identifier: str, method: str = "email", user_name: str = "", *, asked_from: str = "") -> Sent:
        """Send a one-time password to an email or phone. An earlier one stops working. Raises ValueError for an unknown method.

        At most five in a quarter of an hour; a further one is left out, `over_cap`, with a warning. Give the address of who asks
        as `asked_from`, and it and its network are limited, too.
        """
        if method not in methods():
            raise ValueError(f"method: {method!r} is not known. There are: {', '.join(methods())}.")
        now, address = clock.now(), passwords.normalised(identifier)
        if not passwords.is_reached(address, method):
            return Sent(0, 0, suppressed={"no_address": 1}, warnings=(f"identifier: not one that {method} reaches.",))
        with transaction.atomic():
            try:
                password = passwords.issue(identifier, now=now, asked_from=asked_from)
            except passwords.OverCap as error:
                return Sent(1, 0, suppressed={"over_cap": 1}, warnings=(f"identifier: {error}",))
            run = MessagingRun.objects.create(name="otp", started_at=now)
            notice = Notice(
                kind=kinds.OTP,
                key=f"otp:{password.pk}",
                context={"minutes": int(passwords.LIFE.total_seconds() // 60)},
                metadata={"otp": str(password.pk)},
            )
            owner = (
                User.objects.filter(Q(email__iexact=address) if method == "email" else Q(phone=address), is_active=True)
                .order_by("pk")
                .first()
            )
            name = user_name or (owner.name if owner else "")
            language = owner.language if owner else "en"
            enqueue_address(notice, method, address, name=name, language=language, recipient=owner, run=run, now=now)
        handover.send_now(run, clock=clock.now)
        return Sent(1, 1, 1)

    @staticmethod
    def verify_otp(identifier: str, otp: str, *, guessed_from: str = "") -> bool:
        """Whether this is the identifier's password: once, within five minutes, at the fifth try at the latest. Give the address of
        who tries as `guessed_from`, and it and its network are limited, too."""
        return passwords.verify(identifier, str(otp), now=clock.now(), guessed_from=guessed_from)

    @staticmethod
    def send_signature_notification(booking: Booking, signature_link: str) -> Sent:
        """Ask the booking's customer to sign that the job is done."""
        now, warnings = clock.now(), list[str]()
        notice = Notice(
            kind=kinds.SIGNATURE_REQUEST,
            key=explicit.key_of("signature", str(booking.pk), signature_link, now=now),
            context={"service": booking.service.name, "pincode": booking.pincode, "customer": booking.customer.name},
            pincode=booking.pincode,
            link_url=_safe_url(signature_link, warnings),
            metadata={"booking": str(booking.pk)},
        )
        return _tell(notice, User.objects.filter(pk=booking.customer_id), warnings, now=now)


def _tell(notice: Notice, people: QuerySet[User], warnings: list[str], *, now: datetime) -> Sent:
    """Queue one notice, send it if that is this process's part, and say what came of it."""
    with transaction.atomic():
        explicit.one_at_a_time(notice.kind.name)
        run = MessagingRun.objects.create(name=notice.kind.name, started_at=now, rule={"explicit": True})
        tally = enqueue(notice, people, run=run, now=now)
        run.result = {"matched": people.count(), **tally.as_dict()}
        run.save(update_fields=["result"])
    handover.send_now(run, clock=clock.now)
    return explicit.sent(tally, matched=run.result["matched"], warnings=warnings)


def _people(recipients: User | Iterable[User]) -> QuerySet[User]:
    if isinstance(recipients, QuerySet):
        # Asked for by key, so that one that is sliced or ordered will do.
        return User.objects.filter(pk__in=recipients.values("pk"))
    users = [recipients] if isinstance(recipients, User) else list(recipients)
    return User.objects.filter(pk__in=[user.pk for user in users])


def _safe_url(given: object, warnings: list[str]) -> str:
    """Where a link may lead: a web address or a path of our own. Anything else is left out, with a warning."""
    url = str(given or "").strip()
    if not url or (url.startswith("/") and not url.startswith("//")) or url.startswith(("https://", "http://")):
        return url or "/"
    warnings.append("action_url: not a web address; the link leads to the start page.")
    return "/"
