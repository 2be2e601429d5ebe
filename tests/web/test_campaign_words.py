"""What a campaign says, as each reader would get it: by method, region and language, under a policy of its own."""

import re

import pytest

from core.models import TemplateVersion
from tests.web.test_campaigns import ONE, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


def test_it_shows_the_wording_of_each_method_region_and_language(as_omar):
    TemplateVersion.objects.create(
        name="promotional",
        region="5600",
        language="kn",
        status="published",
        subject="ರಿಯಾಯಿತಿ",
        body="Namaskara {{ name }}. {{ unsubscribe }}",
    )
    assert "25 % off home services this weekend" in text_of(as_omar)
    page = text_of(as_omar, f"{ONE}?method=websocket&region=5600&language=kn")
    assert "ರಿಯಾಯಿತಿ" in page
    assert "Namaskara Asha." in page
    assert "5600 kn v1" in page
    # Everybody there reads these words who does not read the region's own language; and elsewhere nobody does.
    assert "25 % off home services" in text_of(as_omar, f"{ONE}?region=5600&language=en")
    assert "25 % off home services" in text_of(as_omar, f"{ONE}?language=kn")
    assert re.search(r'aria-label="Region"><a href="[^"]*"[^>]*>Everywhere</a><a [^>]*aria-current="true">5600</a>', page)
    assert re.search(r'aria-label="Language"><a [^>]*>English</a><a [^>]*aria-current="true">Kannada</a>', page)
    # What there is none of is shown as everywhere.
    assert "25 % off home services" in text_of(as_omar, f"{ONE}?region=99&language=xx&method=pigeon")


def test_the_mail_is_shown_under_a_policy_of_its_own(as_omar):
    mail = as_omar.get(f"{ONE}mail/")
    assert mail.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "sandbox" in mail.headers["Content-Security-Policy"]
    assert "script" not in mail.headers["Content-Security-Policy"]
    assert "Asha" in mail.content.decode()
    assert re.search(r"<iframe [^>]*\bsandbox title=", text_of(as_omar))
