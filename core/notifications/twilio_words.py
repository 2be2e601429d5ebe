"""What Twilio's later words about an SMS mean (twilio.com/docs/messaging/api/message-resource and …/docs/api/errors)."""

from core.notifications.receipt import Heard

STATUSES = {
    # All of these prove that Twilio has it.
    "accepted": Heard.ACCEPTED,
    "scheduled": Heard.ACCEPTED,
    "queued": Heard.ACCEPTED,
    "sending": Heard.ACCEPTED,
    "sent": Heard.ACCEPTED,
    "delivered": Heard.DELIVERED,
    "read": Heard.DELIVERED,
    "undelivered": Heard.UNDELIVERED,
    "failed": Heard.UNDELIVERED,
}
# Of an SMS that was not delivered: what the code says of its number. Others say nothing of it: the message failed, no more.
ERRORS = {
    "21610": (Heard.STOPPED, "The person answered STOP."),
    "30003": (Heard.UNDELIVERED, "The phone cannot be reached: switched off or out of range."),
    "30004": (Heard.DEAD_ADDRESS, "Messages to this number are blocked."),
    "30005": (Heard.DEAD_ADDRESS, "No such number, or it is out of service."),
    "30006": (Heard.DEAD_ADDRESS, "A landline, or a number whose carrier cannot be reached."),
    "30007": (Heard.UNDELIVERED, "The carrier filtered the message."),
}
# What is wrong then is our sender or our wording, not this message.
FILTERED = "30007"


def meaning(status: str, code: str) -> tuple[Heard, str]:
    """What a status and an error code say, and in which words."""
    heard = STATUSES.get(status, Heard.NOTED)
    if heard is Heard.UNDELIVERED:
        return ERRORS.get(code, (heard, f"Twilio's error {code}." if code else "Not delivered."))
    return heard, ""
