"""Getting in and out: password, second factor, one's own login."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login as begin_session
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_otp.models import Device

from core import audit, clock, staffing
from core.models import User
from core.security import second_factor
from core.security.limits import Limit, spend
from core.security.logins import LONGEST_FORM, STAFF_SESSION, WINDOW
from core.web.demo import demo
from core.web.doors import for_everyone, is_staff, person
from core.web.words import initials

# Whoever found a page open may not find out its password there.
OLD_PASSWORDS = Limit("old_password", most=10, within=WINDOW)


class Login(LoginView):
    """One login for every page and the admin. Who needs a second factor is asked for it, and is nobody until it is right."""

    template_name = "web/login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_FORM:
            return HttpResponse("The form is too long.\n", status=413, content_type="text/plain")
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | demo()

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)
        if second_factor.needed(user):
            second_factor.claim(self.request, user, next_url=self.get_redirect_url(), now=clock.now())
            return HttpResponseRedirect(reverse("second-factor"))
        answer = super().form_valid(form)
        _shorten(self.request, user)
        return answer


login = Login.as_view()
logout = LogoutView.as_view()


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def ask_second_factor(request: HttpRequest) -> HttpResponse:
    """The code, and the first time the setting up before it. Reached with a password only; nothing else is open meanwhile."""
    now = clock.now()
    found = second_factor.claimed(request, now=now)
    if found is None:
        return HttpResponseRedirect(reverse("login"))
    user, claim = found
    known = second_factor.is_set_up(user)
    if request.method != "POST":
        return _ask(request, user, known)
    code = request.POST.get("code", "")
    if known:
        device = second_factor.verify(user, code, now=now)
        if device is None:
            return _ask(request, user, known, wrong=True)
        _let_in(request, user, claim.backend, device)
        return HttpResponseRedirect(claim.next or reverse("home"))
    confirmed = second_factor.confirm(user, code, now=now)
    if confirmed is None:
        return _ask(request, user, known, wrong=True)
    device, codes = confirmed
    _let_in(request, user, claim.backend, device)
    audit.enter(user, {"second factor": ("none", "set up")}, actor=user, now=now)
    return render(request, "web/recovery_codes.html", {"codes": codes, "next": claim.next or reverse("home")})


@require_safe
@never_cache
@for_everyone
def account(request: HttpRequest) -> HttpResponse:
    """One's own login: who one is here, the password, the second factor."""
    user = person(request)
    context = {"person": user, "initials": initials(user), "staff": is_staff(user), "second_factor": second_factor.needed(user)}
    if context["second_factor"]:
        context["codes_left"] = second_factor.recovery_codes_left(user)
    return render(request, "web/account.html", context)


@require_POST
@never_cache
@for_everyone
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Ten new ones, shown this once. The old ones stop working."""
    user = person(request)
    if not second_factor.needed(user):
        return HttpResponseRedirect(reverse("account"))
    codes = second_factor.new_recovery_codes(user)
    audit.enter(user, {"recovery codes": ("old ones", "new ones")}, actor=user, now=clock.now())
    return render(request, "web/recovery_codes.html", {"codes": codes, "next": reverse("account")})


@method_decorator(for_everyone, name="dispatch")
class ChangePassword(PasswordChangeView):
    """A new password ends every other session of its person at once; this one goes on, under a new key."""

    template_name = "web/password.html"
    success_url = reverse_lazy("account")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if spend([(OLD_PASSWORDS, str(person(request).pk))], now=clock.now()):
            messages.error(request, "Too many tries. Wait a quarter of an hour.")
            return HttpResponseRedirect(reverse("account"))
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Form) -> HttpResponse:
        assert isinstance(form, PasswordChangeForm)
        answer = super().form_valid(form)
        user = person(self.request)
        now = clock.now()
        audit.enter(user, {"password": ("old one", "new one")}, actor=user, now=now)
        # Whoever had the old one may have logged in over the API with it.
        staffing.end_tokens(user, actor=user, now=now)
        ended = "Wherever else you were logged in, you no longer are. Your API tokens have ended."
        messages.success(self.request, f"Your password is changed. {ended}")
        return answer


change_password = ChangePassword.as_view()


def _ask(request: HttpRequest, user: User, known: bool, *, wrong: bool = False) -> HttpResponse:
    context: dict[str, Any] = {"known": known, "wrong": wrong, "person": user}
    if not known:
        context["invitation"] = second_factor.invite(user)
    return render(request, "web/second_factor.html", context)


def _let_in(request: HttpRequest, user: User, backend: str, device: Device) -> None:
    request.session.flush()
    begin_session(request, user, backend=backend)
    second_factor.log_in_device(request, device)
    _shorten(request, user)


def _shorten(request: HttpRequest, user: User) -> None:
    if is_staff(user):
        request.session.set_expiry(STAFF_SESSION)
