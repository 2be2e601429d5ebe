"""The addresses of what the team sets up: limits, wording and people."""

from typing import Final

from django.urls import URLPattern, path

from core.web.people import one as one_person
from core.web.people import page
from core.web.rules import thresholds, wording

RULES: Final[list[URLPattern]] = [
    path("dashboard/thresholds/", thresholds.thresholds, name="thresholds"),
    path("dashboard/thresholds/<int:threshold_id>/take-back/", thresholds.take_back, name="threshold-take-back"),
    path("dashboard/wording/", wording.wording, name="wording"),
    path("dashboard/wording/<str:template>/", wording.wording_one, name="wording-one"),
    path("dashboard/wording/<str:template>/preview/", wording.preview, name="wording-preview"),
    path("dashboard/wording/<str:template>/mail/<str:look>/", wording.preview_mail, name="wording-mail"),
    path("dashboard/wording/<str:template>/draft/", wording.save_draft, name="wording-draft"),
    path("dashboard/wording/<str:template>/roll-back/", wording.roll_back, name="wording-back"),
    path("dashboard/wording/<str:template>/versions/<int:version_id>/publish/", wording.publish, name="wording-publish"),
    path("dashboard/wording/<str:template>/versions/<int:version_id>/discard/", wording.discard, name="wording-discard"),
    path("dashboard/wording/<str:template>/versions/<int:version_id>/test-send/", wording.send_trial, name="wording-trial"),
    path("dashboard/people/", page.people, name="people"),
    path("dashboard/people/remove-demo/", page.remove_demo, name="remove-demo"),
    path("dashboard/people/tokens/<str:token_id>/revoke/", page.revoke_token, name="token-revoke"),
    path("dashboard/people/suppressions/<int:suppression_id>/lift/", one_person.lift, name="suppression-lift"),
    path("dashboard/people/<int:user_id>/", one_person.one_person, name="person"),
    path("dashboard/people/<int:user_id>/change/", one_person.change, name="person-change"),
    path("dashboard/people/<int:user_id>/tokens/", one_person.make_token, name="person-token"),
]
