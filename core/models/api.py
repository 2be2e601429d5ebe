"""What the API remembers between calls."""

from django.db import models

from core import clock
from core.models.users import User


class IdempotencyKey(models.Model):
    """A client's own name for a request, so that sending it twice does it once. Kept for 24 hours."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty while the first call runs.")
    response = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "path", "key"), name="one_answer_per_idempotency_key"),)
        indexes = (models.Index(fields=("created_at",), name="idempotency_created"),)

    def __str__(self) -> str:
        return f"{self.path} {self.key}"
