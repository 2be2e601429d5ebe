"""What all tables of the admin have in common: rights by role, searches that use an index, pages that count nothing."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from auditlog.registry import auditlog
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, JSON
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter
from unfold.contrib.import_export.forms import ExportForm
from unfold.paginator import InfinitePaginator
from unfold.utils import parse_date_str

from core import audit, clock
from core.admin.permissions import ByRole
from core.models import User
from core.models.fields import PINCODE

# People whose name begins with what is looked for; more than this is not a search.
PEOPLE_FOUND = 200


class House(ByRole, ModelAdmin):
    """A table that people manage."""

    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    warn_unsaved_form = True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Of a row that exists only what the person changed is written: a check or a sender may be at it at the same time."""
        if not change:
            obj.save()
            self._enter(request, f"add {name_of(obj)}", [obj])
            return
        own = {field.name for field in obj._meta.concrete_fields}
        if changed := own.intersection([*form.changed_data, *self.written_beside]):
            obj.save(update_fields=changed)
        if form.changed_data and not auditlog.contains(type(obj)):
            changes = {name: (form.initial.get(name), form.cleaned_data.get(name)) for name in form.changed_data}
            audit.enter(obj, changes, actor=person_of(request), now=clock.now())

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._enter(request, f"delete {name_of(obj)}", [obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._enter(request, f"delete {name_of(queryset.model)}", list(queryset))
        super().delete_queryset(request, queryset)

    def _enter(self, request: HttpRequest, what: str, rows: list[Any]) -> None:
        """An entry for rows that came or went, of a table that nobody watches: those that are watched leave one each by themselves."""
        if rows and not auditlog.contains(type(rows[0])):
            audit.enter_act(what, actor=person_of(request), more={"rows": [str(row.pk) for row in rows]}, now=clock.now())

    # What save_model writes itself when a person has changed something.
    written_beside: tuple[str, ...] = ()


class Record(House):
    """A table that the system writes and people read: nothing is added, changed or deleted here."""

    adding = False
    warn_unsaved_form = False
    actions = None

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class Long:
    """For a table of a million rows: pages without a count of all, and nothing that reads it from end to end."""

    paginator = InfinitePaginator


class Exported(ExportMixin):
    """The rows that a person may see, as they are filtered, as a file."""

    export_form_class = ExportForm
    formats = (CSV, JSON)
    skip_export_form_from_action = True

    def has_export_permission(self, request: HttpRequest) -> bool:
        may_view: bool = self.has_view_permission(request)
        return may_view

    def get_export_data(self, file_format: Any, request: HttpRequest, queryset: QuerySet[Any], **kwargs: Any) -> Any:
        more = {"asked": dict(request.GET.items()), "format": file_format.get_title()}
        audit.enter_act(f"export {name_of(queryset.model)}", actor=person_of(request), more=more, now=clock.now())
        # A text that begins like a formula is written as a text: spreadsheets would carry it out.
        return super().get_export_data(file_format, request, queryset, escape_formulae=True, **kwargs)


class Found:
    """A search by what has an index: a whole id, a pincode, the beginning of somebody's name, username, email or phone.

    What the term cannot be is not looked for; a term that can be nothing finds nothing.
    """

    search_fields = ("pk",)  # Shows the box; what it does is below.
    ids: tuple[str, ...] = ("pk",)
    texts: tuple[str, ...] = ()
    pincodes: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    @property
    def search_help_text(self) -> str:
        kinds = (("a whole id", self.ids), ("a pincode", self.pincodes), ("the beginning of a name, username, email or phone", self.people))
        return "Search by " + ", ".join([words for words, fields in kinds if fields] + [text.replace("_", " ") for text in self.texts])

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\0", "")
        if not term:
            return queryset, False
        found = Q()
        for field in self.texts:
            found |= Q((field, term))
        if (identifier := as_uuid(term)) is not None:
            for field in self.ids:
                found |= Q((field, identifier))
        if PINCODE.fullmatch(term):
            for field in self.pincodes:
                found |= Q((field, term))
        elif self.people and identifier is None:
            named = people_named(term)
            for field in self.people:
                found |= Q((f"{field}__in", named))
        return (queryset.filter(found) if found else queryset.none()), False


class ReadOnlyRows(ByRole, TabularInline):
    """Rows of another table on a page, to read."""

    adding = False
    extra = 0
    can_delete = False
    per_page = 20
    hide_title = True
    show_change_link = True

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OneRow(ByRole, StackedInline):
    """The one row of another table that belongs to the page's row."""

    extra = 0
    can_delete = False
    hide_title = True


class Days(RangeDateFilter):
    """A moment by days of the business time zone, both ends counted."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = (parse_date_str(self.used_parameters.get(f"{self.parameter_name}_{side}")) for side in ("from", "to"))
        if start:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": clock.day_start(start)})
        if end:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": clock.day_start(end + timedelta(days=1))})
        return queryset


def choices_of(title: str, field: str, choices: Any) -> type[DropdownFilter]:
    """A filter by a field whose values are known without asking the table. `choices` is called anew each time."""

    class OneOf(DropdownFilter):
        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(str(value), str(label)) for value, label in choices()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            known = {value for value, _ in self.lookup_choices}
            return queryset.filter(**{field: self.value()}) if self.value() in known else queryset

    OneOf.title = title
    OneOf.parameter_name = field
    return OneOf


def people_named(term: str) -> QuerySet[User, int]:
    """The ids of people whose name, username, email or phone begins so."""
    words = re.split(r"\s+", term, maxsplit=1)
    begins = Q(username__istartswith=term) | Q(email__istartswith=term) | Q(phone__startswith=term)
    begins |= Q(first_name__istartswith=term) | Q(last_name__istartswith=term)
    if len(words) == 2:
        begins |= Q(first_name__istartswith=words[0], last_name__istartswith=words[1])
    return User.objects.filter(begins).order_by().values_list("pk", flat=True)[:PEOPLE_FOUND]


def name_of(model: Model | type[Model]) -> str:
    return str(model._meta.verbose_name)


def person_of(request: HttpRequest) -> User:
    """Who is at work: nobody else gets as far as a table of the admin."""
    assert isinstance(request.user, User)
    return request.user


def as_uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
