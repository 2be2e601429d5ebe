"""The API's own description, and the page that shows it: everything on it comes from this site."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.settings import api_settings

from core.dashboard.resource import Resource
from core.dashboard.strict import Query, query_of

PARTS = "drf_spectacular_sidecar/swagger-ui-dist"
# Swagger's own sheet brings small pictures in it, and sets sizes by script; nothing is fetched from anybody else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class SchemaFile(SpectacularAPIView):
    """OpenAPI 3: as JSON, or as YAML for who accepts only `application/vnd.oai.openapi`."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer]
    content_negotiation_class = DefaultContentNegotiation
    permission_classes = api_settings.DEFAULT_PERMISSION_CLASSES
    http_method_names = Resource.http_method_names

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        query_of(Query, request.query_params)
        return super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]


class Docs(Resource):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        query_of(Query, request.query_params)
        page = render(request._request, "dashboard/docs.html", {"parts": static(PARTS)})
        page.headers["Content-Security-Policy"] = POLICY
        return page
