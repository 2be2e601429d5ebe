"""Wording that overrides the files: per region and language, in versions."""

from django.db import models

from core import clock
from core.models.fields import is_pincode_prefix
from core.models.users import User


class TemplateVersion(models.Model):
    """One version of one template's wording. Of each template, region and language at most one is published."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        RETIRED = "retired", "Retired"

    name = models.CharField(max_length=60)
    region = models.CharField(
        max_length=6, blank=True, default="", validators=[is_pincode_prefix], help_text="First digits of pincodes; empty: everywhere."
    )
    language = models.CharField(max_length=8, default="en")
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True, help_text="Plain text, for the mail's text part and in the app.")
    email = models.TextField(blank=True, help_text="MJML.")
    sms = models.TextField(blank=True)
    dlt_template_id = models.CharField("DLT template id", max_length=40, blank=True)
    is_service = models.BooleanField("service message", default=False, help_text="By its DLT registration not promotional: no quiet hours.")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+")

    class Meta:
        verbose_name = "wording"
        verbose_name_plural = "wording"
        ordering = ("name", "region", "language", "-version")
        constraints = (
            models.UniqueConstraint(fields=("name", "region", "language", "version"), name="one_row_per_template_version"),
            models.UniqueConstraint(
                fields=("name", "region", "language"), name="one_published_version", condition=models.Q(status="published")
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.region or 'everywhere'} {self.language} v{self.version}"
