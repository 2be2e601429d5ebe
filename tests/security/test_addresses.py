"""Whose word counts on where a request comes from."""

from ipaddress import ip_network

import pytest
from django.http import HttpRequest, HttpResponse

from core.security.addresses import client_address, for_lockout, from_proxy, network_of


def seen(peer: str, **headers: str) -> HttpRequest:
    """The request as views see it."""
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": peer} | {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    # Somebody may have looked before.
    _ = request.headers
    from_proxy(lambda request: HttpResponse())(request)
    return request


def trust(settings, *networks: str) -> None:
    settings.TRUSTED_PROXIES = [ip_network(network) for network in networks]
    settings.BEHIND_PROXY = True


def test_without_a_proxy_nobody_is_believed():
    request = seen("203.0.113.9", x_forwarded_for="198.51.100.1", x_forwarded_proto="https", x_forwarded_host="evil.example")
    assert client_address(request) == "203.0.113.9"
    assert [name for name in request.META if "FORWARDED" in name] == []
    assert "X-Forwarded-For" not in request.headers


def test_a_declared_proxy_is_believed(settings):
    trust(settings, "10.0.0.0/8")
    request = seen("10.1.2.3", x_forwarded_for="198.51.100.1", x_forwarded_proto="https")
    assert client_address(request) == "198.51.100.1"
    assert request.headers["X-Forwarded-Proto"] == "https"


def test_what_the_client_itself_wrote_before_the_proxy_did_is_not_believed(settings):
    trust(settings, "10.0.0.0/8")
    assert client_address(seen("10.1.2.3", x_forwarded_for="1.2.3.4, 198.51.100.1")) == "198.51.100.1"
    assert client_address(seen("10.1.2.3", x_forwarded_for="1.2.3.4, 198.51.100.1, 10.9.9.9")) == "198.51.100.1"


def test_a_stranger_beside_the_declared_proxies_is_not_believed(settings):
    trust(settings, "10.0.0.0/8")
    assert client_address(seen("203.0.113.9", x_forwarded_for="198.51.100.1")) == "203.0.113.9"


def test_behind_an_undeclared_proxy_its_own_word_counts_and_nothing_before_it(settings):
    settings.TRUSTED_PROXIES, settings.BEHIND_PROXY = [], True
    assert client_address(seen("172.17.0.1", x_forwarded_for="1.2.3.4, 198.51.100.1")) == "198.51.100.1"
    assert client_address(seen("172.17.0.1")) == "172.17.0.1"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.1:4711", "198.51.100.1"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", "10.1.2.3"),
        ("", "10.1.2.3"),
        ("198.51.100.1, nonsense", "10.1.2.3"),
        ("'; DROP TABLE core_user", "10.1.2.3"),
    ],
)
def test_addresses_as_proxies_write_them(settings, written, address):
    trust(settings, "10.0.0.0/8")
    assert client_address(seen("10.1.2.3", x_forwarded_for=written)) == address


def test_limits_count_a_whole_network():
    assert network_of("198.51.100.1") == network_of("198.51.100.254") == "198.51.100.0/24"
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("") == network_of("nonsense") == ""


def test_a_lockout_counts_an_ipv6_network_as_one_client():
    assert for_lockout(seen("2001:db8:1:2::1")) == for_lockout(seen("2001:db8:1:2::beef")) == "2001:db8:1:2::"
    assert for_lockout(seen("198.51.100.1")) == "198.51.100.1"
    assert for_lockout(seen("")) is None
