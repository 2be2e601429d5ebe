"""What keeps alerts true: when each check looked last, and a way to have it look now."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from core import access
from core.alerts.check import checks
from core.models import ScheduleRun, User
from core.web.words import Moment, moment


@dataclass(frozen=True, slots=True)
class CheckLine:
    name: str
    label: str
    last: Moment | None


def check_lines(user: User, *, now: datetime) -> list[CheckLine]:
    """Every check, for whoever may run one; of each, when a run of it last went well. One statement."""
    if not access.may(user, "dashboard/schedule/<str:name>/run/", "POST"):
        return []
    done = ScheduleRun.objects.filter(job__in=[check.name for check in checks], status=ScheduleRun.Status.DONE)
    last = dict(done.order_by().values_list("job").annotate(at=Max("started_at")))
    return [CheckLine(one.name, one.label, moment(last[one.name], now=now) if one.name in last else None) for one in checks]
