"""What holds a message back: people's own choices, addresses set aside, switches, and providers that are down."""

from django.core.validators import MinValueValidator
from django.db import models

from core import clock
from core.models.users import User


class Preference(models.Model):
    """A person's word on one category by one method. No row: the product's default."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="preferences", db_index=False)
    category = models.CharField(max_length=40)
    method = models.CharField(max_length=20)
    allowed = models.BooleanField()
    changed_at = models.DateTimeField(default=clock.now)
    source = models.CharField(max_length=40, blank=True, help_text="How it was said: the page, the mail's one click, the API.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "category", "method"), name="one_preference_per_category_and_method"),)
        indexes = (models.Index(fields=("category", "allowed", "person"), name="preference_category"),)

    def __str__(self) -> str:
        return f"{self.category} by {self.method}: {'yes' if self.allowed else 'no'}"


class Suppression(models.Model):
    """An address that is not written to by a method, whoever it belongs to."""

    method = models.CharField(max_length=20)
    address = models.CharField(max_length=254)
    reason = models.CharField(max_length=40)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("method", "address"), name="one_suppression_per_address"),)

    def __str__(self) -> str:
        return f"{self.method}: {self.reason}"


class Switch(models.Model):
    """A pause: of everything, a campaign, a type or a method. What is paused waits; it is not lost."""

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        CAMPAIGN = "campaign", "A campaign"
        TYPE = "type", "A type"
        METHOD = "method", "A method"

    scope = models.CharField(max_length=10, choices=Scope.choices)
    name = models.CharField(max_length=60, blank=True)
    is_paused = models.BooleanField("paused", default=True)
    reason = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(default=clock.now)
    changed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = "pause switch"
        verbose_name_plural = "pause switches"
        constraints = (
            models.UniqueConstraint(fields=("scope", "name"), name="one_switch_per_scope"),
            models.CheckConstraint(
                condition=models.Q(scope="all", name="") | (~models.Q(scope="all") & ~models.Q(name="")), name="switch_names_what_it_pauses"
            ),
        )

    def __str__(self) -> str:
        what = self.get_scope_display() if self.scope == self.Scope.ALL else f"{self.scope} {self.name}"
        return f"{what}: {'paused' if self.is_paused else 'on'}"


class TypeSetting(models.Model):
    """By which methods a type of notification goes, where that differs from what its declaration says."""

    notification_type = models.CharField(max_length=40, unique=True)
    methods = models.JSONField(default=list, help_text='As ["email", "websocket"], in the order they are tried.')
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = "methods of a type"
        verbose_name_plural = "methods of types"

    def __str__(self) -> str:
        return f"{self.notification_type}: {', '.join(self.methods)}"


class ProviderState(models.Model):
    """What all processes know of a provider: its circuit breaker, its rate, and why it is held."""

    class Breaker(models.TextChoices):
        CLOSED = "closed", "Working"
        OPEN = "open", "Held"
        HALF_OPEN = "half_open", "Trying once"

    provider = models.CharField(max_length=40, unique=True)
    breaker = models.CharField(max_length=10, choices=Breaker.choices, default=Breaker.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    # Otherwise it refuses us, which is the operator's to mend.
    is_outage = models.BooleanField("does not answer", default=False)
    opened_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True, help_text="From when one message may be tried while it is held.")
    paused_until = models.DateTimeField(null=True, blank=True, help_text="It asked for a pause until then.")
    last_error = models.TextField(blank=True)
    tokens = models.FloatField(default=0)
    tokens_at = models.DateTimeField(null=True, blank=True)
    per_second = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
        help_text="Messages a second; empty: as PROVIDER_RATES says, or no limit.",
    )
    burst = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="At once after a quiet while; empty: what one second brings."
    )

    def __str__(self) -> str:
        return f"{self.provider}: {self.get_breaker_display()}"
