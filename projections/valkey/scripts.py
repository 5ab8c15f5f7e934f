"""The scripts that run inside Valkey, and the names of what they work on. No connection here.

One hash for each budget and window; all hashes of a tenant share a slot. Its fields, each with one owner:

    spent      micro-dollars on the ledger                                       processors.quota
    at         `<log> <sequence>`: what of the ledger is in `spent` and `a:`     processors.quota
    hold       no grants before this time (ms): writers may have to register     processors.quota
    a:<boot>   of a writer's grants, how much is in `spent`; only ever grows      processors.quota
    g:<boot>   `<granted> <call> <time>`: all that a writer was ever granted      that writer

What a writer has outstanding is granted minus applied, so no terminal fact is counted twice or not at all, in whichever
order the gateway, the log and this store learn of it. available = limit - spent - sum(outstanding).
"""

from __future__ import annotations

EPOCH = "nexus:epoch"
"""A random text written by `processors.quota` when it finds none: gone or changed means that everything was lost."""


def window_key(tenant: str, budget: str, window: str) -> str:
    """The hash of one budget in one window."""
    return f"nexus:{{{tenant}}}:budget:{budget}:{window}"


LEASE = """
-- Renews a writer's part in several windows of one tenant, and grants more in all of them or in none.
-- ARGV: boot, call, lease (ms); for every key: limit, granted so far, need, least, extra
-- Answers: state, number of the key it is about; for every key: grant, available, spent (-1 unknown), applied
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local boot, call, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local mine = 'g:' .. boot
local rows, state, about = {}, 'ok', 0

for i, key in ipairs(KEYS) do
  local base = 3 + (i - 1) * 5
  local row = {
    granted = tonumber(ARGV[base + 2]), need = tonumber(ARGV[base + 3]), least = tonumber(ARGV[base + 4]),
    extra = tonumber(ARGV[base + 5]), spent = -1, applied = 0, grant = 0,
  }
  local hold, given, applied, dead = 0, {}, {}, {}
  local fields = redis.call('HGETALL', key)
  for f = 1, #fields, 2 do
    local name, value = fields[f], fields[f + 1]
    local kind, who = string.sub(name, 1, 2), string.sub(name, 3)
    if kind == 'g:' then
      local amount, last, time = string.match(value, '^(%d+) (%d+) (%d+)$')
      if name == mine then
        -- a call that was given up and arrives late must not undo a later one
        if tonumber(last) > call then return {'old', i} end
      elseif now - tonumber(time) > lease then
        dead[#dead + 1] = name
      else
        given[who] = tonumber(amount)
      end
    elseif kind == 'a:' then
      applied[who] = tonumber(value)
    elseif name == 'spent' then
      row.spent = tonumber(value)
    elseif name == 'hold' then
      hold = tonumber(value)
    end
  end
  if #dead > 0 then redis.call('HDEL', key, unpack(dead)) end
  row.applied = applied[boot] or 0
  local outstanding = math.max(0, row.granted - row.applied)
  for who, amount in pairs(given) do
    outstanding = outstanding + math.max(0, amount - (applied[who] or 0))
  end
  row.available = tonumber(ARGV[base + 1]) - math.max(0, row.spent) - outstanding
  rows[i] = row
  if state == 'ok' and row.need > 0 then
    if row.spent < 0 then
      state, about = 'absent', i
    elseif hold > now then
      state, about = 'held', i
    elseif row.available < row.least then
      state, about = 'short', i
    end
  end
end

local answer = {state, about}
for i, key in ipairs(KEYS) do
  local row = rows[i]
  if state == 'ok' and row.need > 0 then
    local share = math.max(0, math.floor(row.available / 4))
    if share >= row.need + row.extra then
      row.grant = row.need + row.extra
    else
      -- scarce: one request must not take all that is left
      row.grant = math.min(row.need, math.max(row.least, share))
    end
  end
  local granted = row.granted + row.grant
  if granted > row.applied then
    redis.call('HSET', key, mine, string.format('%.0f %.0f %.0f', granted, call, now))
  else
    redis.call('HDEL', key, mine)
  end
  answer[#answer + 1] = row.grant
  answer[#answer + 1] = row.available
  answer[#answer + 1] = row.spent
  answer[#answer + 1] = row.applied
end
return answer
"""

SPENT = """
-- Sets what the ledger says about one window, unless something newer is there already.
-- ARGV: log, sequence, spent, hold (ms), hold even if known (0/1), expiry (ms, 0 none); boot, applied; ...
local key = KEYS[1]
local at = redis.call('HGET', key, 'at')
if at then
  local log, sequence = string.match(at, '^(%S*) (%d+)$')
  if log == ARGV[1] and tonumber(sequence) > tonumber(ARGV[2]) then return 0 end
end
local known = redis.call('HEXISTS', key, 'spent') == 1
local keep = {}
for i = 7, #ARGV, 2 do keep['a:' .. ARGV[i]] = ARGV[i + 1] end
for _, name in ipairs(redis.call('HKEYS', key)) do
  if string.sub(name, 1, 2) == 'a:' and not keep[name] then redis.call('HDEL', key, name) end
end
for name, value in pairs(keep) do redis.call('HSET', key, name, value) end
redis.call('HSET', key, 'at', ARGV[1] .. ' ' .. ARGV[2], 'spent', ARGV[3])
if tonumber(ARGV[4]) > 0 and (not known or ARGV[5] == '1') then
  local clock = redis.call('TIME')
  local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
  redis.call('HSET', key, 'hold', string.format('%.0f', now + tonumber(ARGV[4])))
end
if ARGV[6] ~= '0' then redis.call('PEXPIREAT', key, ARGV[6]) end
return 1
"""
