-- The arithmetic of the `limits` crate, in whole numbers that a double holds exactly (below 2^53).

local function divide(a, b)
  local quotient = math.floor(a / b)
  -- The division rounds; the product does not.
  if quotient * b > a then
    quotient = quotient - 1
  end
  return quotient
end

-- GCRA, in microseconds: how many of the wanted units there are, none if they are fewer than the least; the new arrival
-- time, units left, and time to wait for the least, or for one if some were granted.
local function rate(arrival, now, emission, tolerance, least, want)
  local ahead = math.max(arrival - now, 0)
  local granted = math.min(divide(math.max(tolerance - ahead, 0), emission), want)
  if granted < least then
    granted = 0
  end
  arrival = math.max(arrival, now) + granted * emission
  ahead = arrival - now
  local wait = math.max(ahead + (granted > 0 and 1 or least) * emission - tolerance, 0)
  return granted, arrival, divide(math.max(tolerance - ahead, 0), emission), wait
end

-- First and last day of the month that holds a day, counted from the Unix epoch; years are counted from March.
local function month(day)
  day = day + 719468
  local era = divide(day, 146097)
  local of_era = day - era * 146097
  local year = divide(of_era - divide(of_era, 1460) + divide(of_era, 36524) - divide(of_era, 146096), 365)
  local start = era * 146097 + year * 365 + divide(year, 4) - divide(year, 100)
  local number = divide(5 * (day - start) + 2, 153)
  local function begins(of)
    return divide(153 * of + 2, 5)
  end
  local next = year + 1
  local leap = next % 4 == 0 and (next % 100 ~= 0 or next % 400 == 0)
  local ends = number == 11 and (leap and 366 or 365) or begins(number + 1)
  return start + begins(number) - 719468, start + ends - 719468
end

-- A quota, in seconds: how many of the wanted requests there are, the end of the period, requests spent in it and
-- carried into it.
local function quota(bucket, now, kind, requests, carry_over, least, want)
  local ends, spent, carried = bucket.ends, bucket.spent, bucket.carried
  if ends <= now then
    local day = divide(now, 86400)
    local first, last = day, day + 1
    if kind == 'month' then
      first, last = month(day)
    end
    local left = math.max(requests + carried - spent, 0)
    carried = (ends > 0 and ends == first * 86400) and math.min(left, carry_over) or 0
    ends, spent = last * 86400, 0
  end
  local granted = math.min(math.max(requests + carried - spent, 0), want)
  if granted < least then
    granted = 0
  end
  return granted, { ends = ends, spent = spent + granted, carried = carried }
end
