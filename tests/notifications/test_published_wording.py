"""Wording that people write: what is refused, what cannot be published, and which of several holds."""

import time

import pytest

from core import links
from core.models import TemplateVersion
from core.models.fields import new_id
from core.notifications import rendering, sandbox
from core.notifications.wordings import Wordings

FILES = Wordings({})
PUBLIC = "https://app.homeserve.example"
in_database = pytest.mark.django_db


@pytest.fixture(autouse=True)
def public_address(settings):
    settings.PUBLIC_URL = PUBLIC


def publish(template, **fields):
    parts = {"subject": "A subject", "body": "A body", "email": "", "sms": ""}
    return TemplateVersion.objects.create(name=template, **{"status": "published", **parts, **fields})


# --- What is refused --------------------------------------------------------------------------------------------------


ATTACKS = {
    "{{ title.__class__ }}": "underscores",
    "{{ title.upper }}": "no variable title.upper",
    "{{ jobs.append }}": "no variable jobs",
    "{{ settings.SECRET_KEY }}": "no variable settings.SECRET_KEY",
    "{{ request.user }}": "no variable request.user",
    "{{ forloop.parentloop }}": "no variable forloop",
    "{{ title|safe }}": "no filter safe",
    "{{ title|add:title|safe }}": "no filter add",
    "{{ title|default:settings }}": "no variable settings",
    "{{ title|default:name }}": "name cannot be a filter's argument",
    "{{ name|upfirst }}": "name is filled in later",
    "{% if name == 'x' %}a{% endif %}": "name is filled in later",
    "{{ block.super }}": "no variable block",
    "{{ True.real }}": "no variable True.real",
    "{{ _('x') }}{{ title }}{{ tittle }}": "no variable tittle; there are act, action_text, code",
    "{% if title.items or secret %}a{% endif %}": "no variable title.items",
    "{% for letter in title %}{{ letter }}{% endfor %}": "title is not a list",
    "{% for name in title %}{{ name }}{% endfor %}": "cannot name one row",
    "{% load static %}": "no tag {% load %}",
    "{%load static%}": "no tag {% load %}",
    "{% include 'core/base.html' %}": "no tag {% include %}",
    "{% extends 'core/base.html' %}": "no tag {% extends %}",
    "{% debug %}": "no tag {% debug %}",
    "{% autoescape off %}{{ title }}{% endautoescape %}": "no tag {% autoescape %}",
    "{% filter force_escape %}a{% endfilter %}": "no tag {% filter %}",
    "{% with a=title %}{{ a }}{% endwith %}": "no tag {% with %}",
    "{% now 'Y' %}": "no tag {% now %}",
    "{% url 'admin:index' %}": "no tag {% url %}",
    "{% csrf_token %}": "no tag {% csrf_token %}",
    "{% verbatim %}{{ title }}{% endverbatim %}": "no tag {% verbatim %}",
    "{% if title %}a": "Unclosed tag",
    "{% endif %}": "Invalid block tag",
    "{% if title %}" * 150 + "a" + "{% endif %}" * 150: "more than 200 tags",
    "{% if " + "not " * 2000 + "title %}a{% endif %}": "longer than 400",
    "{{ title": "is not closed",
    "{% if title\n%}a{% endif %}": "is not closed",
    "a" * 100_001: "longer than 100000",
}


@pytest.mark.parametrize("part", ["subject", "body", "email", "sms"])
@pytest.mark.parametrize(("attack", "reason"), ATTACKS.items(), ids=range(len(ATTACKS)))
def test_a_wording_that_calls_loads_or_reaches_for_anything_is_refused(attack, reason, part):
    parts = {"subject": "A subject", "body": "A body", part: attack}
    found = rendering.validate(parts, example=rendering.example("promotional"))
    assert any(line.startswith(f"{part}, line 1: ") and reason in line for line in found), found


# Some take seconds at this length, and hours at the longest that a wording may have; an open page's one thread of Python stands still.
EXHAUSTING = {
    "body": "{%" + " " * 1_500,
    "subject": "{{" * 20_000,
    "email": "{#" * 20_000,
    "sms": "{{ title" + ".a" * 9_000 + " }}",
}


@pytest.mark.parametrize(("part", "attack"), EXHAUSTING.items(), ids=EXHAUSTING)
def test_a_wording_that_would_take_hours_to_read_is_refused_at_once(part, attack):
    parts = {"subject": "A subject", "body": "A body", part: attack}
    began = time.perf_counter()
    assert any(line.startswith(f"{part}, line 1: ") for line in rendering.validate(parts, example=rendering.example("promotional")))
    assert time.perf_counter() - began < 2


def test_a_mail_nested_a_thousand_deep_is_refused_before_it_ends_the_process():
    email = "<mj-wrapper>" * 1_001 + "</mj-wrapper>" * 1_001
    parts = {"subject": "A subject", "body": "A body", "email": email}
    assert rendering.validate(parts, example=rendering.example("promotional")) == ["email: more than 1000 elements"]


@pytest.mark.parametrize("number", ["9" * 40, "1e99999", "1e-99999", "0e-99999", "sNaN"])
@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "0001-01-01"])
def test_a_filter_never_fails_and_never_fills_the_memory(number, moment):
    said = f'{{{{ "{number}"|rupees }}}} {{{{ "{number}"|indian }}}}' + "".join(
        f' {{{{ "{moment}"|{name} }}}}' for name in ("clock", "day", "last_day")
    )
    assert len(sandbox.render(sandbox.compiled(said, sandbox.table_of({}), escape=False), {})) < 300


@in_database
def test_a_refused_wording_that_got_published_all_the_same_is_passed_over():
    publish("otp", body="{% load static %}{{ code }}")
    common = rendering.render("otp", {"minutes": 5})
    assert common.version.startswith("file ")


# --- Publishing -------------------------------------------------------------------------------------------------------


def reasons(template="promotional", **parts):
    given = {"subject": "A subject", "body": "A body {{ unsubscribe }}", **parts}
    return rendering.validate(given, example=rendering.example(template), template=template)


def test_a_reason_names_part_line_and_variable():
    found = reasons(body="One\n{{ tite }}\n{{ ofer }} {{ unsubscribe }}")
    assert [line.split(";")[0] for line in found] == ["body, line 2: there is no variable tite", "body, line 3: there is no variable ofer"]


def test_a_part_of_a_row_is_checked_by_name():
    body = "{% for job in jobs %}{{ job.servce }}{% endfor %}"
    (found,) = reasons("service_completion_reminder", body=body)
    assert found.startswith("body, line 1: there is no variable job.servce; there are job.service, job.customer")


def test_a_list_and_a_time_must_be_said_in_words():
    assert "go through it with {% for %}" in reasons("service_completion_reminder", body="{{ jobs }}")[0]
    assert "write as_of|clock" in reasons("demand_notification", body="{{ as_of }}{{ unsubscribe }}")[0]


@pytest.mark.parametrize("part", ["subject", "body"])
def test_an_empty_part_cannot_be_published(part):
    assert f"{part}: empty" in reasons(**{part: " \n"})


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("<mj-section>", "not valid MJML"),
        ("<mj-include path='/etc/passwd' />", "MJML"),
        ("<mj-section><mj-column><mj-magic /></mj-column></mj-section>", "mj-magic"),
        ("<mj-raw><script>alert(1)</script></mj-raw>", "<script>"),
        ("<mj-raw><iframe src='https://x.example'></iframe></mj-raw>", "<iframe>"),
        ("<mj-section><mj-column><mj-text><p onclick='x()'>a</p></mj-text></mj-column></mj-section>", "onclick="),
        ("<mj-section><mj-column><mj-button href='javascript:x()'>a</mj-button></mj-column></mj-section>", "no address"),
        ("<mj-section><mj-column><mj-button href='java&#115;cript:x()'>a</mj-button></mj-column></mj-section>", "no address"),
        ("<mj-section><mj-column><mj-button href='{{ title }}'>a</mj-button></mj-column></mj-section>", "no address"),
    ],
)
def test_a_mail_that_is_broken_or_active_cannot_be_published(email, reason):
    assert any(reason in line for line in reasons(email=email + "{{ unsubscribe }}" if "mj-include" not in email else email))


def test_an_offer_without_a_way_out_cannot_be_published():
    assert reasons(body="A body") == ["body: must say {{ unsubscribe }}"]
    assert reasons(sms="Buy now") == ["sms: must say {{ unsubscribe }}"]


def test_a_one_time_password_without_its_code_cannot_be_published():
    assert reasons("otp", body="Here is your code.") == ["body: must say {{ code }}"]


# --- Which wording holds ----------------------------------------------------------------------------------------------


@in_database
def test_a_published_wording_goes_before_the_files():
    publish("otp", subject="Ihr Code", body="{{ code }}", dlt_template_id="1107", is_service=True)
    common = rendering.render("otp", {"minutes": 5}, region="560038")
    assert (common.subject, common.dlt_template_id, common.is_service) == ("Ihr Code", "1107", True)
    assert "v1" in common.version


@in_database
@pytest.mark.parametrize("status", ["draft", "retired"])
def test_a_wording_that_is_not_published_is_not_used(status):
    publish("otp", status=status)
    assert rendering.render("otp", {"minutes": 5}).version.startswith("file ")


@in_database
def test_the_longest_region_wins_and_the_language_within_it():
    for region, language in [("", "en"), ("", "hi"), ("56", "en"), ("56", "hi"), ("5600", "en"), ("110", "en")]:
        publish("otp", region=region, language=language, subject=f"{region or 'all'} {language}")

    def chosen(region, language):
        return rendering.render("otp", {"minutes": 5}, region=region, language=language).subject

    assert chosen("560038", "en") == "5600 en"
    assert chosen("560038", "hi") == "5600 en"  # A region's terms go before a language.
    assert chosen("561001", "hi") == "56 hi"
    assert chosen("561001", "hi-IN") == "56 hi"
    assert chosen("561001", "ta") == "56 en"
    assert chosen("400001", "hi") == "all hi"
    assert chosen("", "en") == "all en"


@in_database
def test_an_edited_wording_is_said_at_once():
    version = publish("otp", subject="Before")
    assert rendering.render("otp", {"minutes": 5}).subject == "Before"
    TemplateVersion.objects.filter(pk=version.pk).update(subject="After")
    assert rendering.render("otp", {"minutes": 5}).subject == "After"


@in_database
def test_a_run_asks_once_for_its_words(django_assert_num_queries):
    publish("otp", subject="Published")
    with django_assert_num_queries(1):
        known = rendering.published()
    with django_assert_num_queries(0):
        assert {
            rendering.render("otp", {"minutes": 5}, region=str(pincode), wordings=known).subject for pincode in range(560001, 560101)
        } == {"Published"}
    with django_assert_num_queries(1):
        rendering.render("otp", {"minutes": 5}, region="560038", language="hi")


@in_database
def test_a_wording_without_mjml_has_its_mail_made_of_its_body():
    publish("promotional", subject="A <b> & c", body="Hello {{ name }},\n\nuse {{ link }}\nnow: {{ title }}\n\n{{ unsubscribe }}")
    row = new_id()
    common = rendering.render("promotional", {"title": "<i>"})
    html = rendering.splice(common.html, rendering.Personal(row, "Tom & Co"), html=True)
    link = f"{PUBLIC}/r/{links.token(links.LINK, row)}"
    assert f'<a href="{link}">{link}</a>' in html
    assert "Hello Tom &amp; Co," in html
    assert "&lt;i&gt;" in html
    assert "<title>A &lt;b&gt; &amp; c</title>" in html
    assert common.sms == rendering.render("promotional", {"title": "<i>"}, wordings=FILES).sms
