"""Who lives and works in the demo city: the same people for the same seed, with the five whom visitors log in as.

Nobody here can be reached. Addresses end in a domain reserved for examples (RFC 2606), which is also how the demo's
people are known; phone numbers have the shape of Indian ones in a range that the country has given to nobody.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from random import Random

from core.demo.areas import AREAS, Area, Trade
from core.models import Role

DOMAIN = "@demo.homeserve.example"

CUSTOMERS = {Trade.HOT: 64, Trade.SHORT: 62, Trade.UNSERVED: 40, Trade.STEADY: 43, Trade.QUIET: 22}
VENDORS = {Trade.HOT: 12, Trade.SHORT: 2, Trade.UNSERVED: 1, Trade.STEADY: 4, Trade.QUIET: 2}
# Two of the five unserved areas have no vendor at all; in the others the only one is away.
WITHOUT_ANY_VENDOR = ("560049", "560077")
VERAS_PINCODE = "560034"
KIRANS_PINCODE = "560060"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words(
    "Aarti Aditi Akshata Ambika Anjali Anusha Asha Bhavana Chaitra Deepa Divya Esther Fatima Gayathri Geetha Harini Indu "
    "Jyothi Kavya Keerthi Lakshmi Latha Madhuri Mary Meena Megha Nandini Nasreen Neha Nisha Padma Pooja Prema Priya Rashmi Rekha "
    "Roopa Sabiha Sahana Sandhya Shalini Shilpa Shwetha Sindhu Sneha Sowmya Sudha Sunita Swathi Tanvi Usha Vandana Vidya Zoya"
)
MEN = _words(
    "Abdul Abhishek Aditya Ajay Akash Amit Anand Anil Arjun Arun Ashok Basavaraj Bharath Chandan Chetan Darshan David Dinesh "
    "Ganesh Girish Gopal Harish Imran Irfan Jagadish Joseph Karthik Kishore Krishna Lokesh Mahesh Manjunath Manoj Mohan Mohammed Murali "
    "Nagaraj Naveen Nikhil Pavan Prakash Pradeep Praveen Raghu Rahul Rajesh Rakesh Ramesh Ravi Rohit Sachin Salman Sandeep Sanjay "
    "Santosh Satish Shankar Shivakumar Siddharth Sridhar Srinivas Sudeep Sunil Suresh Thomas Uday Varun Venkatesh Vijay Vikram Vinay "
    "Vishal Vivek Yogesh Zubair"
)
FAMILY_NAMES = _words(
    "Acharya Agarwal Ahmed Bhat Biswas Chatterjee Chauhan D'Souza Das Desai Fernandes Ganapathy Ghosh Gowda Gupta Hegde Hussain Iyengar "
    "Iyer Jain Joshi Kamath Khan Kulkarni Kumar Mathew Menon Mishra Murthy Naidu Nair Naik Pai Pandey Patel Patil Pillai Prasad Rai Raj "
    "Rao Reddy Roy Saxena Shaikh Sharma Shetty Singh Sinha Thomas Varghese Verma Yadav"
)
# Kannada and Hindi for some; most take their messages in English.
LANGUAGES = ("en",) * 15 + ("hi",) * 3 + ("kn",) * 2


class Duty(StrEnum):
    """How a vendor keeps the switch that says "I take jobs"."""

    USUAL = "usual"
    ALWAYS = "always"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    first_name: str
    last_name: str
    role: Role
    phone: str
    pincode: str = ""
    language: str = "en"
    is_active: bool = True
    duty: Duty = Duty.AWAY

    @property
    def email(self) -> str:
        return f"{self.username}{DOMAIN}"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Someone to log in as, and what they will see."""

    username: str
    name: str
    role: Role
    sees: str


CAST: tuple[DemoPerson, ...] = (
    DemoPerson("sara", "Sara Hegde", Role.SUPER_ADMIN, "everything: thresholds, wording, schedules, people, the audit trail"),
    DemoPerson("omar", "Omar Shaikh", Role.OPS_MANAGER, "what needs doing now, alerts, campaigns, every message"),
    DemoPerson("farah", "Farah Khan", Role.FINANCE, "held payments and their alerts, in rupees"),
    DemoPerson("vera", "Vera D'Souza", Role.VENDOR, "her messages: jobs due today, demand and bonuses in Koramangala"),
    DemoPerson("kiran", "Kiran Rao", Role.CUSTOMER, "his messages: offers for Kengeri, and how to stop them"),
)


def _phone(number: int) -> str:
    # No area code begins with 5550 and no mobile number with 5: even with a real SMS account nobody's phone rings.
    return f"+915550{number:06d}"


def _cast() -> list[Person]:
    at = {"vera": VERAS_PINCODE, "kiran": KIRANS_PINCODE}
    cast = []
    for number, one in enumerate(CAST, start=1):
        first, last = one.name.split()
        duty = Duty.ALWAYS if one.role == Role.VENDOR else Duty.AWAY
        cast.append(Person(one.username, first, last, one.role, _phone(number), pincode=at.get(one.username, ""), duty=duty))
    return cast


class _Registrar:
    """Gives out names, numbers and usernames, none of them twice."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.number = len(CAST)

    def person(self, role: Role, *, pincode: str = "", duty: Duty = Duty.AWAY, inactive: float = 0.0, phoneless: float = 0.0) -> Person:
        rng = self.rng
        self.number += 1
        first = rng.choice(WOMEN if rng.random() < (0.5 if role == Role.CUSTOMER else 0.35) else MEN)
        last = rng.choice(FAMILY_NAMES)
        active = rng.random() >= inactive
        return Person(
            username=f"{first}.{last.replace(chr(39), '')}{self.number}".lower(),
            first_name=first,
            last_name=last,
            role=role,
            phone="" if rng.random() < phoneless else _phone(self.number),
            pincode=pincode,
            language=rng.choice(LANGUAGES),
            is_active=active,
            duty=duty if active else Duty.AWAY,
        )


def _vendors(registrar: _Registrar, area: Area) -> list[Person]:
    wanted = 0 if area.pincode in WITHOUT_ANY_VENDOR else VENDORS[area.trade]
    if area.pincode == VERAS_PINCODE:
        wanted -= 1
    if area.trade in (Trade.SHORT, Trade.UNSERVED):
        duty = Duty.AWAY if area.trade == Trade.UNSERVED else Duty.USUAL
        return [registrar.person(Role.VENDOR, pincode=area.pincode, duty=duty) for _ in range(wanted)]
    return [
        registrar.person(Role.VENDOR, pincode=area.pincode, duty=Duty.AWAY if registrar.rng.random() < 0.04 else Duty.USUAL, inactive=0.012)
        for _ in range(wanted)
    ]


@lru_cache(maxsize=4)
def people(seed: int) -> tuple[Person, ...]:
    """Everyone, the cast first: two super admins, four ops managers, two of finance, three who take on vendors,
    about 420 vendors and 4,000 customers."""
    registrar = _Registrar(Random(f"{seed}:people"))
    everyone = _cast()
    for role, more in ((Role.SUPER_ADMIN, 1), (Role.OPS_MANAGER, 3), (Role.FINANCE, 1), (Role.ONBOARD_MANAGER, 3)):
        everyone += [registrar.person(role) for _ in range(more)]
    for area in AREAS:
        everyone += _vendors(registrar, area)
    for area in AREAS:
        wanted = CUSTOMERS[area.trade] - (area.pincode == KIRANS_PINCODE)
        everyone += [registrar.person(Role.CUSTOMER, pincode=area.pincode, inactive=0.015, phoneless=0.02) for _ in range(wanted)]
    return tuple(everyone)


@lru_cache(maxsize=4)
def by_pincode(seed: int, role: Role) -> dict[str, tuple[Person, ...]]:
    """The active people of a role, by where they are."""
    found: dict[str, list[Person]] = {area.pincode: [] for area in AREAS}
    for person in people(seed):
        if person.role == role and person.is_active:
            found[person.pincode].append(person)
    return {pincode: tuple(them) for pincode, them in found.items()}
