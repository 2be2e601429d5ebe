"""What a campaign says: the wording in force, by method, region and language, with its template's example data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language_info
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from core.dashboard.campaigns import campaign_named
from core.messaging.campaign import Campaign
from core.notifications import gsm, rendering
from core.notifications.rendering import Wordings
from core.notifications.transports import methods, transport_class
from core.notifications.wordings import LANGUAGE
from core.web.doors import for_staff
from core.web.outbox import ICONS, MAIL_POLICY, method_label

# Who reads it here. Their links lead nowhere.
READER: Final = {
    "name": "Asha",
    "code": "123456",
    "link": "https://example.com/link",
    "act": "https://example.com/link",
    "unsubscribe": "https://example.com/stop",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to look at it, with the end of its address."""

    label: str
    address: str
    is_shown: bool
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The words as one person would read them, by one method."""

    methods: list[Choice]
    # Where and in which language it is read; any of the one with any of the other is what is sent there.
    regions: list[Choice]
    languages: list[Choice]
    method: str
    subject: str
    text: str
    version: str
    is_mail: bool
    # As how many SMS it is sent and charged; 0: it is none.
    segments: int
    # The end of the address of the mail's own HTML.
    address: str


def shown(campaign: Campaign, ways: Sequence[str], asked: Mapping[str, str]) -> Shown:
    """By the method, region and language that an address asks for; what it cannot have is the first of what there is.

    The words are picked as for a person: those of the longest region that has any, in the person's language, else in English.
    """
    wordings = rendering.published(campaign.kind.wording)
    carried = [way for way in ways if way in methods()] or ["email"]
    method = asked.get("method", "") if asked.get("method", "") in carried else carried[0]
    region, language = _place(wordings, asked)
    common = rendering.render(
        campaign.kind.wording, rendering.example(campaign.kind.wording), region=region, language=language, wordings=wordings
    )
    part = transport_class(method).part
    text = rendering.splice(common.sms if part == "sms" else common.body, READER)
    here = {"region": region, "language": language}

    def address(**other: str) -> str:
        return _address({"method": method, **here, **other})

    return Shown(
        methods=[Choice(method_label(way), _address(here | {"method": way}), way == method, ICONS.get(way, "i-send")) for way in carried],
        regions=[Choice(one or "Everywhere", address(region=one), one == region) for one in regions(wordings)],
        languages=[Choice(language_name(one), address(language=one), one == language) for one in languages(wordings)],
        method=method,
        subject="" if part == "sms" else rendering.splice(common.subject, READER),
        text=text,
        version="the product's own wording" if common.version.startswith("file") else common.version.partition(" (")[0],
        is_mail=part == "html",
        segments=gsm.segments(text) if part == "sms" else 0,
        address=_address(here),
    )


def regions(wordings: Wordings) -> list[str]:
    """Everywhere, and the regions that have words of their own."""
    return sorted({"", *(region for _, region, _ in wordings.published)})


def languages(wordings: Wordings) -> list[str]:
    """English, which everybody reads who has no words in another language, and those others."""
    others = {language for _, _, language in wordings.published} - {LANGUAGE}
    return [LANGUAGE, *sorted(others)]


def language_name(code: str) -> str:
    """As its readers call it; a language that nobody knows here by its code."""
    try:
        return str(get_language_info(code)["name_local"]).capitalize()
    except KeyError:
        return code


def _place(wordings: Wordings, asked: Mapping[str, str]) -> tuple[str, str]:
    region, language = asked.get("region", ""), asked.get("language", LANGUAGE)
    return region if region in regions(wordings) else "", language if language in languages(wordings) else LANGUAGE


def _address(pairs: Mapping[str, str]) -> str:
    return "?" + urlencode({name: value for name, value in pairs.items() if value})


@require_safe
@xframe_options_sameorigin
@for_staff
def mail(request: HttpRequest, name: str) -> HttpResponse:
    """The mail's own HTML, for the frame in the page: words that people wrote, under a policy of their own."""
    campaign = campaign_named(name)
    wordings = rendering.published(campaign.kind.wording)
    region, language = _place(wordings, request.GET)
    common = rendering.render(
        campaign.kind.wording, rendering.example(campaign.kind.wording), region=region, language=language, wordings=wordings
    )
    if not common.html:
        raise Http404("This wording has no HTML part.")
    html = rendering.splice(common.html, READER, html=True)
    return HttpResponse(html, headers={"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"})


def wrote(people: str, messages: str) -> str:
    """ "727 people, 1,454 messages", of numbers as they are written."""
    return f"{people} {'person' if people == '1' else 'people'}, {messages} {'message' if messages == '1' else 'messages'}"
