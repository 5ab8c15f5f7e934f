"""What this gateway has done and how it is, for whoever scrapes it.

Nothing here names a tenant, a key, a model or an account: the data plane answers everybody who can reach it.
"""

from __future__ import annotations

from ingress.gateway.meter import BOUNDS_S
from ingress.gateway.parts import Parts
from schemas.exposition import Family, counter, gauge, histogram, labelled


def families(parts: Parts) -> list[Family]:
    """Everything, as it is now."""
    meter, writers = parts.opened.meter, parts.writers
    requests = Family(
        "nexus_requests_total", "counter", "Requests that ended, by terminal fact, HTTP status and error code.",
        tuple(
            ((("outcome", kind.removeprefix("Request").lower()), ("status", str(status)), ("code", code)), count)
            for (kind, status, code), count in sorted(meter.ends.items())
        ),
    )  # fmt: skip
    tokens = labelled(
        "nexus_tokens_total", "counter", "Tokens of requests that ended, as providers counted them.", "direction",
        (("input", meter.input_tokens), ("output", meter.output_tokens)),
    )  # fmt: skip
    return [
        requests,
        histogram(
            "nexus_request_duration_seconds", "From a request's first byte to its terminal fact.", BOUNDS_S,
            meter.latencies, meter.latency_us / 1e6,
        ),
        tokens,
        counter("nexus_cost_dollars_total", "Cost of requests that ended.", meter.cost_micros / 1e6),
        gauge("nexus_requests_open", "Requests accepted and not yet ended.", parts.opened.count),
        counter("nexus_log_admitted_total", "Requests accepted, as the writer counts them for `nexus verify`.",
                sum(writer.admitted for writer in writers)),
        counter("nexus_log_segments_total", "Segments that the log has acknowledged.",
                sum(writer.segments for writer in writers)),
        counter("nexus_log_retries_total", "Segments sent again.", sum(writer.retries for writer in writers)),
        counter("nexus_log_refused_total", "Times that the way to the log was full.",
                sum(writer.refused for writer in writers)),
        gauge("nexus_log_queue_bytes", "Bytes of facts that the log has not acknowledged.",
              sum(writer.queued_bytes for writer in writers)),
        gauge("nexus_log_spool_bytes", "Bytes of facts on this machine's disk until the log takes them.",
              sum(writer.spooled_bytes for writer in writers)),
        gauge("nexus_log_oldest_wait_seconds", "How long the oldest unacknowledged fact has waited.",
              max(writer.oldest_wait_s for writer in writers)),
        gauge("nexus_log_healthy", "1 while the log takes facts.", float(all(writer.healthy for writer in writers))),
        gauge("nexus_config_age_seconds", "Since the log last answered for the configuration.",
              parts.configuration.age_s),
        gauge("nexus_config_sequence", "Position in CONFIG that decisions are made with.",
              parts.configuration.sequence),
        gauge("nexus_circuits_open", "Provider accounts that are left alone for now.", parts.circuits.open),
        *_leases(parts),
        labelled("nexus_token_estimate_error", "gauge",
                 "How far estimates of prompts were off, as a part of what providers counted; mean over models.",
                 "tokenizer", tuple(sorted(parts.calibration.errors().items()))),
        counter("nexus_token_ceiling_passed_total",
                "Prompts, of one in 8 looked at, with more tokens than were set aside for: there should be none.",
                parts.calibration.passed),
    ]  # fmt: skip


def _leases(parts: Parts) -> list[Family]:
    standing = parts.leases.standing
    return [
        gauge("nexus_budget_leases", "Budgets of which this gateway holds a part.", standing.leases),
        gauge("nexus_budget_lease_free_dollars", "Held and not set aside for a request.", standing.free_micros / 1e6),
        gauge("nexus_budget_lease_set_aside_dollars", "Set aside for requests under way.",
              standing.set_aside_micros / 1e6),
        gauge("nexus_budget_store_down", "1 while the store of budgets does not answer.", float(standing.down)),
    ]  # fmt: skip
