-- Limits that hold over all nodes: turns and lines of a trunk.
--
-- take_turn    KEYS: {callahead}:due   ARGV: name, microseconds between turns, now, longest wait
--              returns the wait in microseconds, -1 if it would be longer; touches turn:*
-- take_line    KEYS: {callahead}:due   ARGV: name, holder, lines, now, until
--              returns 1 held, 0 all are taken; touches lines:*
-- free_line    KEYS: {callahead}:due   ARGV: name, holder; touches lines:*

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

register('take_turn', take_turn)
register('take_line', take_line)
register('free_line', free_line)
