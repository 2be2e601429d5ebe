"""The mail that every contestant sends: subject, text and HTML, 4 kB in all as it travels, with a person's name and way out.

The product's own frame would make it 11 kB; a mail of the usual size is what others' figures are given for.
"""

from core.notifications.marks import MARKS

SUBJECT = "25 % off home services this weekend"
TEXT = """Hello {name},

Book any home service near you this weekend and pay a quarter less: cleaning, plumbing, repairs.
On every service in 560038, until Sunday night. From ₹299.

Book now: https://homeserve.example/book

You get this as a customer in 560038. Stop offers: {unsubscribe}"""
_ROW = (
    '<tr><td style="padding:9px 0;border-top:1px solid #e5e5df;font-size:15px;line-height:22px">{service}</td>\n'
    '<td style="padding:9px 0;border-top:1px solid #e5e5df;text-align:right;font-size:15px">₹{price}</td></tr>\n'
)
_ROWS = "".join(
    _ROW.replace("{service}", service).replace("{price}", price)
    for service, price in (
        ("Deep cleaning, two bedrooms", "1,499"), ("Tap, basin or drain repair", "299"), ("Air conditioner, full service", "599"),
        ("Electrician, by the hour", "349"), ("Painting, one room and ceiling", "2,999"), ("Sofa and carpet shampoo", "799"),
        ("Kitchen chimney cleaning", "449"),
    )
)  # fmt: skip
HTML = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{SUBJECT}</title></head>
<body style="background:#f6f6f3;font-family:-apple-system,'Segoe UI','Helvetica Neue',Arial,sans-serif;color:#1a1b18">
<table role="presentation" width="600" align="center" style="background:#ffffff;border-radius:8px;padding:14px 24px 18px">
<tr><td colspan="2" style="font-size:22px;line-height:30px;font-weight:600">25 % off this weekend</td></tr>
<tr><td colspan="2" style="font-size:16px;line-height:24px">Hello {{name}},</td></tr>
<tr><td colspan="2" style="font-size:16px;line-height:24px">Book any home service near you this weekend
and pay a quarter less: cleaning, plumbing, repairs.</td></tr>
{_ROWS}<tr><td colspan="2" style="padding:16px 0"><a href="https://homeserve.example/book" style="background:#1a1b18;color:#ffffff;
border-radius:6px;padding:13px 22px;font-weight:600;text-decoration:none">Book now</a></td></tr>
<tr><td colspan="2" style="font-size:13px;line-height:20px;color:#63655d">You get this as a customer in 560038.
<a href="{{unsubscribe}}">Stop offers</a></td></tr>
</table></body></html>"""


def marked(part: str) -> str:
    """A part as the product keeps it: rendered once, with its own marks where a person's words go."""
    return part.replace("{name}", MARKS["name"]).replace("{unsubscribe}", MARKS["unsubscribe"])


def addressed(number: int) -> dict[str, str]:
    """The same mail for the person of a number, ready to hand to somebody else's program."""
    words = {"{name}": f"Asha{number}", "{unsubscribe}": f"https://homeserve.example/unsubscribe/{number:043}/"}
    parts = {"subject": SUBJECT, "text": TEXT, "html": HTML}
    for name, part in parts.items():
        for mark, word in words.items():
            part = part.replace(mark, word)
        parts[name] = part
    return {**parts, "to": f"customer{number}@homeserve.example", "unsubscribe": words["{unsubscribe}"]}
