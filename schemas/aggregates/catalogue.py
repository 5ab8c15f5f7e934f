"""The list of all aggregates. An aggregate that is not named here does not exist."""

from __future__ import annotations

from schemas.aggregates import (
    budget,
    credential,
    hold,
    kill,
    model,
    model_list,
    pack,
    passthrough,
    policy,
    provider,
    retention,
    route,
    rule,
    siem_target,
    tenant,
    virtual_key,
)
from schemas.aggregates.decider import Decider

DECIDERS: tuple[Decider, ...] = (
    tenant.DECIDER,
    credential.DECIDER,
    provider.DECIDER,
    model.DECIDER,
    model_list.DECIDER,
    virtual_key.DECIDER,
    rule.DECIDER,
    policy.DECIDER,
    route.DECIDER,
    budget.DECIDER,
    siem_target.DECIDER,
    hold.DECIDER,
    retention.DECIDER,
    kill.DECIDER,
    passthrough.DECIDER,
    pack.DECIDER,
)
"""In the order in which a configuration file applies them: what is named comes before what names it."""

BY_NAME = {decider.name: decider for decider in DECIDERS}
BY_COLLECTION = {decider.collection: decider for decider in DECIDERS if decider.by_hand}
"""What operators and configuration files set."""
