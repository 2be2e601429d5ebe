"""Which transport carries a method, here and now."""

import threading

import pytest

from core.notifications.transport import Transport
from core.notifications.transports import close_transports, methods, transport_class, transport_for
from core.notifications.transports.email import EmailTransport
from core.notifications.transports.sms import SmsTransport
from core.notifications.transports.websocket import WebSocketTransport
from tests.notifications.transports.conftest import a_message


class Pigeon(Transport):
    """A method nobody has thought of yet: one class and one line of settings."""

    method = "pigeon"

    @property
    def provider(self) -> str:
        return "loft"

    @staticmethod
    def address_of(person) -> str:
        return person.email

    def send(self, message):
        raise NotImplementedError


def test_the_setting_names_the_methods_there_are(settings):
    assert methods() == ["email", "sms", "websocket"]
    settings.TRANSPORTS = {**settings.TRANSPORTS, "pigeon": f"{__name__}.Pigeon"}
    assert methods()[-1] == "pigeon"
    assert transport_class("pigeon").__name__ == "Pigeon"
    assert transport_for("pigeon").provider == "loft"


def test_an_unknown_method_is_named_with_those_there_are():
    with pytest.raises(LookupError, match=r"'fax'.*email, sms, websocket"):
        transport_for("fax")


def test_a_thread_keeps_its_own(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mine = transport_for("email")
    assert transport_for("email") is mine
    others: list[Transport] = []

    def in_another_thread() -> None:
        others.append(transport_for("email"))
        close_transports()

    thread = threading.Thread(target=in_another_thread)
    thread.start()
    thread.join()
    assert others[0] is not mine


def test_without_a_mail_host_mail_stays_in_the_outbox(settings):
    settings.EMAIL_BACKEND = ""
    transport = transport_for("email")
    accepted = transport.send(a_message())
    assert accepted.provider == transport.provider == "outbox"
    assert (transport.method, transport.part) == ("email", "html")


def test_without_credentials_sms_stays_in_the_outbox(settings):
    settings.TWILIO_ACCOUNT_SID = settings.TWILIO_AUTH_TOKEN = ""
    transport = transport_for("sms")
    assert transport.send(a_message(to="+919845000004")).provider == "outbox"
    assert (transport.method, transport.part, transport.regulated) == ("sms", "sms", True)


def test_with_a_provider_it_is_carried_and_a_change_of_settings_is_noticed(settings, smtp, twilio):
    assert isinstance(transport_for("email"), EmailTransport)
    assert isinstance(transport_for("sms"), SmsTransport)
    assert isinstance(transport_for("websocket"), WebSocketTransport)
    settings.EMAIL_BACKEND = ""
    assert transport_for("email").provider == "outbox"


def test_each_method_knows_where_a_person_is_reached(vera):
    assert transport_class("email").address_of(vera) == "vera@homeserve.example"
    assert transport_class("sms").address_of(vera) == "+919845000004"
    assert transport_class("websocket").address_of(vera) == str(vera.pk)
