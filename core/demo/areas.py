"""Bengaluru's postal areas: the pincode, its name, roughly where it lies, and how its trade goes in the demo.

The places are real; how busy each one is and how many vendors work there is made up.
"""

from enum import StrEnum
from functools import cache
from math import cos, hypot, radians
from typing import NamedTuple


class Trade(StrEnum):
    """What a pincode's day is like."""

    HOT = "hot"
    SHORT = "short"  # as hot, with too few vendors: where a bonus is offered
    UNSERVED = "unserved"  # people book, nobody there takes jobs: a coverage gap
    STEADY = "steady"
    QUIET = "quiet"  # where promotions go


class Area(NamedTuple):
    pincode: str
    name: str
    latitude: float
    longitude: float
    trade: Trade


HOT, SHORT, UNSERVED, STEADY, QUIET = Trade

AREAS: tuple[Area, ...] = (
    Area("560001", "MG Road", 12.9756, 77.6050, STEADY),
    Area("560002", "Krishnarajendra Market", 12.9634, 77.5773, QUIET),
    Area("560003", "Malleswaram", 13.0035, 77.5709, STEADY),
    Area("560004", "Basavanagudi", 12.9421, 77.5754, STEADY),
    Area("560005", "Fraser Town", 12.9989, 77.6128, STEADY),
    Area("560006", "Jayachamarajendra Nagar", 13.0080, 77.5920, QUIET),
    Area("560007", "Agram", 12.9580, 77.6300, QUIET),
    Area("560008", "Halasuru", 12.9780, 77.6250, STEADY),
    Area("560009", "Majestic", 12.9767, 77.5753, QUIET),
    Area("560010", "Rajajinagar", 12.9915, 77.5544, STEADY),
    Area("560011", "Jayanagar 3rd Block", 12.9299, 77.5826, STEADY),
    Area("560012", "Science Institute", 13.0170, 77.5660, QUIET),
    Area("560013", "Jalahalli", 13.0530, 77.5480, STEADY),
    Area("560014", "Jalahalli East", 13.0640, 77.5590, QUIET),
    Area("560015", "Jalahalli West", 13.0560, 77.5250, QUIET),
    Area("560016", "Ramamurthy Nagar", 13.0090, 77.6650, STEADY),
    Area("560017", "Vimanapura", 12.9600, 77.6650, SHORT),
    Area("560018", "Chamarajpet", 12.9580, 77.5640, STEADY),
    Area("560019", "Gavipuram", 12.9440, 77.5620, STEADY),
    Area("560020", "Seshadripuram", 12.9900, 77.5740, STEADY),
    Area("560021", "Srirampuram", 12.9930, 77.5620, STEADY),
    Area("560022", "Yeshwanthpur", 13.0230, 77.5500, STEADY),
    Area("560023", "Magadi Road", 12.9760, 77.5560, STEADY),
    Area("560024", "Hebbal", 13.0358, 77.5970, STEADY),
    Area("560025", "Richmond Town", 12.9650, 77.6050, STEADY),
    Area("560026", "Deepanjali Nagar", 12.9540, 77.5430, STEADY),
    Area("560027", "Shanthi Nagar", 12.9570, 77.5940, STEADY),
    Area("560029", "Tavarekere", 12.9320, 77.6050, STEADY),
    Area("560030", "Adugodi", 12.9430, 77.6080, STEADY),
    Area("560032", "RT Nagar", 13.0200, 77.5950, STEADY),
    Area("560033", "Maruthi Sevanagar", 13.0010, 77.6330, STEADY),
    Area("560034", "Koramangala", 12.9340, 77.6190, SHORT),
    Area("560035", "Carmelaram", 12.9010, 77.7040, HOT),
    Area("560036", "Krishnarajapuram", 13.0070, 77.6960, UNSERVED),
    Area("560037", "Marathahalli", 12.9560, 77.7010, HOT),
    Area("560038", "Indiranagar", 12.9784, 77.6408, HOT),
    Area("560039", "Nayandahalli", 12.9440, 77.5200, QUIET),
    Area("560040", "Vijayanagar", 12.9710, 77.5330, STEADY),
    Area("560041", "Jayanagar", 12.9220, 77.5930, HOT),
    Area("560042", "Sivan Chetty Gardens", 12.9890, 77.6180, STEADY),
    Area("560043", "Kalyan Nagar", 13.0220, 77.6500, HOT),
    Area("560045", "Nagawara", 13.0340, 77.6190, STEADY),
    Area("560046", "Benson Town", 13.0020, 77.6010, STEADY),
    Area("560047", "Vivek Nagar", 12.9550, 77.6170, STEADY),
    Area("560048", "Mahadevapura", 12.9910, 77.6960, HOT),
    Area("560049", "Virgonagar", 13.0320, 77.7320, UNSERVED),
    Area("560050", "Banashankari", 12.9390, 77.5570, STEADY),
    Area("560051", "Shivajinagar", 12.9860, 77.6040, STEADY),
    Area("560052", "Vasanth Nagar", 12.9900, 77.5930, STEADY),
    Area("560053", "Chickpet", 12.9690, 77.5760, QUIET),
    Area("560054", "Mathikere", 13.0310, 77.5640, STEADY),
    Area("560055", "Malleswaram West", 13.0060, 77.5600, STEADY),
    Area("560056", "Jnana Bharathi", 12.9420, 77.5100, QUIET),
    Area("560057", "Dasarahalli", 13.0450, 77.5130, QUIET),
    Area("560058", "Peenya", 13.0290, 77.5190, QUIET),
    Area("560059", "RV Niketan", 12.9230, 77.4990, QUIET),
    Area("560060", "Kengeri", 12.9080, 77.4820, QUIET),
    Area("560061", "Subramanyapura", 12.8990, 77.5430, STEADY),
    Area("560062", "Doddakallasandra", 12.8830, 77.5620, UNSERVED),
    Area("560063", "Yelahanka Air Force Station", 13.1330, 77.6090, QUIET),
    Area("560064", "Yelahanka", 13.1005, 77.5963, HOT),
    Area("560065", "GKVK", 13.0770, 77.5790, QUIET),
    Area("560066", "Whitefield", 12.9698, 77.7500, HOT),
    Area("560067", "Kadugodi", 12.9980, 77.7590, SHORT),
    Area("560068", "Bommanahalli", 12.9080, 77.6240, HOT),
    Area("560069", "Tilak Nagar", 12.9260, 77.5980, STEADY),
    Area("560070", "Banashankari 2nd Stage", 12.9250, 77.5650, STEADY),
    Area("560071", "Domlur", 12.9600, 77.6380, STEADY),
    Area("560072", "Nagarbhavi", 12.9600, 77.5090, STEADY),
    Area("560073", "Nagasandra", 13.0480, 77.5010, QUIET),
    Area("560074", "Kumbalgodu", 12.8770, 77.4460, QUIET),
    Area("560075", "New Thippasandra", 12.9700, 77.6560, STEADY),
    Area("560076", "Bannerghatta Road", 12.9000, 77.6010, HOT),
    Area("560077", "Kothanur", 13.0600, 77.6500, UNSERVED),
    Area("560078", "JP Nagar", 12.9060, 77.5850, HOT),
    Area("560079", "Basaveshwaranagar", 12.9920, 77.5390, STEADY),
    Area("560080", "Sadashivanagar", 13.0070, 77.5800, STEADY),
    Area("560082", "Udayapura", 12.8440, 77.5260, QUIET),
    Area("560083", "Gottigere", 12.8560, 77.5870, QUIET),
    Area("560085", "Banashankari 3rd Stage", 12.9260, 77.5460, STEADY),
    Area("560087", "Varthur", 12.9380, 77.7460, SHORT),
    Area("560088", "Hesaraghatta", 13.1400, 77.4870, QUIET),
    Area("560090", "Chikkabanavara", 13.0810, 77.5010, QUIET),
    Area("560092", "Sahakara Nagar", 13.0620, 77.5870, SHORT),
    Area("560093", "CV Raman Nagar", 12.9850, 77.6640, SHORT),
    Area("560095", "Koramangala 6th Block", 12.9390, 77.6270, HOT),
    Area("560097", "Vidyaranyapura", 13.0770, 77.5570, UNSERVED),
    Area("560098", "Rajarajeshwari Nagar", 12.9210, 77.5180, SHORT),
    Area("560099", "Bommasandra", 12.8170, 77.6900, QUIET),
    Area("560100", "Electronic City", 12.8456, 77.6603, HOT),
    Area("560102", "HSR Layout", 12.9116, 77.6389, HOT),
    Area("560103", "Bellandur", 12.9260, 77.6760, HOT),
    Area("560105", "Jigani", 12.7860, 77.6380, QUIET),
    Area("560107", "Achit Nagar", 13.0890, 77.4850, QUIET),
    Area("560108", "Anjanapura", 12.8590, 77.5580, QUIET),
    Area("560109", "Thalaghattapura", 12.8700, 77.5330, QUIET),
)


@cache
def nearest(pincode: str) -> tuple[Area, ...]:
    """The other areas, the closest first; flat-earth distances are good enough within a city."""
    here = next(area for area in AREAS if area.pincode == pincode)
    narrowing = cos(radians(here.latitude))
    return tuple(
        sorted(
            (area for area in AREAS if area != here),
            key=lambda area: hypot(area.latitude - here.latitude, (area.longitude - here.longitude) * narrowing),
        )
    )
