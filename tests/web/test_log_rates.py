"""How messages fared by type, method and day: these seven days beside the seven before."""

import re

import pytest

from tests.web.test_log import LOG, message, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


def rates_of(page):
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    cells = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "|", row)) for row in rows]
    return {row.split("|")[0]: [cell.strip() for cell in row.split("|")[1:] if cell.strip()] for row in cells}


def test_what_went_out_stands_beside_the_week_before_by_type_method_and_day(as_omar, kiran):
    day = 24 * 60
    for ago, method, status in (
        (1, "email", "sent"), (1, "email", "failed"), (2 * day, "sms", "delivered"), (2 * day, "sms", "pending"),
        (7 * day, "email", "sent"), (8 * day, "email", "sent"), (9 * day, "sms", "failed"), (15 * day, "sms", "failed"),
    ):  # fmt: skip
        message(kiran, ago=ago, method=method, status=status)
    found = rates_of(text_of(as_omar, f"{LOG}rates/"))
    assert found["All messages"] == ["4", "1", "66.7 %", "66.7 %", "no change"]
    assert found["Email"] == ["2", "1", "50.0 %", "100 %", "▼ 50.0 pt"]
    assert found["SMS"] == ["2", "0", "100 %", "0.0 %", "▲ 100.0 pt"]
    assert found["Mon 16 Nov"] == ["2", "1", "50.0 %", "100 %", "▼ 50.0 pt"]
    assert found["Sat 14 Nov"] == ["2", "0", "100 %", "0.0 %", "▲ 100.0 pt"]
    assert found["Tue 10 Nov"] == ["0", "0", "none", "none", "first week"]


def test_finance_s_rates_are_of_payments_messages(as_farah, omar, kiran):
    message(omar, kind="payment_hold")
    message(kiran, status="failed")
    found = rates_of(text_of(as_farah, f"{LOG}rates/"))
    assert found["All messages"][:3] == ["1", "0", "100 %"]
    assert "Promotion" not in found
