"""Payments that somebody or something put on hold and nobody released."""

from datetime import datetime

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from core.alerts.check import Check, Nouns, Row, Values, declare
from core.alerts.selecting import stuck_rows
from core.models import Payment, Role
from core.notifications.kinds import PAYMENT_HOLD
from core.timetable import Times


@declare
class PaymentHolds(Check):
    name = "payment_holds"
    label = "Payments on hold"
    alert_type = "payment_hold"
    kind = PAYMENT_HOLD
    roles = (Role.OPS_MANAGER, Role.FINANCE)
    nouns = Nouns("payment held", "payments held")
    rule = "Payments on hold for more than {after_hours} hours; critical from {critical_hours} hours."
    task = "core.tasks.check_payment_holds"
    times = Times(hour="*/2")

    def select(self, *, now: datetime, limits: Values) -> QuerySet[Payment, Row]:
        # The expression is that of the index `payment_on_hold`.
        held = Payment.objects.filter(status="on_hold").annotate(since=Coalesce("held_at", "created_at"))
        return stuck_rows(
            held.filter(since__lt=self.stuck_before(now, limits)),
            object_type="payment",
            since=F("since"),
            rupees="amount",
            service="booking__service__name",
            pincode="booking__pincode",
            critical_from=self.critical_from(now, limits),
        )
