"""What a campaign says: the wording in force, by method, region and language, with its template's example data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
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
    places: list[Choice]
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
    """By the method, region and language that an address asks for; what it cannot have is the first of what there is."""
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
    return Shown(
        methods=[Choice(method_label(way), _address(here | {"method": way}), way == method, ICONS.get(way, "i-send")) for way in carried],
        places=[
            Choice(_name(*place), _address({"method": method, "region": place[0], "language": place[1]}), place == (region, language))
            for place in places(wordings)
        ],
        method=method,
        subject="" if part == "sms" else rendering.splice(common.subject, READER),
        text=text,
        version="the product's own wording" if common.version.startswith("file") else common.version.partition(" (")[0],
        is_mail=part == "html",
        segments=gsm.segments(text) if part == "sms" else 0,
        address=_address(here),
    )


def places(wordings: Wordings) -> list[tuple[str, str]]:
    """The regions and languages that have words of their own, everywhere's English first."""
    return sorted({("", LANGUAGE), *((region, language) for _, region, language in wordings.published)})


def _place(wordings: Wordings, asked: Mapping[str, str]) -> tuple[str, str]:
    place = (asked.get("region", ""), asked.get("language", LANGUAGE))
    return place if place in places(wordings) else ("", LANGUAGE)


def _name(region: str, language: str) -> str:
    return f"{region or 'Everywhere'}, {language}"


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
