"""The statement that measures. One text for both databases, but for how each counts seconds, rounds and casts."""

from core.models import Booking, PincodeAnalytics, Signature, User

DIALECTS: dict[str, dict[str, str]] = {
    "postgresql": {
        "day": "(%s::date, %s::timestamptz, %s::timestamptz, %s::boolean, %s::boolean)",
        "moment": "%s::timestamptz",
        "seconds": "EXTRACT(EPOCH FROM ({later} - {earlier}))",
        "mean": "ROUND((AVG({sample}) {where} / {unit})::numeric, 4)::float8",
        "money": "COALESCE(SUM({amount}) {where}, 0)",
        # Numeric division and ROUND are exact, half away from zero.
        "mean_money": "ROUND(AVG({amount}) {where}, 2)",
    },
    "sqlite": {
        "day": "(%s, %s, %s, %s, %s)",
        "moment": "%s",
        # Julian days are floats good to 40 µs: whole milliseconds are exact again.
        "seconds": "ROUND((julianday({later}) - julianday({earlier})) * 86400, 3)",
        "mean": "ROUND(AVG({sample}) {where} / {unit}, 4)",
        # Decimals are stored as floats: summed and halved as whole paise.
        "money": "COALESCE(SUM(CAST(ROUND({amount} * 100) AS INTEGER)) {where}, 0) / 100.0",
        "mean_money": ("(2 * SUM(CAST(ROUND({amount} * 100) AS INTEGER)) {where} + COUNT(*) {where}) / (2 * COUNT(*) {where}) / 100.0"),
    },
}

COLUMNS = (
    "pincode", "date",
    "total_bookings", "pending_bookings", "completed_bookings", "cancelled_bookings", "available_vendors", "active_vendors",
    "avg_response_time_minutes", "avg_completion_time_hours", "customer_satisfaction_avg", "total_revenue", "avg_booking_value",
    "is_final", "measured_at",
)  # fmt: skip

# `booked` and `peopled` step from one pincode to the next by the index, so that finding 2,000 pincodes among ten million
# rows costs 2,000 probes and no scan. `days` says of each day: its date, its first moment, the first moment after it,
# whether it is over, and whether its number of available vendors was settled when it was closed. `wanted` adds the rows that
# exist of pincodes known no more (their last booking moved, their last vendor left): they, too, are corrected and closed.
SELECT = """
WITH RECURSIVE days (day, starts, ends, final, settled) AS (VALUES {days}),
booked (pincode) AS (
    SELECT (SELECT MIN(pincode) FROM {booking})
    UNION ALL
    SELECT (SELECT MIN(b.pincode) FROM {booking} b WHERE b.pincode > booked.pincode) FROM booked WHERE booked.pincode IS NOT NULL
),
peopled (pincode) AS (
    SELECT (SELECT MIN(pincode) FROM {user} WHERE is_active AND pincode <> '' AND role IN ('vendor', 'customer'))
    UNION ALL
    SELECT (SELECT MIN(u.pincode) FROM {user} u
            WHERE u.is_active AND u.pincode <> '' AND u.role IN ('vendor', 'customer') AND u.pincode > peopled.pincode)
    FROM peopled WHERE peopled.pincode IS NOT NULL
),
known (pincode) AS (
    SELECT pincode FROM booked WHERE pincode IS NOT NULL
        AND EXISTS (SELECT 1 FROM {booking} b WHERE b.pincode = booked.pincode AND b.created_at >= {moment})
    UNION
    SELECT pincode FROM peopled WHERE pincode IS NOT NULL
),
vendors (pincode, available) AS (
    SELECT pincode, COUNT(*) FROM {user}
    WHERE role = 'vendor' AND is_active AND is_available AND pincode <> '' GROUP BY pincode
),
measured AS (
    SELECT d.day, b.pincode,
        COUNT(*) AS total,
        COUNT(*) FILTER (WHERE b.status = 'pending') AS pending,
        COUNT(*) FILTER (WHERE b.status IN ('completed', 'signed')) AS completed,
        COUNT(*) FILTER (WHERE b.status = 'cancelled') AS cancelled,
        COUNT(DISTINCT b.vendor_id) AS active,
        {response} AS response,
        {completion} AS completion,
        {satisfaction} AS satisfaction,
        {revenue} AS revenue,
        {value} AS value
    FROM days d
    JOIN {booking} b ON b.created_at >= d.starts AND b.created_at < d.ends
    LEFT JOIN {signature} s ON s.booking_id = b.id AND s.status = 'signed'
    GROUP BY d.day, b.pincode
),
wanted (pincode, day, final, settled) AS (
    SELECT k.pincode, d.day, d.final, d.settled FROM known k CROSS JOIN days d
    UNION ALL
    SELECT old.pincode, d.day, d.final, d.settled FROM days d JOIN {analytics} old ON old.date = d.day
    WHERE old.pincode NOT IN (SELECT pincode FROM known)
)
SELECT w.pincode, w.day, COALESCE(m.total, 0), COALESCE(m.pending, 0), COALESCE(m.completed, 0), COALESCE(m.cancelled, 0),
    COALESCE(a.available_vendors, v.available, 0), COALESCE(m.active, 0),
    m.response, m.completion, m.satisfaction, COALESCE(m.revenue, 0), m.value, w.final, {moment}
FROM wanted w
LEFT JOIN measured m ON m.day = w.day AND m.pincode = w.pincode
LEFT JOIN vendors v ON v.pincode = w.pincode
LEFT JOIN {analytics} a ON w.settled AND a.is_final AND a.pincode = w.pincode AND a.date = w.day
WHERE true
"""

INSERT = "INSERT INTO {analytics} ({columns}, high_demand_alert_sent, bonus_alert_sent, promotional_alert_sent, other_alerts_sent)"
KEEP_FLAGS = "ON CONFLICT (pincode, date) DO UPDATE SET {sets}"
TABLES = {
    "booking": Booking._meta.db_table,
    "user": User._meta.db_table,
    "signature": Signature._meta.db_table,
    "analytics": PincodeAnalytics._meta.db_table,
}


def select(days: int, vendor: str) -> str:
    """The measuring alone. Parameters: each day's five values, the moment of 90 days ago, the moment of measuring."""
    dialect = DIALECTS[vendor]
    done = "FILTER (WHERE b.status IN ('completed', 'signed'))"
    response = dialect["seconds"].format(later="b.assigned_at", earlier="b.created_at")
    completion = dialect["seconds"].format(later="b.completion_date", earlier="b.scheduled_date")
    return SELECT.format(
        days=", ".join([dialect["day"]] * days),
        moment=dialect["moment"],
        response=dialect["mean"].format(sample=response, where="", unit=60.0),
        completion=dialect["mean"].format(sample=completion, where=done, unit=3600.0),
        satisfaction=dialect["mean"].format(sample="s.satisfaction_rating", where="", unit=1.0),
        revenue=dialect["money"].format(amount="b.total_price", where=done),
        value=dialect["mean_money"].format(amount="b.total_price", where=done),
        **TABLES,
    )


def upsert(days: int, vendor: str) -> str:
    """The measuring, written. Alert flags of rows that exist are kept; a new row's are down."""
    kept = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS[2:])
    down = "false, false, false, '{}'" + ("::jsonb" if vendor == "postgresql" else "")
    head, tail = select(days, vendor).rsplit("FROM wanted w", 1)
    into = INSERT.format(analytics=TABLES["analytics"], columns=", ".join(COLUMNS))
    return f"{into} {head}, {down} FROM wanted w{tail} {KEEP_FLAGS.format(sets=kept)}"
