"""How far budgets are used, for who asks: reads what Valkey holds and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from projections.valkey.scripts import window_key
from projections.valkey.store import Script, Store
from schemas.aggregates.budget import Budget
from schemas.spend import window_of

_LOOK = Script("""
-- What is spent and what writers have set aside, in each window. ARGV: lease (ms)
-- Answers for every key: spent (-1 unknown), outstanding
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local answer = {}
for _, key in ipairs(KEYS) do
  local spent, given, applied = -1, {}, {}
  local fields = redis.call('HGETALL', key)
  for f = 1, #fields, 2 do
    local name, value = fields[f], fields[f + 1]
    local kind, who = string.sub(name, 1, 2), string.sub(name, 3)
    if kind == 'g:' then
      local amount, last, time = string.match(value, '^(%d+) (%d+) (%d+)$')
      if now - tonumber(time) <= tonumber(ARGV[1]) then given[who] = tonumber(amount) end
    elseif kind == 'a:' then
      applied[who] = tonumber(value)
    elseif name == 'spent' then
      spent = tonumber(value)
    end
  end
  local outstanding = 0
  for who, amount in pairs(given) do outstanding = outstanding + math.max(0, amount - (applied[who] or 0)) end
  answer[#answer + 1] = spent
  answer[#answer + 1] = outstanding
end
return answer
""")


class Used(msgspec.Struct, frozen=True):
    """One budget in the window of the moment, in micro-dollars."""

    budget: Budget
    window: str
    spent: int | None
    """On the ledger; None while that is not known."""
    set_aside: int
    """For requests under way or to come, by all gateways together."""


async def look(store: Store, tenant: str, budgets: Sequence[Budget], at_us: int, lease_s: float) -> list[Used]:
    """
    Raises:
        Unavailable: Valkey does not answer.
    """
    if not budgets:
        return []
    windows = [window_of(budget.window, at_us) for budget in budgets]
    keys = [window_key(tenant, budget.id, window) for budget, window in zip(budgets, windows, strict=True)]
    told = await store.run(_LOOK, keys, [round(lease_s * 1000)])
    return [
        Used(budget, window, None if told[2 * at] < 0 else told[2 * at], told[2 * at + 1])
        for at, (budget, window) in enumerate(zip(budgets, windows, strict=True))
    ]
