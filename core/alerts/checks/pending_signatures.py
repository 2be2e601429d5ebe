"""Jobs that are done but not signed for: the vendor waits for the money."""

from datetime import datetime

from django.db.models import F, QuerySet

from core.alerts.check import Check, Nouns, Row, Values, declare
from core.alerts.selecting import stuck_rows
from core.models import Role, Signature
from core.notifications.kinds import PENDING_SIGNATURE


@declare
class PendingSignatures(Check):
    name = "pending_signatures"
    label = "Pending signatures"
    alert_type = "pending_signature"
    kind = PENDING_SIGNATURE
    roles = (Role.OPS_MANAGER, Role.SUPER_ADMIN)
    nouns = Nouns("signature pending", "signatures pending")
    rule = "Signatures asked for more than {after_hours} hours ago and not given; critical from {critical_hours} hours."
    task = "core.tasks.check_pending_signatures"

    def select(self, *, now: datetime, limits: Values) -> QuerySet[Signature, Row]:
        return stuck_rows(
            Signature.objects.filter(status="pending", requested_at__lt=self.stuck_before(now, limits)),
            object_type="signature",
            since=F("requested_at"),
            rupees="booking__total_price",
            service="booking__service__name",
            pincode="booking__pincode",
            critical_from=self.critical_from(now, limits),
        )
