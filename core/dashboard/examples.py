"""What the schema shows for example: of each parameter a value, of each body and of an error one that could be real.

A test holds each of them against the schema it stands in, and a body's name against the bodies there are.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

AN_ID: Final = "019a5e2c-7b40-7c11-9d55-3f1f0c2a9e01"
ANOTHER_ID: Final = "019a5e2c-7b40-7c11-9d55-3f1f0c2a9e02"
A_MOMENT: Final = "2026-11-24T09:00:00+05:30"

PARAMETERS: Final[Mapping[str, Any]] = {
    "Idempotency-Key": "promotions-by-hand-24-november",
    "actor_id": 2,
    "address": "kiran@customers.example",
    "assigned_to": 2,
    "by": "type,week",
    "cursor": "cD0yMDI2LTExLTIy",
    "date_from": "2026-11-16",
    "date_to": "2026-11-22",
    "language": "en",
    "name": "high_demand",
    "object_id": "42",
    "pincode": "560034",
    "policy_id": 1,
    "reason": "hard_bounce",
    "recipient_id": 17,
    "region": "5600",
    "scope": "5600",
    "search": "weekend",
    "suppression_id": 3,
    "template": "promotional",
    "threshold_id": 4,
    "token_id": "4f1d8a02",
    "user_id": 17,
    "version_id": 5,
}

# By the name of the form.
BODIES: Final[Mapping[str, Any]] = {
    "Acknowledge": {"version": 3},
    "Assign": {"user_id": 2, "version": 3},
    "BookingRow": {
        "id": AN_ID,
        "customer": "kiran",
        "vendor": "vera",
        "service": "Deep cleaning",
        "status": "confirmed",
        "total_price": "1499.00",
        "pincode": "560034",
        "scheduled_date": A_MOMENT,
    },
    "Comment": {"text": "The bank answers this afternoon."},
    "Credentials": {"username": "omar", "password": "homeserve-demo"},
    "DraftForm": {
        "name": "promotional",
        "region": "5600",
        "language": "en",
        "subject": "{{ percent }} % off this weekend",
        "note": "Shorter.",
    },
    "Ignore": {"reason": "A test booking of our own."},
    "JobForm": {"times": {"hour": "10", "minute": "30"}},
    "LiftForm": {"reason": "The mailbox was full; it has been emptied."},
    "LimitForm": {"rule": "high_demand", "name": "bookings_over", "scope": "5600", "value": "6.00"},
    "PaymentRow": {"id": ANOTHER_ID, "booking": AN_ID, "amount": "1499.00", "status": "on_hold", "held_at": A_MOMENT},
    "PolicyForm": {
        "name": "Payments at once",
        "alert_type": "payment_hold",
        "severity": "critical",
        "repeat_minutes": 120,
        "steps": [{"after_minutes": 15, "roles": ["super_admin"], "methods": ["sms", "email"]}],
    },
    "PublishForm": {"revision": "9f2c41d07be3", "replaces": 2},
    "Reason": {"reason": "The offer's text is wrong."},
    "Reopen": {"reason": "The payments are back on hold."},
    "Resolve": {"notes": "All released by the bank.", "version": 4},
    "RewriteForm": {"subject": "A quarter off this weekend", "revision": "9f2c41d07be3"},
    "RollBackForm": {"name": "promotional", "language": "en", "to": 1, "replaces": 2},
    "SignatureRow": {"id": ANOTHER_ID, "booking": AN_ID, "status": "pending", "requested_at": A_MOMENT},
    "Snooze": {"until": A_MOMENT, "version": 3},
    "SuppressionForm": {
        "method": "email",
        "address": "kiran@customers.example",
        "reason": "asked_by_phone",
        "detail": "Called on 22 November.",
    },
    "SwitchForm": {"scope": "method", "name": "sms", "is_paused": True, "reason": "The provider sends each SMS twice."},
    "ThresholdForm": {"rule": "high_demand", "name": "bookings_over", "scope": "5600", "value": "6.00", "effective_from": A_MOMENT},
    "TokenForm": {"user_id": 2, "days": 30},
    "TrialForm": {"method": "email"},
    "Trigger": {"action": "send_promotions", "dry_run": True},
    "Undo": {"version": 4},
    "UserForm": {"role": "ops_manager"},
    "Wishes": {"preferences": [{"category": "promotional", "method": "sms", "allowed": False}]},
}
ERROR: Final = {
    "status": "error",
    "code": "invalid",
    "message": "pincode: Six digits, the first of them not 0.",
    "errors": {"pincode": ["Six digits, the first of them not 0."]},
    "request_id": "b44cf210-76c8-46d2-84ea-874a85cd8c4b",
}


def with_examples(result: dict[str, Any], generator: Any, request: Any, public: Any) -> dict[str, Any]:  # noqa: ARG001
    """The schema with an example beside each parameter and in each body; drf-spectacular calls it when all else is done."""
    for operation in _operations(result):
        for parameter in operation.get("parameters", ()):
            parameter["example"] = of_parameter(parameter["name"], parameter["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = content["schema"]
            is_list = schema.get("type") == "array"
            example = BODIES[form_of(schema["items"] if is_list else schema)]
            content["example"] = [example] if is_list else example
    result["components"]["schemas"]["Error"]["example"] = ERROR
    return result


def form_of(schema: Mapping[str, Any]) -> str:
    """The name of the form that a body's schema refers to."""
    name = str(schema["$ref"]).rpartition("/")[2]
    return name.removesuffix("Request").removeprefix("Patched").replace("PolicyRewrite", "PolicyForm")


def of_parameter(name: str, schema: Mapping[str, Any]) -> Any:
    """A value for a parameter: of a choice the first, else by its kind or its name."""
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    if schema.get("format") == "uuid":
        return AN_ID
    return True if schema.get("type") == "boolean" else PARAMETERS[name]


def _operations(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in result["paths"].values():
        yield from path.values()
