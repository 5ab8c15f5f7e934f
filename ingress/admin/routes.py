"""The list of everything the admin plane serves, and the web application made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from blacksheep.messages import Request, Response
from blacksheep.server.application import Application
from blacksheep.server.routing import Router

from ingress.admin.commands import CommandQuery, Commands, RemoveQuery, Tools
from ingress.admin.config_queries import ConfigQueries, ItemQuery, ListQuery, VersionedView
from ingress.admin.intake import Intake
from ingress.admin.wire import Door, Endpoint, MethodNotAllowed, render_error
from schemas.errors import NotFound

PREFIX = "/api/admin"


def collection_endpoints(intake: Intake, tools: Tools, view: VersionedView) -> list[Endpoint]:
    """What is served for one collection."""
    name = intake.decider.collection
    word = intake.decider.name.replace("-", " ")
    commands = Commands(intake, tools)
    queries = ConfigQueries(intake, view)
    many, one = f"{PREFIX}/{name}", f"{PREFIX}/{name}/{{id}}"

    def endpoint(method: str, path: str, handle: object, summary: str, **more: object) -> Endpoint:
        return Endpoint(method=method, path=path, handle=handle, summary=summary, tag=name, **more)  # type: ignore[arg-type]

    ends = "Revoke" if name == "virtual-keys" else "Delete"
    return [
        endpoint(
            "GET",
            many,
            queries.listed,
            f"List {name.replace('-', ' ')}",
            query=ListQuery,
            answer=intake.answer,
            listing=True,
        ),
        endpoint(
            "POST",
            many,
            commands.create,
            f"Create a {word}",
            query=CommandQuery,
            body=intake.shape,
            answer=intake.created,
            status=201,
            errors=(409, 413, 415),
        ),
        endpoint("GET", one, queries.one, f"Read a {word}", query=ItemQuery, answer=intake.answer, errors=(404,)),
        endpoint(
            "PUT",
            one,
            commands.put,
            f"Create a {word}, or make it what the body says",
            query=CommandQuery,
            body=intake.shape,
            answer=intake.created,
            errors=(409, 412, 413, 415),
        ),
        endpoint(
            "PATCH",
            one,
            commands.patch,
            f"Change some fields of a {word}",
            query=CommandQuery,
            body=intake.shape,
            answer=intake.answer,
            errors=(404, 409, 412, 413, 415),
        ),
        endpoint(
            "DELETE", one, commands.remove, f"{ends} a {word}", query=RemoveQuery, status=204, errors=(404, 409, 412)
        ),
    ]


def build_application(endpoints: Iterable[Endpoint], door: Door) -> Application:
    """The web application that serves the endpoints, and answers everything else with 404 or 405."""
    served = list(endpoints)
    router = Router()
    for endpoint in served:
        router.add(endpoint.method, _pattern(endpoint.path), door.serve(endpoint))
    router.fallback = _fallback(served)
    application = Application(router=router)
    # an environment variable of the framework's could switch this on
    application.show_error_details = False
    return application


def _pattern(path: str) -> str:
    """The path in the framework's notation; the greedy kind, since ids of models hold slashes."""
    return path.replace("{id}", "{path:id}")


def _fallback(served: Sequence[Endpoint]) -> Callable[[Request], object]:
    methods: dict[re.Pattern[str], list[str]] = {}
    for endpoint in served:
        pattern = re.compile(re.escape(endpoint.path).replace(r"\{id\}", "(?s:.+)") + "/?", re.IGNORECASE)
        methods.setdefault(pattern, []).append(endpoint.method)

    async def fallback(request: Request) -> Response:
        allowed = _allowed(methods, request.path)
        if not allowed:
            return render_error(NotFound(f"There is nothing here; {PREFIX}/openapi.json lists what there is."))
        response = render_error(MethodNotAllowed(f"This takes {', '.join(allowed)}."))
        response.add_header(b"allow", ", ".join(allowed).encode())
        return response

    return fallback


def _allowed(methods: Mapping[re.Pattern[str], list[str]], path: str) -> list[str]:
    return next((sorted(found) for pattern, found in methods.items() if pattern.fullmatch(path)), [])
