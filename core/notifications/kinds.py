"""The kinds of notification: by which methods they go, how long they are worth sending, and what may hold them back.

`NotificationLog.notification_type` names one of these. A new kind is declared where it is used (in a campaign's own file,
say) and needs no migration.
"""

from dataclasses import dataclass
from datetime import timedelta

from core.models.notifications import Lane
from core.models.users import Role
from core.registry import Registry

STAFF = (Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE, Role.ONBOARD_MANAGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What holds for every notification of one type. See docs/rules.md, 4 (methods, offers) and 6 (lives)."""

    name: str
    label: str
    methods: tuple[str, ...]
    lane: Lane = Lane.PERSONAL
    life: timedelta = timedelta(days=1)
    # May be sent again when nobody knows whether it arrived.
    repeatable: bool = True
    # By law an offer: unsubscribe headers, opt-out by category, SMS within 10:00-21:00 only.
    marketing: bool = False
    # Ignores opt-outs and caps: the person asked for it, or cannot go on without it.
    mandatory: bool = False
    # At most so many causes per person and local day, and per person and seven days; None: no cap.
    daily_cap: int | None = None
    weekly_cap: int | None = None
    template: str = ""
    # To people who choose what they get: what to call it, and what it says and how often.
    title: str = ""
    about: str = ""
    # The roles that may ever get it; empty: everybody.
    audience: tuple[Role, ...] = ()

    @property
    def category(self) -> str:
        """What a person switches on or off: each kind is a category of its own."""
        return self.name

    @property
    def wording(self) -> str:
        """The folder of its wording under templates/notifications/."""
        return self.template or self.name


kinds: Registry[Kind] = Registry("notification type")


def declare(kind: Kind) -> Kind:
    return kinds.add(kind.name, kind)


OTP = declare(
    Kind(
        name="otp",
        label="One-time password",
        title="Sign-in codes",
        about="When you ask for one, by the way you ask for",
        methods=("email",),
        lane=Lane.URGENT,
        life=timedelta(minutes=5),
        mandatory=True,
    )
)
SIGNATURE_REQUEST = declare(
    Kind(
        name="signature_request",
        label="Signature request",
        title="Signature requests",
        about="After a job, so that your vendor is paid",
        audience=(Role.CUSTOMER,),
        methods=("email", "sms", "websocket"),
        life=timedelta(days=2),
        mandatory=True,
    )
)
PINCODE_ALERT = declare(
    Kind(
        name="pincode_alert",
        label="News of a pincode",
        title="News of your area",
        about="What changes in your pincode, now and then",
        audience=(Role.CUSTOMER, Role.VENDOR),
        methods=("email", "websocket"),
        lane=Lane.BULK,
        repeatable=False,
    )
)
DEMAND = declare(
    Kind(
        name="demand_notification",
        label="High demand",
        title="Busy areas",
        about="Where bookings are waiting near you, at most once a day",
        audience=(Role.VENDOR,),
        methods=("email", "websocket"),
        lane=Lane.BULK,
        life=timedelta(hours=12),
        repeatable=False,
        marketing=True,
    )
)
BONUS = declare(
    Kind(
        name="bonus_alert",
        label="Vendor bonus",
        title="Bonuses",
        about="Extra pay where few vendors are free, at most once a day",
        audience=(Role.VENDOR,),
        methods=("email", "sms", "websocket"),
        lane=Lane.BULK,
        life=timedelta(hours=12),
        repeatable=False,
        marketing=True,
    )
)
PROMOTION = declare(
    Kind(
        name="promotional",
        label="Promotion",
        title="Special offers",
        about="Prices off in your pincode, at most one a day and three a week",
        audience=(Role.CUSTOMER,),
        methods=("email", "websocket"),
        lane=Lane.BULK,
        life=timedelta(days=1),
        repeatable=False,
        marketing=True,
        daily_cap=1,
        weekly_cap=3,
    )
)
REMINDER = declare(
    Kind(
        name="service_completion_reminder",
        label="Job reminder",
        title="Your jobs",
        about="Due soon and overdue, at 8:00, 14:00 and 18:00",
        audience=(Role.VENDOR,),
        methods=("sms", "websocket", "email"),
        life=timedelta(hours=4),
    )
)
BUSINESS_ALERT = declare(
    Kind(
        name="business_alert",
        label="Business alert",
        title="Other alerts",
        about="What is stuck and nobody has taken, and what was made by hand",
        audience=STAFF,
        methods=("email", "websocket"),
    )
)
PENDING_SIGNATURE = declare(
    Kind(
        name="pending_signature",
        label="Pending signatures",
        about="Waiting for over a day, looked for each hour",
        audience=(Role.SUPER_ADMIN, Role.OPS_MANAGER),
        methods=("email", "websocket"),
        template="business_alert",
    )
)
PAYMENT_HOLD = declare(
    Kind(
        name="payment_hold",
        label="Payments on hold",
        about="On hold for over a day, looked for every two hours",
        audience=(Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE),
        methods=("email", "websocket"),
        template="business_alert",
    )
)
BOOKING_TIMEOUT = declare(
    Kind(
        name="booking_timeout",
        label="Overdue bookings",
        about="Over their end by a day, looked for every three hours",
        audience=(Role.SUPER_ADMIN, Role.OPS_MANAGER),
        methods=("email", "websocket"),
        template="business_alert",
    )
)
