"""`/metrics` of the admin plane: the health report as Prometheus reads it. For who may see the whole platform: views
are told by name, and a SIEM's name begins with its tenant's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ingress.admin.call import Answer, Call
from ingress.admin.health import HealthReport, Projection
from ingress.admin.wire import Endpoint
from schemas.exposition import CONTENT_TYPE, Family, Labels, gauge, labelled, text_of


class Metrics:
    """Asks anew at every scrape, with the bounds of the report."""

    def __init__(
        self, look: Callable[[], Awaitable[HealthReport]], more: Callable[[], list[Family]] = lambda: []
    ) -> None:
        self._look = look
        self._more = more

    async def scrape(self, call: Call) -> Answer:
        call.principal.require_all()
        return Answer(body=text_of([*families(await self._look()), *self._more()]), media=CONTENT_TYPE)

    def endpoints(self) -> list[Endpoint]:
        """What is served of it."""
        return [
            Endpoint(
                method="GET",
                path="/metrics",
                handle=self.scrape,
                summary="How every part is, in the text format of Prometheus",
                tag="operation",
                errors=(403,),
            )
        ]


def families(report: HealthReport) -> list[Family]:
    """What is known; of what is not there is no sample."""
    up = ((name, float(one.ok)) for name, one in sorted(report.dependencies.items()))
    spans = ((name, one.latency_ms / 1000) for name, one in sorted(report.dependencies.items()) if one.ok)
    found = [
        labelled("nexus_dependency_up", "gauge", "1 while a service answers.", "dependency", up),
        labelled("nexus_dependency_latency_seconds", "gauge", "How long its answer took.", "dependency", spans),
        labelled("nexus_stream_last_sequence", "gauge", "End of a stream of the log.", "stream", report.log.items()),
        _views("nexus_view_sequence", "Position of a view in its stream.", report, lambda view: view.sequence),
        _views("nexus_view_lag_facts", "Messages of facts that a view has yet to apply.", report,
               lambda view: view.lag),
        _views("nexus_view_lag_seconds", "How long the first message that it has yet to apply has been waiting.",
               report, lambda view: view.lag_s),
        gauge("nexus_log_durable", "1 when what the log acknowledges outlives a power cut.",
              float(report.durability.durable)),
        gauge("nexus_config_age_seconds", "Since the log last answered for the configuration.", report.config.age_s),
    ]  # fmt: skip
    if report.record is not None:
        found.append(gauge("nexus_dead_letters", "Messages that no worker could apply.", report.record.dead))
        if report.record.checkpoint_age_s is not None:
            age = report.record.checkpoint_age_s
            found.append(gauge("nexus_checkpoint_age_seconds", "Since the last signed checkpoint.", age))
    return found


def _views(name: str, help: str, report: HealthReport, value: Callable[[Projection], float | None]) -> Family:
    samples: list[tuple[Labels, float]] = []
    for view in report.projections:
        known = value(view)
        if known is not None:
            samples.append(((("view", view.name), ("stream", view.stream)), known))
    return Family(name, "gauge", help, tuple(samples))
