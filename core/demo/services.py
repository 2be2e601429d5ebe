"""What the demo city sells: the usual work of a home-services marketplace, at rupee prices of a large city."""

from decimal import Decimal
from typing import NamedTuple


class Offer(NamedTuple):
    name: str
    category: str
    base_price: Decimal
    duration_minutes: int
    share: int  # of a hundred bookings or so


OFFERS: tuple[Offer, ...] = (
    Offer("Bathroom deep cleaning", "Cleaning", Decimal("649"), 90, 12),
    Offer("Full home cleaning", "Cleaning", Decimal("3499"), 300, 7),
    Offer("Sofa and carpet cleaning", "Cleaning", Decimal("899"), 120, 6),
    Offer("Kitchen cleaning", "Cleaning", Decimal("1199"), 150, 6),
    Offer("Tap and pipe repair", "Plumbing", Decimal("299"), 60, 10),
    Offer("Water tank cleaning", "Plumbing", Decimal("799"), 120, 3),
    Offer("Switch and socket repair", "Electrical", Decimal("249"), 45, 9),
    Offer("Fan and light fitting", "Electrical", Decimal("349"), 60, 7),
    Offer("Split AC service", "Appliances", Decimal("599"), 75, 9),
    Offer("Washing machine repair", "Appliances", Decimal("499"), 90, 6),
    Offer("Refrigerator repair", "Appliances", Decimal("499"), 90, 4),
    Offer("Water purifier service", "Appliances", Decimal("399"), 60, 5),
    Offer("Furniture assembly", "Carpentry", Decimal("549"), 90, 4),
    Offer("Door and lock repair", "Carpentry", Decimal("399"), 60, 4),
    Offer("Cockroach and ant control", "Pest control", Decimal("999"), 90, 5),
    Offer("One-room painting", "Painting", Decimal("4999"), 480, 2),
    Offer("Salon at home", "Personal care", Decimal("799"), 90, 7),
    Offer("Massage at home", "Personal care", Decimal("1299"), 75, 3),
)
