"""What the settings make of an environment: strict where people come from outside, and an error where it makes no sense."""

import pytest

from tests.security.starting import PRODUCTION, settings_of, start

FLAGS = (
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "SECOND_FACTOR",
)


def test_over_https_cookies_are_safe_and_a_second_factor_is_needed():
    found = settings_of(
        *FLAGS, "SECURE_HSTS_SECONDS", "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_HTTPONLY", "DEBUG", **PRODUCTION
    )
    assert [found[name] for name in FLAGS] == [True] * len(FLAGS)
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert found["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert found["CSRF_COOKIE_NAME"].startswith("__Host-")
    assert found["SESSION_COOKIE_HTTPONLY"] is True
    assert found["DEBUG"] is False


def test_its_cache_may_be_away():
    found = settings_of("CACHES", **(PRODUCTION | {"REDIS_URL": "redis://127.0.0.1:6379/0"}))
    assert found["CACHES"]["default"]["BACKEND"] == "homeserve_pro.cache.ForgetfulCache"


def test_on_ones_own_machine_nothing_stands_in_the_way():
    assert not any(settings_of(*FLAGS).values())
    assert settings_of("SECOND_FACTOR", **PRODUCTION, DEBUG="1")["SECOND_FACTOR"] is False


def test_djangos_own_check_for_deployment_finds_nothing():
    done = start("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_without_a_second_factor_the_check_for_deployment_says_so():
    done = start("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION, SECOND_FACTOR="0")
    assert done.returncode == 1
    assert "core.W001" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "10.1.2.3/8"),
        ("TRUSTED_PROXIES", "my-proxy"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY_FALLBACKS", "short"),
        ("SECOND_FACTOR", "perhaps"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_itself(name, value):
    done = start("manage.py", "check", **(PRODUCTION | {name: value}))
    assert "Traceback" not in done.stderr
    assert done.returncode != 0
    assert f"{name}: " in done.stderr


def test_earlier_keys_are_read_from_the_environment():
    earlier = "an earlier key as long as a key has to be: 0123456789"
    assert settings_of("SECRET_KEY_FALLBACKS", **PRODUCTION, SECRET_KEY_FALLBACKS=f"{earlier}, {earlier}2")["SECRET_KEY_FALLBACKS"] == [
        earlier,
        f"{earlier}2",
    ]
