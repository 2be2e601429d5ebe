"""Why a message did not go, or did not arrive, in plain words; what a provider said is quoted after ours, and never rewritten."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from core.masking import mask_text
from core.models import NotificationLog, Phase

# By the code that ended it here. See docs/rules.md, 4 ("Left out") and 6.
ENDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "expired": "It was too late to send",
        "opted_out": "The person turned these messages off",
        "suppressed_address": "The address is set aside",
        "over_cap": "The person was told as often as is allowed",
        "unknown_outcome": "Nobody knows whether it arrived",
        "unreadable": "Its row cannot be read",
    }
)
# By where delivery ended, when no code of ours says more.
PHASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Phase.REJECTED: "The provider refused it",
        Phase.UNDELIVERED: "Accepted, then not delivered",
        Phase.EXPIRED: "It was too late to send",
        Phase.SUPPRESSED: "The address is set aside",
        Phase.CANCELLED: "It was called back before it left",
        Phase.DEAD: "Out of tries",
        Phase.UNKNOWN_OUTCOME: "Nobody knows whether it arrived",
    }
)
# What follows for this message and its person, as a sentence.
AFTER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "expired": "A message has a life, after which it helps nobody. It did not leave within its own.",
        "opted_out": "They may turn them on again under “What I get”. Nothing of this kind leaves by this method until then.",
        "suppressed_address": "Nothing is written to it by this method, whatever it is, until somebody lifts that in the admin.",
        "over_cap": "Offers have a limit for each person, by day and by week. Earlier ones had used it up.",
        "unknown_outcome": "It was at the provider when the line broke. It may have arrived, and is not sent a second time.",
        Phase.DEAD: "It was tried again as often as is allowed, or until it would have been too late.",
        Phase.CANCELLED: "It did not leave.",
        Phase.REJECTED: "It will not be taken as it is, and is not tried again.",
        Phase.UNDELIVERED: "The provider had it, and said later that it did not arrive. It is not tried again.",
    }
)
LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "inactive": "the account is closed",
        "opted_out": "turned off by the person",
        "no_address": "no address",
        "suppressed_address": "address set aside",
        "over_cap": "over the limit",
        "already_told": "already told",
    }
)


def why_failed(row: NotificationLog) -> str:
    """Of a message that failed: the named reason in plain words."""
    return reason_words(row.phase, row.error_code)


def reason_words(phase: str, code: str) -> str:
    return ENDED.get(code) or PHASES.get(phase, "Failed")


def what_follows(row: NotificationLog) -> str:
    return AFTER.get(row.error_code) or AFTER.get(row.phase, "")


def quoted(code: str, words: str) -> str:
    """A provider's own words and code, with whom they name masked; empty where the code is one of ours."""
    if code in ENDED:
        return ""
    words = mask_text(words).strip().rstrip(".")
    return f"{words}, {code}" if words and code and code not in words else words or code
