"""Lua scripts for the steps that must be atomic. Offset n of a partition is the stream entry `0-<n+1>`."""

from __future__ import annotations

APPEND = """
local done = redis.call('GET', KEYS[1])
if done then return done end
local offsets = {}
for i = 2, #KEYS do
  local at = 3 * i - 3
  local id = redis.call('XADD', KEYS[i], '0-*',
    't', ARGV[1], 'k', ARGV[at], 'v', ARGV[at + 1], 'h', ARGV[at + 2])
  offsets[i - 1] = string.format('%.0f', tonumber(string.sub(id, 3)) - 1)
end
local joined = table.concat(offsets, ',')
redis.call('SET', KEYS[1], joined, 'PX', ARGV[2])
return joined
"""
"""KEYS: memory of this append, a stream per message. ARGV: timestamp, milliseconds to remember, (key, value, headers)…
A second run with the same memory adds nothing and returns the same offsets."""

BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, lease_ms = ARGV[1], tonumber(ARGV[2])
local expires = string.format('%.0f', now + lease_ms)
redis.call('ZADD', KEYS[1], expires, me)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now))
local members = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(members)
local rank = 0
for i, member in ipairs(members) do if member == me then rank = i - 1 end end
local leases = #KEYS - 2
local quota = math.floor(leases / #members)
if rank < leases % #members then quota = quota + 1 end
local tokens, count = {}, 0
for i = 1, leases do
  tokens[i] = '0'
  if ARGV[i + 2] ~= '0' and redis.call('HGET', KEYS[i + 2], 'token') == ARGV[i + 2] then
    redis.call('HSET', KEYS[i + 2], 'until', expires)
    tokens[i] = ARGV[i + 2]
    count = count + 1
  end
end
for i = 1, leases do
  if count < quota and ARGV[i + 2] == '0' then
    local held_until = tonumber(redis.call('HGET', KEYS[i + 2], 'until') or '0')
    if held_until < now then
      tokens[i] = string.format('%.0f', redis.call('INCR', KEYS[2]))
      redis.call('HSET', KEYS[i + 2], 'token', tokens[i], 'until', expires, 'member', me)
      count = count + 1
    end
  end
end
return {quota, unpack(tokens)}
"""
"""KEYS: members, fence counter, a lease per partition. ARGV: member, lease in ms, the token held per lease or 0.
Returns the fair share and the current token per lease, or 0."""

RELEASE = """
if ARGV[1] ~= '' then redis.call('ZREM', KEYS[1], ARGV[1]) end
for i = 2, #KEYS do
  if redis.call('HGET', KEYS[i], 'token') == ARGV[i] then redis.call('HSET', KEYS[i], 'token', '0', 'until', '0') end
end
"""
"""KEYS: members, leases. ARGV: the member that leaves or '', the token per lease."""

COMMIT = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
"""
"""KEYS: lease, positions of the partition. ARGV: token, group, position and metadata."""

TRIM = """
local time = redis.call('TIME')
local forgotten = string.format('%.0f', time[1] - tonumber(ARGV[2]))
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. forgotten)
local floor = nil
for _, group in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local progress = redis.call('HGET', KEYS[2], group)
  if not progress then return 0 end
  local position = tonumber(string.match(progress, '^%d+'))
  if not floor or position < floor then floor = position end
end
if not floor or floor <= tonumber(ARGV[1]) then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '0-' .. string.format('%.0f', floor - tonumber(ARGV[1]) + 1))
"""
"""KEYS: stream, positions of the partition, known groups of the topic. ARGV: records to keep, seconds until a silent
group is forgotten. Drops only records that every known group has committed past; a group without commits keeps all."""

ALIVE = """
local time = redis.call('TIME')
for _, topic in ipairs(KEYS) do redis.call('ZADD', topic, time[1], ARGV[1]) end
"""
"""KEYS: known groups of each topic. ARGV: the group that is alive."""

END = """
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then return 0 end
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then return tonumber(string.sub(info[i + 1], 3)) end
end
"""
"""KEYS: stream. Returns the next offset, 0 before the first record."""
