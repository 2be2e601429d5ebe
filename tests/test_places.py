"""Where pincodes lie: the known ones where they are, the doubtful ones nowhere, and what the map is drawn with as it was published."""

import hashlib
import json
from statistics import median

import pytest

from core.demo.areas import AREAS
from core.geo import build_outline, build_places
from core.geo.build_outline import kilometres
from core.geo.build_places import Office
from core.geo.places import LIST, Confidence, places

LEAFLET = {
    "leaflet.js": "db49d009c841f5ca34a888c96511ae936fd9f5533e90d8b2c4d57596f4e5641a",
    "leaflet.css": "a7837102824184820dfa198d1ebcd109ff6d0ff9a2672a074b9a1b4d147d04c6",
    "LICENSE": "53e8dc25862014e4324741ca18fbe3611e11d42ef69f59f86ea8c5389647d4cb",
}
# A state of one square: 1 degree each way from 10 north, 75 east.
SQUARE = {"SQUARE": [[(75.0, 10.0), (76.0, 10.0), (76.0, 11.0), (75.0, 11.0), (75.0, 10.0)]]}


@pytest.mark.parametrize(
    ("pincode", "where"),
    [
        ("110001", (28.63, 77.21)),
        ("201301", (28.58, 77.33)),
        ("400001", (18.94, 72.84)),
        ("560001", (12.97, 77.59)),
        ("600001", (13.09, 80.29)),
        ("700001", (22.57, 88.35)),
    ],
)
def test_a_known_pincode_lies_where_it_is(pincode, where):
    place = places([pincode])[pincode]
    assert place.where
    assert kilometres(place.where, where) < 2
    assert place.confidence is not Confidence.LOW


def test_places_are_where_people_set_them_by_hand():
    """The demo's areas were placed by hand, from no list of post offices."""
    known = places([area.pincode for area in AREAS])
    missed = [
        kilometres(place.where, (area.latitude, area.longitude)) for area in AREAS if (place := known.get(area.pincode)) and place.where
    ]
    assert len(missed) > 80
    assert median(missed) < 1
    assert max(missed) < 10


def test_the_list_is_sorted_and_what_is_doubtful_has_no_place():
    lines = LIST.read_text(encoding="utf-8").splitlines()
    assert lines == sorted(lines)
    every = places(line[:6] for line in lines)
    assert len(every) == len(lines) == 19_586
    assert all((place.where is not None) == (place.confidence is not Confidence.LOW) for place in every.values())
    assert all(6 < place.where[0] < 37.5 and 68 < place.where[1] < 97.5 for place in every.values() if place.where)


def test_a_pincode_that_is_not_listed_has_no_place():
    assert list(places(["100000", "560001", "999999", "560000"])) == ["560001"]
    assert places([]) == {}


# --- The rule ---------------------------------------------------------------------------------------------------------


def an_office(place, *, pincode="600001", type=1, name="Town S.O", state="SQUARE"):
    return Office(pincode, name, type, True, state, place)


def judged(*offices, centre=(10.5, 75.5), limit=20.0):
    return build_places.judged(list(offices), (centre, limit), SQUARE)


def test_the_head_office_comes_before_the_middle_of_the_others():
    found = judged(an_office((10.5, 75.5), type=0), an_office((10.56, 75.5)), an_office((10.57, 75.5)))
    assert found == ("h", (10.5, 75.5))


def test_a_head_office_far_from_its_neighbours_gives_way_to_the_middle_of_all():
    found = judged(an_office((10.9, 75.9), type=0), an_office((10.5, 75.5)), an_office((10.5, 75.51)), an_office((10.52, 75.5)))
    assert found.place == (10.51, 75.505)


def test_one_office_alone_is_believed_less():
    assert judged(an_office((10.5, 75.5))) == ("m", (10.5, 75.5))


def test_of_two_offices_that_disagree_the_one_near_its_neighbours_is_believed_less():
    assert judged(an_office((10.5, 75.5)), an_office((10.9, 75.9))) == ("m", (10.5, 75.5))


def test_what_lies_far_from_its_neighbours_or_outside_its_state_has_no_place():
    assert judged(an_office((10.8, 75.8))) == ("l", None)
    assert judged(an_office((12.0, 75.5)), centre=(12.0, 75.5)) == ("l", None)
    assert judged(an_office((10.5, 75.5), state="NOWHERE")) == ("l", None)
    assert judged(an_office(None)) == ("l", None)


def test_a_coordinate_that_many_pincodes_share_is_no_place():
    forms = {str(number): [an_office((10.5, 75.5), pincode=str(number))] for number in range(600001, 600004)}
    two = {key: list(forms[key]) for key in list(forms)[:2]}
    assert all(office.place for of_it in build_places.without_forms(two).values() for office in of_it)
    assert not any(office.place for of_it in build_places.without_forms(forms).values() for office in of_it)


def test_few_neighbours_are_made_up_for_by_the_wider_region():
    offices = {f"6000{number:02}": [an_office((10.5, 75.5 + number / 1000), pincode=f"6000{number:02}")] for number in range(6)}
    offices["600999"] = [an_office((10.9, 75.9), pincode="600999")]
    assert build_places.located(offices, SQUARE)["600999"] == ("l", None)
    assert build_places.located(offices, SQUARE)["600001"].confidence == "m"


@pytest.mark.parametrize(
    ("office", "name"),
    [
        ("Bellandur S.O", "Bellandur"),
        ("Bengaluru G.P.O.", "Bengaluru GPO"),
        ("KOLKATA GPO", "Kolkata GPO"),
        ("Town Hall SO Mumbai", "Town Hall"),
    ],
)
def test_a_name_is_said_without_the_kind_of_office(office, name):
    assert build_places.name_of([an_office(None, name=office)]) == name


# --- What the map is drawn with ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEAFLET)
def test_leaflet_is_what_was_published(name):
    assert hashlib.sha256((build_outline.LEAFLET / name).read_bytes()).hexdigest() == LEAFLET[name]


def test_the_outline_says_how_far_it_misses_and_holds_the_cities():
    drawn = json.loads(build_outline.OUTLINE.read_text(encoding="utf-8"))
    assert len(drawn["features"]) == 36
    assert drawn["missed_km"]["median"] < 1
    assert drawn["missed_km"]["largest"] < 10
    states = build_places.outlines()
    assert build_places.is_in_state((12.97, 77.59), "KARNATAKA", states)
    assert not build_places.is_in_state((12.97, 77.59), "KERALA", states)
    assert not build_places.is_within((19.0, 88.0), states["ODISHA"][0])


def test_a_path_is_read_with_its_relative_and_absolute_strokes():
    assert build_outline.rings("m 1,2 3,0 0,3 z m 1,1 L 5,5") == [[(1, 2), (4, 2), (4, 5)], [(2, 3), (5, 5)]]


def test_an_archive_that_is_not_the_pinned_one_ends_the_build(tmp_path, monkeypatch):
    (tmp_path / "leaflet-1.9.4.tgz").write_bytes(b"something else")

    class Packed:
        stdout = "leaflet-1.9.4.tgz\n"

    monkeypatch.setattr("subprocess.run", lambda *args, **kwargs: Packed())
    with pytest.raises(SystemExit, match="not the archive"):
        build_outline.fetched("leaflet@1.9.4", tmp_path)
