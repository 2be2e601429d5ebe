"""Numbers as people in India write them."""

from decimal import ROUND_HALF_UP, Decimal

PAISA = Decimal("0.01")


def exact(amount: Decimal | None) -> str | None:
    """An amount for machines, with its paise: 123456.50."""
    return None if amount is None else str(Decimal(amount).quantize(PAISA, rounding=ROUND_HALF_UP))


def indian(number: Decimal | int | str) -> str:
    """1,23,456: the last three digits, then pairs. Decimal places are kept as they are."""
    exact = Decimal(number)
    whole, point, fraction = f"{abs(exact):f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    return ("-" if exact < 0 else "") + ",".join([*reversed(pairs), tail]) + point + fraction


def rupees(amount: Decimal | int | str) -> str:
    """₹1,23,456, with paise only where there are some: ₹1,23,456.50."""
    exact = Decimal(amount).quantize(PAISA, rounding=ROUND_HALF_UP)
    text = indian(abs(exact) if exact % 1 else int(abs(exact)))
    return f"-₹{text}" if exact < 0 else f"₹{text}"
