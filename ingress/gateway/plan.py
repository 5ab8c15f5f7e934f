"""What configuration says about one request before anything is done: its route, its policy, who it is about."""

from __future__ import annotations

import msgspec

from ingress.codecs.asked import Asked
from ingress.gateway.authenticate import Caller
from schemas.aggregates.policy import Policy
from schemas.aggregates.route import Route
from schemas.errors import Forbidden, NotFound
from schemas.routing.choose import match_route
from schemas.switches import Bypass


class Plan(msgspec.Struct, frozen=True):
    """A request's route and the policy of that route."""

    route: Route
    policy: Policy


def unknown_model(name: str) -> NotFound:
    return NotFound(
        f"The model `{name[:200]}` does not exist or you do not have access to it.",
        code="model_not_found",
        param="model",
    )


def make_plan(caller: Caller, request: Asked) -> Plan:
    """Finds the route for the requested model.

    Raises:
        Forbidden: the key's list of models does not admit it.
        NotFound: no route is for it.
    """
    if not caller.may_use(request.model):
        raise Forbidden(
            f"This key may not use the model `{request.model[:200]}`.", code="model_not_allowed", param="model"
        )
    route = match_route(caller.tenant.table, request.model)
    if route is None:
        raise unknown_model(request.model)
    return Plan(route, caller.tenant.policy(route.policy))


def around(plan: Plan, bypass: Bypass) -> Plan:
    """The plan of a request that an emergency passthrough takes around something.

    Where a worker looks afterwards (placement `observe`) it still does: that stops nobody.
    """
    if "hooks" not in bypass.names:
        return plan
    unscreened = msgspec.structs.replace(plan.policy, screen_requests=False, screen_responses=False)
    return Plan(plan.route, unscreened)


def person_of(caller: Caller, request: Asked) -> str:
    """Whose data the request is: the `user` it names, else the key's owner, else the key itself."""
    return request.user or caller.key.owner or caller.key.id
