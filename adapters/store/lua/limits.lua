-- Limits that hold over all nodes: turns and pauses of senders, turns and lines of trunks.
--
-- take_turns   KEYS: {callahead}:due   ARGV: sender, wanted, now; unless its rate is unknown:
--              microseconds between turns, turns in a window, the window, longest catching up,
--              and after how long there is nothing to catch up
--              returns {taken, wait, 1 if it pauses}; touches bucket:* taken:* pause:*
-- date_turns   KEYS: {callahead}:due   ARGV: sender, how many turns, when they left
--              returns 1; touches taken:*
-- pause_sender KEYS: {callahead}:due   ARGV: sender, now, shortest, first and longest pause, calm
--              returns until when; touches pause:*
-- take_turn    KEYS: {callahead}:due   ARGV: name, microseconds between turns, now, longest wait
--              returns the wait in microseconds, -1 if it would be longer; touches turn:*
-- take_line    KEYS: {callahead}:due   ARGV: name, holder, lines, now, until
--              returns 1 held, 0 all are taken; touches lines:*
-- free_line    KEYS: {callahead}:due   ARGV: name, holder; touches lines:*

-- How many of the turns leave the window whole: the oldest that would share one with the n that are
-- taken now is the (count - n)th last.
local function fitting(log, n, count, window, now)
  while n > 0 do
    local oldest = redis.call('LINDEX', log, count - n)
    if not oldest or now - tonumber(oldest) >= window then return n end
    n = n - 1
  end
  return 0
end

local function take_turns(keys, argv)
  local p, name, wanted, now = prefix(keys), argv[1], tonumber(argv[2]), tonumber(argv[3])
  local paused = tonumber(redis.call('HGET', p .. 'pause:' .. name, 'u') or '0')
  if paused > now then return {0, num(paused - now), 1} end
  if not argv[4] then return {wanted, '0', 0} end
  local between, count, window = tonumber(argv[4]), tonumber(argv[5]), tonumber(argv[6])
  local bucket, log = p .. 'bucket:' .. name, p .. 'taken:' .. name
  local free_at = tonumber(redis.call('GET', bucket) or '0')
  if now - free_at >= tonumber(argv[8]) then free_at = now end
  free_at = math.max(free_at, now - tonumber(argv[7]))
  local taken = 0
  if free_at <= now then
    taken = math.min(wanted, math.floor((now - free_at) / between) + 1, count)
    taken = fitting(log, taken, count, window, now)
  end
  local kept = math.ceil((window + between) / 1000) + 60000
  for _ = 1, taken do redis.call('LPUSH', log, num(now)) end
  if taken > 0 then
    redis.call('LTRIM', log, 0, count - 1)
    redis.call('PEXPIRE', log, kept)
    free_at = free_at + taken * between
    redis.call('SET', bucket, num(free_at), 'PX', kept)
  end
  local oldest = redis.call('LINDEX', log, count - 1)
  if oldest then free_at = math.max(free_at, tonumber(oldest) + window) end
  return {taken, num(math.max(0, free_at - now)), 0}
end

local function date_turns(keys, argv)
  local log, left_at = prefix(keys) .. 'taken:' .. argv[1], tonumber(argv[3])
  for index = 0, math.min(tonumber(argv[2]), redis.call('LLEN', log)) - 1 do
    if tonumber(redis.call('LINDEX', log, index)) < left_at then
      redis.call('LSET', log, index, num(left_at))
    end
  end
  return 1
end

local function pause_sender(keys, argv)
  local key, now, calm = prefix(keys) .. 'pause:' .. argv[1], tonumber(argv[2]), tonumber(argv[6])
  local found = redis.call('HMGET', key, 'u', 'l')
  local until_, length = tonumber(found[1] or '0'), tonumber(found[2] or '0')
  if until_ <= now then
    length = length > 0 and now - until_ < calm and math.min(2 * length, tonumber(argv[5]))
      or tonumber(argv[4])
    until_ = now + length
  end
  until_ = math.max(until_, now + tonumber(argv[3]))
  redis.call('HSET', key, 'u', num(until_), 'l', num(length))
  redis.call('PEXPIRE', key, math.ceil((until_ - now + tonumber(argv[5]) + calm) / 1000))
  return num(until_)
end

local function take_turn(keys, argv)
  local key, between, now = prefix(keys) .. 'turn:' .. argv[1], tonumber(argv[2]), tonumber(argv[3])
  local at = math.max(now, tonumber(redis.call('GET', key) or '0'))
  if at - now > tonumber(argv[4]) then return -1 end
  local following = at + between
  redis.call('SET', key, num(following), 'PX', math.ceil((following - now) / 1000) + 60000)
  return at - now
end

local function take_line(keys, argv)
  local key, now, until_ = prefix(keys) .. 'lines:' .. argv[1], tonumber(argv[4]), tonumber(argv[5])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', num(now))
  if not redis.call('ZSCORE', key, argv[2])
    and redis.call('ZCARD', key) >= tonumber(argv[3]) then return 0 end
  redis.call('ZADD', key, num(until_), argv[2])
  redis.call('EXPIRE', key, math.ceil((until_ - now) / 1000000) + 3600)
  return 1
end

local function free_line(keys, argv)
  redis.call('ZREM', prefix(keys) .. 'lines:' .. argv[1], argv[2])
  return 1
end

register('take_turns', take_turns)
register('date_turns', date_turns)
register('pause_sender', pause_sender)
register('take_turn', take_turn)
register('take_line', take_line)
register('free_line', free_line)
