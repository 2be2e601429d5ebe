"""What a log may say of a person: enough to tell two apart, too little to reach them."""

import re
from typing import Any

# It begins where a word does and never goes back: a long line without an address is read once.
EMAIL = re.compile(r"(?<![\w.+-])([\w.+-])[\w.+-]*+@([\w-]+(?:\.[\w-]+)+)")
# A day and its hour are as many digits, and nobody's number.
PHONE = re.compile(r"(?<![\w-])(?!\d{4}-\d\d-\d\d[ T]\d\d:)(\+\d{1,3}[ -]?)?(?<!\d)\d(?:[ -]?\d){8,11}(?![\w-])")
TOKEN = re.compile(r"(?i)\b(bearer|token|basic)\s+[\w.~+/=-]{8,}")
# Whoever has the link of a message can stop its offers, or act on its alert.
SIGNED = re.compile(r"(/(?:r|unsubscribe|act)/)[\w-]{40,}")
# A token of the API has no other sign than its length.
KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# In an address: what a parameter of such a name holds, and who logs in at a server.
PARAMETER = re.compile(r"(?i)([?&](?:token|otp|code|password|secret|key|signature)=)[^&\s\"']+")
LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+]{1,12}://)[^\s/@\"']+@")
SECRET_NAMES = re.compile(r"(?i)(password|passwd|secret|token|authorization|cookie|otp|code_hash|api_key|sessionid|csrf)")


def mask_email(match: re.Match[str]) -> str:
    return f"{match[1]}•••@{match[2]}"


def mask_phone(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return f"{match[1] or ''}•••••{digits[-3:]}"


def mask_text(text: str) -> str:
    """Emails keep their first letter and domain, phones their last three digits, tokens, logins and signed links nothing."""
    text = KEY.sub("•••", text)
    text = SIGNED.sub(lambda match: f"{match[1]}•••", text)
    text = PARAMETER.sub(lambda match: f"{match[1]}•••", text)
    text = LOGIN.sub(lambda match: f"{match[1]}•••@", text)
    text = TOKEN.sub(lambda match: f"{match[1]} •••", text)
    text = EMAIL.sub(mask_email, text)
    return PHONE.sub(mask_phone, text)


def mask(value: Any, *, name: str = "") -> Any:
    """The value with people and secrets masked, through dicts, lists and tuples; other types pass as they are.

    A value whose name speaks of a secret is masked whole, and so is each of a list of that name.
    """
    if name and SECRET_NAMES.search(name) and isinstance(value, str) and value:
        return "•••"
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {key: mask(item, name=str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item, name=name) for item in value]
    return value
