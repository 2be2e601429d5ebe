"""People: customers, vendors and staff, told apart by their role."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from core.models.fields import PincodeField, is_e164, one_of, pincode_check
from core.models.search import TrigramIndex


class Role(models.TextChoices):
    CUSTOMER = "customer", "Customer"
    VENDOR = "vendor", "Vendor"
    ONBOARD_MANAGER = "onboard_manager", "Onboarding manager"
    OPS_MANAGER = "ops_manager", "Ops manager"
    FINANCE = "finance", "Finance"
    SUPER_ADMIN = "super_admin", "Super admin"


class People(UserManager["User"]):
    """Django's own manager; a superuser made on the command line is a super admin of the product, too."""

    def create_superuser(self, username: str, email: str | None = None, password: str | None = None, **extra: Any) -> "User":
        extra.setdefault("role", Role.SUPER_ADMIN)
        return super().create_superuser(username, email, password, **extra)


class User(AbstractUser):
    """A person. `pincode` is where a customer lives or a vendor works; staff may have none."""

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.CUSTOMER)
    phone = models.CharField(max_length=16, blank=True, validators=[is_e164], help_text="E.164, as +919876543210. Not unique.")
    pincode = PincodeField(blank=True, default="")
    is_available = models.BooleanField("available", default=False, help_text="A vendor who takes jobs now.")
    language = models.CharField(max_length=8, default="en", help_text="The language of messages, as en or hi.")

    objects: ClassVar[People] = People()

    class Meta:
        constraints = (
            pincode_check("user", blank=True),
            one_of("role", Role.values, "user"),
        )
        indexes = (
            models.Index(fields=("role", "pincode", "id"), name="user_role_pincode"),
            models.Index(fields=("pincode", "role"), name="user_pincode", condition=models.Q(is_active=True) & ~models.Q(pincode="")),
            models.Index(Lower("email"), name="user_email_lower"),
            TrigramIndex(fields=("username", "first_name", "last_name", "email", "phone"), name="user_words"),
            models.Index(fields=("phone",), name="user_phone", condition=~models.Q(phone="")),
        )

    @property
    def name(self) -> str:
        """What to call this person in a message: the first name, else the username."""
        return self.first_name or self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's, with the role beside the password: whoever changes either has ended all of this person's sessions."""
        return salted_hmac("core.User.session", f"{self.role}\0{self.password}", secret=secret, algorithm="sha256").hexdigest()

    def __str__(self) -> str:
        return self.get_full_name() or self.username
