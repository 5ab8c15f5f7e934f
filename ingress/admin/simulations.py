"""A dry run of a request: what rules, route and budgets would make of it. Calls nobody, charges and records nothing.

The steps are the gateway's own functions, in the gateway's order; a refusal is told and the later steps are told all
the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec

from ingress.admin.bodies import fit, parse_object
from ingress.admin.call import Answer, Call
from ingress.admin.config_queries import VersionedView
from ingress.admin.own_rules import OwnRules
from ingress.admin.tenancy import resolve_tenant
from ingress.admin.turns import Turns
from ingress.admin.wire import Endpoint
from ingress.codecs.asked import Asked
from ingress.codecs.openai_chat import parse_request
from ingress.gateway.authenticate import Caller
from ingress.gateway.budget import prompt_ceiling
from ingress.gateway.counting import tokens_of
from ingress.gateway.plan import Plan, around, make_plan, offering, refuse_opaque
from ingress.gateway.switches import Switches
from ingress.tokenizing.encodings import Encodings
from projections.live.state import TenantView
from projections.screening import CompiledPack, Screener, screen_step
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import Blocked, NexusError, NotFound, Unauthenticated
from schemas.facts.traffic import Usage
from schemas.ids import Clock
from schemas.pricing import ceiling_micros, cost_micros
from schemas.routing.choose import Target, choose
from schemas.screening.allowing import ValueHash, hashed_by
from schemas.screening.model import Hit
from schemas.spend import applicable
from schemas.text import tools_among
from schemas.tokens import Calibration, measure

CIRCUITS = "not known here: each gateway keeps its own, and leaves an account alone while it fails"
_NOBODY = "0" * 64
_T = TypeVar("_T")


class Configuration(VersionedView, Protocol):
    """What is needed of the live configuration."""

    tenants: dict[str, TenantView]


class SimulationInput(msgspec.Struct, frozen=True):
    """The request to suppose."""

    body: dict[str, Any]
    """As the caller would send it: OpenAI's chat completions."""
    tenant: str = ""
    """May be left out while there is one only."""
    key: str = ""
    """Id of a virtual key; without one no key's limits apply."""
    route: str = ""
    """Id of a route instead of the one that the model leads to."""


class Refusal(msgspec.Struct, frozen=True):
    """A step that would have ended the request."""

    stage: str
    status: int
    code: str
    message: str


class ScreeningTold(msgspec.Struct, frozen=True):
    """What rules decide about the request's texts. Where hits are, never what matched."""

    action: str
    rule: str
    pack: str
    """Version of the rules; empty when the policy has screening off."""
    placement: str
    """Who looks: `inline` and `stream` before the call, `observe` afterwards, which stops nobody."""
    characters: int
    microseconds: float
    hits: tuple[dict[str, Any], ...]


class TargetTold(msgspec.Struct, frozen=True):
    """One account's model that may be called, in the order of trying."""

    account: str
    model: str
    wire: str
    prompt_tokens: int
    prompt_counted: str
    """`exact` with the model's public vocabulary, else `estimated`."""
    tokenizer: str
    """Family of the vocabulary."""
    prompt_tokens_most: int
    output_tokens_most: int
    """Of all choices."""
    priced: bool
    estimated_micros: int
    """For this prompt and the longest answer, without what a provider has cached; 0 without prices."""
    reserve_micros: int
    """The most that the call can cost, which is set aside in each budget."""
    budgets: tuple[str, ...]


class SimulationAnswer(msgspec.Struct, frozen=True):
    """What would have happened."""

    outcome: str
    """`accepted` or `refused`."""
    refusals: tuple[Refusal, ...]
    """In the order of the steps; only the first would have been told to the caller."""
    tenant: str
    key: str
    model: str
    stream: bool
    route: str
    policy: str
    bypass: tuple[str, ...]
    """What an emergency passthrough would take the request around."""
    hooks: tuple[str, ...]
    """Hooks of the policy, which a dry run does not call."""
    screening: ScreeningTold | None
    targets: tuple[TargetTold, ...]
    circuits: str


class Simulations:
    """Dry runs, for one admin plane."""

    def __init__(
        self,
        live: Configuration,
        clock: Clock,
        screener: Callable[[], Screener],
        hash_key: ValueHash = lambda _: "",
    ) -> None:
        """
        Args:
            screener: of the rules that come with Nexus; made when it is first needed.
            hash_key: keyed, for values that policies allow; without one, none is known.
        """
        self._live = live
        self._clock = clock
        self._switches = Switches(live, clock)
        self._rules = OwnRules(live, screener)
        self._hash_key = hash_key
        self._encodings = Encodings()
        self._alone = asyncio.Lock()
        self._turns = Turns()

    async def create(self, call: Call) -> Answer:
        """POST /simulate."""
        given = fit(parse_object(call.body), SimulationInput)
        tenant = resolve_tenant(call.principal, self._live, given.tenant)
        view = self._live.tenants.get(tenant)
        if view is None or view.tenant is None:
            raise NotFound(f"There is no tenant {tenant[:64]}.", param="tenant")
        request = parse_request(msgspec.json.encode(given.body))
        caller = _caller(view, tenant, given.key)
        async with self._turns.of(tenant):
            own = await self._rules.of(tenant)
        async with self._alone:
            # the scanner has scratch space for one text at a time
            supposed, targets = await asyncio.to_thread(self._suppose, caller, request, given, own)
        size = measure(slot.text for slot in request.texts()).total
        told = tuple([await self._target(caller, request, target, size) for target in targets])
        return Answer(body=_with_targets(supposed, told))

    def _suppose(
        self, caller: Caller, request: Asked, given: SimulationInput, own: CompiledPack | None
    ) -> tuple[SimulationAnswer, tuple[Target, ...]]:
        """All but what the targets come to, and the targets."""
        refused: list[Refusal] = []

        def attempt(stage: str, step: Callable[[], _T]) -> _T | None:
            try:
                return step()
            except NexusError as error:
                refused.append(Refusal(stage, error.status, error.error_code, error.message))
                return None

        attempt("authenticate", lambda: _check_key(caller, self._clock.now_us()))
        table = caller.tenant.table
        attempt("kill", lambda: self._switches.admit(caller))
        plan = attempt("parse", lambda: _plan(caller, request, given.route))
        bypass: tuple[str, ...] = ()
        screening = None
        targets: tuple[Target, ...] = ()
        if plan is not None:
            route = plan.route
            attempt("kill", lambda: self._switches.admit(caller, route))
            around_what = self._switches.bypass(caller, route, request.model)
            bypass = tuple(sorted(around_what.names))
            plan = around(plan, around_what)
            attempt("screen_request", partial(refuse_opaque, request, plan))
            screening = self._screen(request, plan, own)
            if screening.action == "block" and screening.placement != "observe":
                blocked = Blocked(f"The request was blocked by the compliance rule `{screening.rule}`.")
                refused.append(Refusal("screen_request", blocked.status, blocked.error_code, blocked.message))
            choice = attempt(
                "route", lambda: offering(choose(table, route, request.model, lambda _: True), request, table)
            )
            targets = choice.targets if choice is not None else ()
        supposed = SimulationAnswer(
            "refused" if refused else "accepted",
            tuple(refused),
            caller.key.tenant,
            caller.key.id,
            request.model,
            request.stream,
            "" if plan is None else plan.route.id,
            "" if plan is None else plan.policy.id,
            bypass,
            () if plan is None else tuple(hook.id for hook in plan.policy.hooks),
            screening,
            (),
            CIRCUITS,
        )
        return supposed, targets

    def _screen(self, request: Asked, plan: Plan, own: CompiledPack | None) -> ScreeningTold:
        screener = self._rules.screener(own)
        slots = request.texts()
        texts = [slot.text for slot in slots]
        policy = plan.policy.screening("request")
        started = time.perf_counter()
        hash_of = hashed_by(self._hash_key, plan.policy.tenant)
        verdict = screen_step(screener, texts, "request", policy, tools_among(slots), hash_of)
        took = round((time.perf_counter() - started) * 1e6, 1)
        hits = tuple(_hit(hit) for hit in verdict.hits)
        characters = sum(map(len, texts))
        return ScreeningTold(verdict.action, verdict.rule, verdict.pack, plan.route.placement, characters, took, hits)

    async def _target(self, caller: Caller, request: Asked, target: Target, size: int) -> TargetTold:
        model = target.model
        # what gateways learn of a provider's own counts is theirs; a public vocabulary counts here as it does there
        prompt = await tokens_of(request, model.upstream_name, self._encodings, Calibration(), model.tenant, model.id)
        most = prompt_ceiling(request, size, model)
        output = (request.max_output or model.max_output_tokens) * request.choices
        budgets = applicable(caller.tenant.budgets, key=caller.key.id, account=target.provider.id, model=model.id)
        return TargetTold(
            target.provider.id,
            model.name,
            target.provider.wire,
            prompt.tokens,
            "exact" if prompt.exact else "estimated",
            prompt.tokenizer,
            max(most, prompt.tokens),
            output,
            model.prices is not None,
            cost_micros(model.prices, Usage(prompt.tokens, output, estimated=not prompt.exact)),
            0 if request.free or not budgets else ceiling_micros(model.prices, most, output),
            tuple(budget.id for budget in budgets),
        )

    def endpoints(self) -> list[Endpoint]:
        """What is served of it."""
        return [
            Endpoint(
                method="POST",
                path="/api/admin/simulate",
                handle=self.create,
                summary="Suppose a request: what rules, route and budgets would make of it; no call is made",
                tag="simulate",
                body=SimulationInput,
                answer=SimulationAnswer,
                errors=(404, 413, 415),
            )
        ]


def _caller(view: TenantView, tenant: str, key: str) -> Caller:
    if not key:
        return Caller(VirtualKey(id="", tenant=tenant, hash=_NOBODY, prefix=""), view)
    found = view.keys.get(key)
    if found is None:
        raise NotFound(f"There is no virtual key {key[:64]} in this tenant.", param="key")
    return Caller(found, view)


def _check_key(caller: Caller, now_us: int) -> None:
    key = caller.key
    if not key.enabled or (key.expires_us and key.expires_us <= now_us):
        raise Unauthenticated(f"The virtual key {key.id} is {'disabled' if not key.enabled else 'expired'}.")


def _plan(caller: Caller, request: Asked, route: str) -> Plan:
    """The gateway's, or with a route by id."""
    if not route:
        return make_plan(caller, request)
    found = next((one for one in caller.tenant.table.routes if one.id == route), None)
    if found is None:
        raise NotFound(f"There is no enabled route {route[:64]} in this tenant.", param="route")
    return Plan(found, caller.tenant.policy(found.policy))


def _with_targets(supposed: SimulationAnswer, told: tuple[TargetTold, ...]) -> SimulationAnswer:
    answer = msgspec.structs.replace(supposed, targets=told)
    if not told or not told[0].budgets or told[0].priced:
        return answer
    message = "A budget applies to this request and the model has no price; ask an operator to set one."
    unpriced = Refusal("reserve", 403, "model_unpriced", message)
    return msgspec.structs.replace(answer, outcome="refused", refusals=(*answer.refusals, unpriced))


def _hit(hit: Hit) -> dict[str, Any]:
    return msgspec.structs.asdict(hit)
