"""What configuration says about one request before anything is done: its route, its policy, who it is about."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ingress.codecs.asked import Asked
from ingress.gateway.authenticate import Caller
from ingress.gateway.circuits import Circuits
from ingress.gateway.models import visible
from ingress.providers.outgoing import way_to
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.errors import Forbidden, InvalidRequest, NotFound, ProviderUnavailable
from schemas.likeness import likeliest
from schemas.routing.choose import Choice, Table, Target, candidates, choose, choose_among, match_route
from schemas.screening.model import ScreeningPolicy
from schemas.switches import Bypass

REMEMBERED = 1_000
"""Names of models whose plans are kept; callers may make up any number of names."""


class Plan(msgspec.Struct, frozen=True):
    """A request's route and the policy of that route. Worked out once for each model's name that callers use, and kept
    until the tenant's configuration changes."""

    route: Route
    policy: Policy
    targets: tuple[Target, ...] = ()
    """Of the route for that name, whatever their health; empty where nobody looked."""
    screenings: dict[str, ScreeningPolicy] = {}
    """By stage, those that were asked for."""
    choices: dict[tuple[str, str], Choice] = {}
    """By kind and protocol of requests: what they choose while no account is in trouble."""

    def screening(self, stage: str) -> ScreeningPolicy:
        """What the scanner needs to know for `request` or `response`."""
        found = self.screenings.get(stage)
        if found is None:
            found = self.screenings[stage] = self.policy.screening(stage)
        return found


def unknown_model(name: str, caller: Caller) -> NotFound:
    """The error for a name that nothing has; it names the likeliest of those that the key may use, and no other."""
    known = {each for model in visible(caller) for each in (model.id, model.name)}
    known = {each for each in known if caller.may_use(each)}
    likely = likeliest(name, known, cutoff=0.6)
    advice = f" Did you mean {' or '.join(f'`{each}`' for each in likely)}?" if likely else ""
    return NotFound(
        f"The model `{name[:200]}` does not exist or you do not have access to it.{advice}",
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
    tenant, model = caller.tenant, request.model
    known: dict[str, Plan] = tenant.worked_out
    plan = known.get(model)
    if plan is None:
        route = match_route(tenant.table, model)
        if route is None:
            raise unknown_model(model, caller)
        if len(known) >= REMEMBERED:
            known.clear()
        plan = known[model] = Plan(route, tenant.policy(route.policy), candidates(tenant.table, route, model))
    return plan


def choose_for(caller: Caller, plan: Plan, requested: str, allows: Callable[[str], bool]) -> Choice:
    """The targets to try, see `choose`; a name that nothing has is told with the likeliest that there are.

    Raises:
        NotFound, ProviderUnavailable
    """
    try:
        if plan.targets:
            return choose_among(plan.targets, plan.route, allows)
        return choose(caller.tenant.table, plan.route, requested, allows)
    except NotFound:
        raise unknown_model(requested, caller) from None


def settle_on(caller: Caller, plan: Plan, request: Asked, circuits: Circuits) -> Choice:
    """The targets to try: those that have such an operation, without the accounts that are left alone at the moment.

    Raises:
        NotFound, InvalidRequest, ProviderUnavailable: see `choose_for`, `offering`.
    """
    place = request.kind, request.protocol
    calm = circuits.calm
    found = plan.choices.get(place) if calm else None
    if found is None:
        tenant = caller.tenant
        chosen = choose_for(caller, plan, request.model, lambda account: circuits.allows(tenant.id, account))
        found = offering(chosen, request, tenant.table)
        if calm and plan.targets:
            plan.choices[place] = found
    return found


def around(plan: Plan, bypass: Bypass) -> Plan:
    """The plan of a request that an emergency passthrough takes around something.

    Where a worker looks afterwards (placement `observe`) it still does: that stops nobody.
    """
    policy = plan.policy
    if "hooks" in bypass.names:
        policy = msgspec.structs.replace(policy, screen_requests=False, screen_responses=False, hooks=())
    elif "normalize" in bypass.names:
        policy = msgspec.structs.replace(policy, normalize=False)
    return plan if policy is plan.policy else Plan(plan.route, policy, plan.targets)


def offering(choice: Choice, request: Asked, table: Table) -> Choice:
    """The same choice without the accounts whose providers have no such operation.

    Raises:
        InvalidRequest: none has it; the error names the tenant's accounts that do.
        ProviderUnavailable: only those have it that are failing at the moment.
    """

    def offers(provider: Provider) -> bool:
        return way_to(provider.wire, request.kind, request.protocol) is not None

    targets = tuple([target for target in choice.targets if offers(target.provider)])
    if len(targets) == len(choice.targets):
        return choice
    if targets:
        return msgspec.structs.replace(choice, targets=targets)
    if any(offers(target.provider) for target in choice.skipped):
        raise ProviderUnavailable("Every provider of this route is failing at the moment.", retry_after=5)
    others = sorted(account for account, provider in table.providers.items() if offers(provider))
    advice = f"accounts that do: {', '.join(others)[:500]}" if others else "no account of this tenant does"
    code = "endpoint_unsupported" if others else "no_compatible_provider"
    raise InvalidRequest(
        f"The provider of the model `{request.model[:200]}` does not offer {request.operation}; {advice}.",
        code=code,
        param="model",
    )


def refuse_opaque(request: Asked, plan: Plan) -> None:
    """
    Raises:
        InvalidRequest: rules apply to the request, and its text cannot be read here.
    """
    if request.opaque and plan.screening("request").enabled:
        raise InvalidRequest(
            "Text that is cut into tokens cannot be held against the rules that apply to this request; send it as text "
            "(with LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False).",
            code="tokens_not_screenable",
        )


def person_of(caller: Caller, request: Asked) -> str:
    """Whose data the request is: the `user` it names, else the key's owner, else the key itself."""
    return request.user or caller.key.owner or caller.key.id
