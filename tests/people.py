"""The cast. Tests speak of people one knows by name; `person` makes further ones."""

from itertools import count
from typing import Any

from core.models import Role, User

PASSWORD = "long enough, and known to everybody"
HOME = "560001"
NEXT_DOOR = "560002"

_numbers = count(1)

CAST: dict[str, dict[str, Any]] = {
    "sara": {"role": Role.SUPER_ADMIN, "is_staff": True, "first_name": "Sara", "phone": "+919845000001"},
    "omar": {"role": Role.OPS_MANAGER, "first_name": "Omar", "phone": "+919845000002"},
    "farah": {"role": Role.FINANCE, "first_name": "Farah", "phone": "+919845000003"},
    "vera": {"role": Role.VENDOR, "first_name": "Vera", "phone": "+919845000004", "pincode": HOME, "is_available": True},
    "viren": {"role": Role.VENDOR, "first_name": "Viren", "phone": "+919845000005", "pincode": HOME, "is_available": False},
    "kiran": {"role": Role.CUSTOMER, "first_name": "Kiran", "phone": "+919845000006", "pincode": HOME},
    "chitra": {"role": Role.CUSTOMER, "first_name": "Chitra", "phone": "+919845000007", "pincode": NEXT_DOOR},
}


def meet(name: str) -> User:
    """One of the cast, made when first asked for."""
    existing = User.objects.filter(username=name).first()
    return existing or User.objects.create_user(name, f"{name}@homeserve.example", PASSWORD, **CAST[name])


def person(role: Role = Role.CUSTOMER, *, pincode: str = HOME, **fields: Any) -> User:
    """Somebody else, with an address and a phone of their own; a vendor is available unless told otherwise."""
    number = next(_numbers)
    name = fields.pop("username", f"{role}{number}")
    fields.setdefault("is_available", role == Role.VENDOR)
    fields.setdefault("phone", f"+9198460{number:05d}")
    email = fields.pop("email", f"{name}@homeserve.example")
    return User.objects.create_user(name, email, PASSWORD, role=role, pincode=pincode, **fields)


def people(how_many: int, role: Role = Role.CUSTOMER, *, pincode: str = HOME) -> list[User]:
    """A crowd, in one statement. They cannot log in."""
    numbers = [next(_numbers) for _ in range(how_many)]
    return User.objects.bulk_create(
        User(
            username=f"{role}{number}",
            email=f"{role}{number}@homeserve.example",
            phone=f"+9198460{number:05d}",
            role=role,
            pincode=pincode,
            is_available=role == Role.VENDOR,
            password="!",
        )
        for number in numbers
    )
