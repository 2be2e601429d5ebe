"""Taking the demo city away."""

from typing import Any

from auditlog.context import disable_auditlog
from django.db import transaction
from django.db.models import Q, QuerySet

from core.demo.citizens import demo_users
from core.demo.services import OFFERS
from core.models import Booking, Payment, PincodeAnalytics, Service, Signature, User


@transaction.atomic
def remove() -> dict[str, int]:
    """Delete the city's people, their bookings and messages, its services and its places' figures; how many of each.

    Other data stays: a job that a demo vendor had taken for somebody else is without a vendor afterwards; a service that
    is still booked, and the figures of a pincode in which others live, work or book, are kept.
    """
    places = set(demo_users().exclude(pincode="").values_list("pincode", flat=True))
    bookings = Booking.objects.filter(customer__in=demo_users())
    # Children first and each in one statement: going through the objects would take a minute for a large city.
    counts = {"payments": _gone(Payment.objects.filter(booking__in=bookings))}
    counts["signatures"] = _gone(Signature.objects.filter(booking__in=bookings))
    counts["bookings"] = _gone(bookings)
    Booking.objects.filter(vendor__in=demo_users()).update(vendor=None)
    # That they go is one decision; an entry in the trail for each of them would take ten times as long as all the rest.
    with disable_auditlog():
        counts["people"] = demo_users().delete()[1].get(User._meta.label, 0)
    offers = Q(pk__in=[])
    for offer in OFFERS:
        offers |= Q(name=offer.name, category=offer.category)
    counts["services"] = Service.objects.filter(offers, bookings=None).delete()[0]
    still_known = set(User.objects.filter(pincode__in=places).values_list("pincode", flat=True))
    still_known |= set(Booking.objects.filter(pincode__in=places).values_list("pincode", flat=True))
    counts["days measured"] = PincodeAnalytics.objects.filter(pincode__in=places - still_known).delete()[0]
    return counts


def _gone(rows: QuerySet[Any]) -> int:
    return rows._raw_delete(rows.db)
