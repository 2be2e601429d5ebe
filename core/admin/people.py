"""People, and the ways they get in."""

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from knox.models import AuthToken
from knox.settings import CONSTANTS
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core import audit, clock, staffing
from core.admin.base import Found, House, choices_of, person_of
from core.admin.site import site
from core.models import Preference, Role, Tries, User
from core.notifications.kinds import kinds
from core.notifications.transports import methods


class PlainUsername:
    """A username that is taken for no other: Latin letters, digits and @.+-_, and nobody's in other capitals."""

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]  # type: ignore[attr-defined]
        own = self.instance  # type: ignore[attr-defined]
        if username == own.username:
            return username
        ASCIIUsernameValidator()(username)
        if User.objects.filter(username__iexact=username).exclude(pk=own.pk).exists():
            raise ValidationError("Somebody has this username, in these or other capitals.")
        return username


class PersonForm(PlainUsername, UserChangeForm):
    pass


class NewPersonForm(PlainUsername, UserCreationForm):
    pass


class NewPasswordForm(AdminPasswordChangeForm):
    def save(self, commit: bool = True) -> Any:
        """A new password ends what the old one opened: sessions by themselves, tokens here."""
        saved = super().save(commit)
        staffing.end_tokens(saved, actor=None, now=clock.now())
        return saved


@admin.register(User, site=site)
class PersonAdmin(Found, House, UserAdmin):  # type: ignore[misc, type-arg]
    """People are never deleted here: what was sent to them is on record. An account is closed by making it inactive."""

    form = PersonForm
    add_form = NewPersonForm
    change_password_form = NewPasswordForm
    ids = ()
    texts = ("username", "phone")
    pincodes = ("pincode",)
    people = ("pk",)
    list_display = ("username", "full_name", "role", "pincode", "is_available", "is_active", "last_login")
    list_filter = (choices_of("role", "role", lambda: Role.choices), "is_active", "is_available")
    ordering = ("username",)
    filter_horizontal = ()
    written_beside = ("is_staff", "is_superuser")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", ("first_name", "last_name"))}),
        (
            "What they may do",
            {
                "fields": ("role", "is_active"),
                "description": "The role decides. An inactive person cannot log in, is written to by nobody, and keeps their history.",
            },
        ),
        ("Where they are reached", {"fields": ("email", "phone", "language")}),
        ("Where they live or work", {"fields": ("pincode", "is_available")}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "usable_password", "password1", "password2")}),
        ("Who", {"fields": ("first_name", "last_name", "role", "email", "phone", "pincode")}),
    )

    @display(description="name", ordering="first_name")
    def full_name(self, person: User) -> str:
        return person.get_full_name()

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Nobody but who may set a password is shown even its hash."""
        sets = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return sets
        return [(title, {**options, "fields": tuple(name for name in options["fields"] if name != "password")}) for title, options in sets]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        staffing.flags(obj)
        super().save_model(request, obj, form, change)
        if change and {"role", "is_active"} & set(form.changed_data):
            staffing.end_tokens(obj, actor=request.user if isinstance(request.user, User) else None, now=clock.now())


@admin.register(Group, site=site)
class GroupAdmin(House):
    """Groups sort people for whoever extends the product. What a person may do here follows from their role alone."""

    search_fields = ("name",)
    fields = ("name",)
    ordering = ("name",)
    deleting = True


class NewTokenForm(ModelForm):  # type: ignore[type-arg]
    """For whom, and until when; the token itself is made when it is saved."""

    class Meta:
        model = AuthToken
        fields = ("user", "expiry")


@admin.register(AuthToken, site=site)
class TokenAdmin(House):
    """Tokens of programs. A token is shown once, when it is made; deleting it here ends it at once."""

    deleting = True
    form = NewTokenForm
    list_display = ("token_key", "user", "created", "expiry")
    list_select_related = ("user",)
    search_fields = ("token_key", "user__username")
    autocomplete_fields = ("user",)
    fieldsets = (
        (
            None,
            {
                "fields": ("user", "expiry"),
                "description": "The token is shown once, after saving, and cannot be read again: only a hash of it is kept.",
            },
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return "digest" not in lookup and bool(super().lookup_allowed(lookup, value, request))

    def _enter(self, request: HttpRequest, what: str, rows: list[Any]) -> None:
        """Whose they are, and how they begin; never the hash that is a row's own name."""
        more = {"tokens": [f"{row.user.username} {row.token_key}" for row in rows]}
        audit.enter_act(what, actor=person_of(request), more=more, now=clock.now())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made, token = AuthToken.objects.create(user=obj.user)
        if obj.expiry is not None:
            made.expiry = obj.expiry
            made.save(update_fields=["expiry"])
        obj.pk, obj.token_key, obj.created, obj.expiry = made.pk, token[: CONSTANTS.TOKEN_KEY_LENGTH], made.created, made.expiry
        self._enter(request, "make an API token", [obj])
        self.message_user(request, f"The new token, shown this once: {token}", messages.SUCCESS)

    def response_add(self, request: HttpRequest, obj: AuthToken, post_url_continue: str | None = None) -> HttpResponse:
        """To the list, without the usual sentence: it would hold the hash."""
        return HttpResponseRedirect(reverse("admin:knox_authtoken_changelist", current_app=self.admin_site.name))

    def log_addition(self, request: HttpRequest, obj: AuthToken, message: Any) -> Any:
        """The entry speaks of the token's first characters; the row's own name would hold its hash."""
        return None


@admin.register(AccessAttempt, site=site)
class LoginAttemptAdmin(House):
    """Failed logins. Deleting a row lets its person try again at once."""

    adding = False
    deleting = True
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info")
    search_fields = ("username", "ip_address")
    search_help_text = "Search by username or address"
    ordering = ("-attempt_time",)
    fields = ("attempt_time", "username", "ip_address", "user_agent", "path_info", "failures_since_start")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tries, site=site)
class TriesAdmin(House):
    """What limits have counted, by whom only as a hash. Deleting rows begins their counting anew."""

    adding = False
    deleting = True
    list_display = ("limit", "count", "until")
    list_filter = ("limit",)
    ordering = ("-until",)
    fields = ("limit", "count", "until")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Preference, site=site)
class PreferenceAdmin(Found, House):
    """What a person said about one kind of message by one method. Without a row the product's default holds."""

    deleting = True
    ids = ()
    people = ("person",)
    list_display = ("person", "category", "method", "allowed", "changed_at", "source")
    list_select_related = ("person",)
    list_filter = (
        choices_of("category", "category", lambda: [(kind.name, kind.label) for kind in kinds]),
        choices_of("method", "method", lambda: [(name, name) for name in methods()]),
        "allowed",
    )
    autocomplete_fields = ("person",)
    fields = ("person", "category", "method", "allowed", "changed_at", "source")
    readonly_fields = ("changed_at", "source")
    written_beside = ("changed_at", "source")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.changed_at, obj.source = clock.now(), "admin"
        super().save_model(request, obj, form, change)
