"""People over the API: who loses a role loses what came with it, at once; and somebody is always left to set things up."""

import pytest
from django.test import Client
from knox.models import AuthToken

from core.models import Role, User
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense
from tests.people import HOME, person

URL = "/admin-dashboard/users/"
pytestmark = pytest.mark.django_db


def test_a_lost_role_ends_sessions_and_tokens(api, sara, omar):
    browser = Client()
    browser.force_login(omar)
    machine = api(omar)
    assert [browser.get(URL).status_code, machine.get(URL).status_code] == [200, 200]
    told = api(sara).patch(f"{URL}{omar.pk}/", {"role": "vendor"})
    assert (told.status_code, told.json()["role"]) == (200, "vendor")
    assert [browser.get(URL).status_code, machine.get(URL).status_code] == [401, 401]
    assert not AuthToken.objects.filter(user=omar).exists()
    role, tokens = entries(object_pk=str(omar.pk), actor=sara)
    assert (role.changes["role"], tokens.changes["api_tokens"]) == (["ops_manager", "vendor"], ["1", "0"])


def test_who_may_not_come_in_any_more_is_out_at_once(api, sara, omar):
    machine = api(omar)
    assert api(sara).patch(f"{URL}{omar.pk}/", {"is_active": False}).json()["is_active"] is False
    assert machine.get(URL).status_code == 401
    assert api(sara).patch(f"{URL}{omar.pk}/", {"is_active": True}).json()["is_active"] is True
    assert machine.get(URL).status_code == 401


def test_a_super_admin_is_one_to_django_too(api, sara, omar):
    api(sara).patch(f"{URL}{omar.pk}/", {"role": "super_admin"})
    omar.refresh_from_db()
    assert (omar.is_staff, omar.is_superuser) == (True, True)


@pytest.mark.parametrize("body", [{"role": "ops_manager"}, {"is_active": False}])
def test_the_last_super_admin_stays(api, sara, body):
    answer = api(sara).patch(f"{URL}{sara.pk}/", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "last_super_admin")
    assert User.objects.get(pk=sara.pk).role == Role.SUPER_ADMIN
    other = person(Role.SUPER_ADMIN)
    assert api(sara).patch(f"{URL}{sara.pk}/", body).status_code == 200
    assert api(other).patch(f"{URL}{other.pk}/", body).status_code == 409


def test_nothing_changed_ends_nothing(api, sara, omar):
    machine = api(omar)
    assert api(sara).patch(f"{URL}{omar.pk}/", {"role": "ops_manager"}).status_code == 200
    assert machine.get(URL).status_code == 200


@pytest.mark.parametrize(
    ("body", "named"), [({}, "role"), ({"role": "king"}, "role"), ({"is_active": 1}, "is_active"), ({"password": "x"}, "password")]
)
def test_what_is_wrong_is_named(api, sara, omar, body, named):
    assert named_fields(api(sara).patch(f"{URL}{omar.pk}/", body)) == [named]


def test_nonsense_is_refused_and_nobody_is_not_found(api, sara, omar):
    caller = api(sara)
    survives_nonsense(lambda body: caller.patch(f"{URL}{omar.pk}/", body), {"role": "ops_manager"})
    assert caller.patch(f"{URL}{10**40}/", {"role": "vendor"}).status_code == 404
    assert caller.get(f"{URL}999999/").status_code == 404


def test_people_are_found_and_it_costs_the_same_however_many(api, omar):
    caller = api(omar)
    for _ in range(3):
        person(Role.VENDOR)
    few = queries_of(lambda: caller.get(URL))
    for _ in range(27):
        person(Role.VENDOR, pincode="110001")
    assert queries_of(lambda: caller.get(URL)) == few
    assert caller.get(URL, role="vendor", pincode=HOME).json()["pagination"]["total"] == 3
    assert [row["username"] for row in caller.get(URL, search="OMA").json()["users"]] == ["omar"]
    assert caller.get(URL, search="a%_").json()["users"] == []
    assert "password" not in caller.get(URL).content.decode()
