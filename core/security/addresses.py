"""Where a request comes from. A header says whatever its sender likes: it is believed of a proxy that the operator declared, only.

Everything behind `from_proxy` reads REMOTE_ADDR and finds the client there; no X-Forwarded-… header that was not to be
believed is left to be read by anybody.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDED = "HTTP_X_FORWARDED_"
FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
# What one customer of a provider has: limits by network make no difference between the addresses in it.
IPV4_NETWORK = 24
IPV6_NETWORK = 64


def from_proxy(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: put the client's own address into REMOTE_ADDR, and take away what a stranger says of himself. The outermost one."""

    def placed(request: HttpRequest) -> HttpResponseBase:
        peer = parse(request.META.get("REMOTE_ADDR", ""))
        if is_proxy(peer, direct=True):
            request.META["REMOTE_ADDR"] = str(client_behind(peer, request.META.get(FORWARDED_FOR, "")))
            # It has been read; whoever reads it again would believe its first entry, which the client wrote.
            request.META.pop(FORWARDED_FOR, None)
        else:
            for name in [name for name in request.META if name.startswith(FORWARDED)]:
                del request.META[name]
        # Read before this from the same headers.
        request.__dict__.pop("headers", None)
        return get_response(request)

    return placed


def client_behind(peer: Address | None, forwarded_for: str) -> Address | None:
    """The nearest address in the chain that is no proxy of ours: each proxy adds, at the end, whom it was called by."""
    client = peer
    for entry in reversed(forwarded_for.split(",")):
        address = parse(entry)
        if address is None:
            break
        client = address
        if not is_proxy(address):
            break
    return client


def is_proxy(address: Address | None, *, direct: bool = False) -> bool:
    """Whether this is a declared proxy: one of TRUSTED_PROXIES or, without any, with BEHIND_PROXY whoever connects directly."""
    networks: list[Network] = settings.TRUSTED_PROXIES
    if not networks:
        return direct and bool(settings.BEHIND_PROXY)
    return address is not None and any(address in network for network in networks)


def client_address(request: HttpRequest) -> str:
    """The client's address as limits and records take it; empty where there is none, as over a socket file."""
    address = parse(request.META.get("REMOTE_ADDR", ""))
    return str(address) if address else ""


def for_lockout(request: HttpRequest) -> str | None:
    """For django-axes: an IPv4 address, or an IPv6 network's first one, since a client has its pick of all the others in it."""
    address = parse(request.META.get("REMOTE_ADDR", ""))
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_NETWORK), strict=False).network_address)
    return str(address) if address else None


def network_of(address: str) -> str:
    """The network that limits count together: IPv4 /24, IPv6 /64; empty for what is no address."""
    parsed = parse(address)
    if parsed is None:
        return ""
    return str(ip_network((parsed, IPV4_NETWORK if parsed.version == 4 else IPV6_NETWORK), strict=False))


def parse(text: str) -> Address | None:
    """An address as proxies write it, with or without a port. An IPv4 address inside an IPv6 one is itself."""
    plain = text.strip()
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        address = ip_address(plain)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A zone names an interface of this machine and says nothing of the client.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address
