"""``GET /api/v1/openapi.json``: OpenAPI 3.1, made of the table of routes and the models that are served."""

import re
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from desk.api.problems import DETAIL, MEDIA_TYPE, Problem
from desk.api.query import Parameter
from desk.api.routes import BINARY, ROUTES, ApiRoute

REF = "#/components/schemas/{name}"
FILE = {"type": "string", "contentMediaType": "application/octet-stream"}


_OR = {
    None: "",
    "admin": ", or the session of an administrator",
    "agent": ", or the session of an administrator, or of the agent whom it is about",
}


async def serve(request: web.Request) -> web.Response:
    return web.json_response(document())


@cache
def document() -> dict[str, Any]:
    models = {route.gives for route in ROUTES if route.gives}
    models |= {route.takes for route in ROUTES if isinstance(route.takes, type)}
    _, schemas = msgspec.json.schema_components([*sorted(models, key=lambda m: m.__name__), Problem], ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Priyom", "version": "1", "description": "Intake and ticket routing."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "priyom_session",
                    "description": "A signed-in browser (by https the name begins with __Host-). What changes "
                    "something carries the session's token in X-CSRF-Token.",
                },
            },
        },
    }


def operation(route: ApiRoute) -> dict[str, Any]:
    answers = {str(route.status): {"description": "Done", "content": content_of(route)}}
    for status in statuses(route):
        answers[str(status)] = {
            "description": DETAIL[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}},
        }
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.about,
        "parameters": [*path_parameters(route.path), *(query_parameter(each) for each in route.query)],
        "responses": answers,
        "security": [] if route.needs == "public" else [{"token": []}, *([{"session": []}] if route.session else [])],
    }
    if route.needs != "public":
        described["description"] = f"Needs a token of scope {route.needs} or wider{_OR[route.session]}."
    if route.takes is not None:
        described["requestBody"] = {"required": True, "content": body_of(route)}
    return described


def statuses(route: ApiRoute) -> tuple[int, ...]:
    """Every error the route can answer with."""
    own = {*route.errors, 422, 503}
    if route.needs != "public":
        own |= {401}
    if route.needs not in ("public", "read"):
        own |= {403}
    if route.takes is not None:
        own |= {400}
    return tuple(sorted(own))


def content_of(route: ApiRoute) -> dict[str, Any]:
    if route.gives is None:
        return {"application/octet-stream": {"schema": FILE}}
    return {"application/json": {"schema": {"$ref": REF.format(name=route.gives.__name__)}}}


def body_of(route: ApiRoute) -> dict[str, Any]:
    if route.takes == BINARY:
        only = {"type": "object", "properties": {"file": FILE}, "required": ["file"]}
        return {"multipart/form-data": {"schema": only}}
    assert isinstance(route.takes, type)
    reference = {"$ref": REF.format(name=route.takes.__name__)}
    if not route.multipart:
        return {"application/json": {"schema": reference}}
    with_files = {"type": "object", "properties": {"files": {"type": "array", "items": FILE}}}
    return {
        "application/json": {"schema": reference},
        "multipart/form-data": {"schema": {"allOf": [reference, with_files]}},
    }


def path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema = {"type": "string", "enum": list(parameter.known)} if parameter.known else dict(parameter.schema)
    if parameter.many:
        schema = {"type": "array", "items": schema}
    style = {"style": "form", "explode": False} if parameter.many else {}
    return {"name": parameter.name, "in": "query", "description": parameter.about, "schema": schema, **style}
