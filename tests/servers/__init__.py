"""Real servers on this machine, on ports of their own: the providers a test talks to, and the product itself."""

from tests.servers.smtp import SmtpServer
from tests.servers.twilio import TwilioServer

__all__ = ["SmtpServer", "TwilioServer"]
