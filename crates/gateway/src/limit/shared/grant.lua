
-- Grants requests of one caller's limit, by the store's own clock: how many, how many are left, and microseconds until
-- there is one, if there is none.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('GET', KEYS[1])

if ARGV[1] == 'rate' then
  local granted, arrival, left, wait =
    rate(tonumber(kept or 0), now, tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]))
  if granted > 0 then
    -- What is paid for may be forgotten.
    redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', divide(arrival - now, 1000) + 1000)
  end
  return { granted, left, wait }
end

local ends, spent, carried = string.match(kept or '0:0:0', '^(%d+):(%d+):(%d+)$')
local bucket = { ends = tonumber(ends or 0), spent = tonumber(spent or 0), carried = tonumber(carried or 0) }
local seconds = divide(now, 1000000)
local requests = tonumber(ARGV[3])
local granted, after = quota(bucket, seconds, ARGV[2], requests, tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]))
if granted > 0 then
  -- A period longer, for what is carried over.
  local text = string.format('%.0f:%.0f:%.0f', after.ends, after.spent, after.carried)
  redis.call('SET', KEYS[1], text, 'EX', after.ends - seconds + 32 * 86400)
end
return { granted, math.max(requests + after.carried - after.spent, 0), (after.ends - seconds) * 1000000 }
