"""The first page: what this is, and whom to log in as only where a demo lives."""

import pytest

from core.models import Role
from tests.people import person

pytestmark = pytest.mark.django_db


def test_the_first_page_says_what_this_is_and_names_nobody(client, omar):
    page = client.get("/").content.decode()
    assert "What needs doing now, and who has been told" in page
    assert "Log in" in page
    assert "This is a demo city" not in page
    assert omar.email not in page


def test_where_a_demo_lives_it_says_whom_to_log_in_as(client):
    person(Role.OPS_MANAGER, username="omar", email="omar@demo.homeserve.example")
    page = client.get("/").content.decode()
    assert "This is a demo city" in page
    assert 'aria-label="Log in as omar"' in page


@pytest.mark.parametrize(("role", "where"), [(Role.FINANCE, "/dashboard/"), (Role.VENDOR, "/inbox/")])
def test_who_is_logged_in_is_led_to_their_own_first_page(client, role, where):
    client.force_login(person(role))
    assert client.get("/").headers["Location"] == where
