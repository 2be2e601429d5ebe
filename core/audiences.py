"""Who hears. Each audience is a queryset, so that a decision about a thousand people is made in a few statements.

Inactive people are part of an audience: the screening leaves them out, by name and counted.
"""

from collections.abc import Collection

from django.db.models import QuerySet

from core.models import Role, User


def available_vendors(pincodes: Collection[str]) -> QuerySet[User]:
    """Vendors of these pincodes who take jobs now."""
    return vendors(pincodes).filter(is_available=True)


def vendors(pincodes: Collection[str]) -> QuerySet[User]:
    """Every vendor of these pincodes, available or not."""
    return User.objects.filter(role=Role.VENDOR, pincode__in=pincodes)


def customers(pincodes: Collection[str]) -> QuerySet[User]:
    return User.objects.filter(role=Role.CUSTOMER, pincode__in=pincodes)


def staff(roles: Collection[str]) -> QuerySet[User]:
    """Everyone in these roles."""
    return User.objects.filter(role__in=roles)
