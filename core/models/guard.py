"""What limits remember: how often something was tried."""

from django.db import models


class Tries(models.Model):
    """How often one thing was tried within one window. Whose tries they are is kept as a keyed hash."""

    limit = models.CharField(max_length=40)
    key_hash = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    until = models.DateTimeField(help_text="When the window ends, and counting begins anew.")

    class Meta:
        verbose_name_plural = "tries"
        constraints = (models.UniqueConstraint(fields=("limit", "key_hash"), name="one_window_per_limit_and_key"),)
        indexes = (models.Index(fields=("until",), name="tries_until"),)

    def __str__(self) -> str:
        return f"{self.limit}: {self.count}"
