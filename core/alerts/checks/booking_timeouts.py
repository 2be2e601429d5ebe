"""Jobs that should have been over long ago and still count as under way."""

from datetime import datetime

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from core.alerts.check import Check, Nouns, Row, Values, declare
from core.alerts.selecting import MinutesAfter, stuck_rows
from core.models import Booking, Role
from core.notifications.kinds import BOOKING_TIMEOUT
from core.timetable import Times

# In so many words, because SQLite does not recognise the condition of the index `booking_under_way` in an IN of parameters.
UNDER_WAY = RawSQL("core_booking.status IN ('confirmed', 'in_progress')", (), output_field=BooleanField())


@declare
class BookingTimeouts(Check):
    name = "booking_timeouts"
    label = "Overdue bookings"
    alert_type = "booking_timeout"
    kind = BOOKING_TIMEOUT
    roles = (Role.OPS_MANAGER,)
    nouns = Nouns("booking overdue", "bookings overdue")
    rule = "Bookings whose scheduled end was more than {after_hours} hours ago; critical from {critical_hours} hours."
    task = "core.tasks.check_booking_timeouts"
    times = Times(hour="*/3")

    def select(self, *, now: datetime, limits: Values) -> QuerySet[Booking, Row]:
        cutoff = self.stuck_before(now, limits)
        end = MinutesAfter("scheduled_date", "service__duration_minutes")
        # What ended before the cutoff also began before it, and that is what the index `booking_under_way` knows.
        begun = Booking.objects.filter(UNDER_WAY, scheduled_date__lt=cutoff)
        return stuck_rows(
            begun.alias(end=end).filter(end__lt=cutoff),
            object_type="booking",
            since=end,
            rupees="total_price",
            service="service__name",
            pincode="pincode",
            critical_from=self.critical_from(now, limits),
        )
