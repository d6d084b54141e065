-- claim: lease entries whose due time is reached, or grant turns when nothing is due.
--
-- KEYS: {p}:due
-- Reads and writes under {p}: due rooms held granted room:* slots:* rates:* days:* <member>
-- ARGV: now, limit, lease, pace window, line lease, longest hold, per_minute and lines of a
--   branch without rates, TTL of slots in s, duties of the node (due, message, call), then the
--   rooms of which the node has enough
-- Returns {next time or '', items}; an item is {member, room or '', version, document, version
--   and document of the contact, branch of the grant, token of the grant}.

local function limit_of(p, name, c)
  local room, clinic, branch = string.match(name, '^(%a+):([^:]*):(.*)$')
  local rates = redis.call('HGET', p .. 'rates:' .. clinic, branch)
  local per_minute, lines = c.per_minute, c.lines
  if rates then per_minute, lines = string.match(rates, '^(%d+) (%d+)$') end
  return tonumber(room == 'message' and per_minute or lines), room, branch
end

-- How many slots of a room are free and how many wait; schedules a room that cannot be served.
local function free(p, name, c)
  local slots, waiting = p .. 'slots:' .. name, redis.call('ZCARD', p .. 'room:' .. name)
  redis.call('ZREMRANGEBYSCORE', slots, '-inf', num(c.now))
  if waiting == 0 then
    redis.call('ZREM', p .. 'rooms', name)
    return 0, 0
  end
  local limit = limit_of(p, name, c)
  local left = limit - redis.call('ZCARD', slots)
  if limit <= 0 then
    redis.call('ZADD', p .. 'rooms', 'inf', name)
  elseif left <= 0 then
    local at = redis.call('ZRANGE', slots, math.abs(left), math.abs(left), 'WITHSCORES')[2]
    redis.call('ZADD', p .. 'rooms', at, name)
  end
  return math.max(left, 0), waiting
end

-- Whether this node serves a room.
local function served(name, c)
  return c.duties[string.match(name, '^(%a+):')] and not c.sated[name]
end

-- The first of the node's rooms in which somebody can be served now.
local function ready(p, c)
  local passed = 0
  while true do
    local name = redis.call('ZRANGEBYSCORE', p .. 'rooms', '-inf', num(c.now), 'LIMIT', passed,
      1)[1]
    if not name then return nil end
    if served(name, c) then
      local left, waiting = free(p, name, c)
      if left > 0 and waiting > 0 then return name, left, waiting end
    else
      passed = passed + 1
    end
  end
end

-- An item with the documents of a member, or nil when it was purged.
local function item_of(p, member, room, branch, token)
  local found = redis.call('HMGET', p .. member, 'v', 'd', 'n')
  if not found[1] then return nil end
  local contact = {false, false}
  if found[3] and found[3] ~= '' then
    local clinic = string.match(member, '^case:([^:]*):')
    contact = redis.call('HMGET', p .. 'contact:' .. clinic .. ':' .. found[3], 'v', 'd')
  end
  return {member, room, found[1], found[2], contact[1] or '', contact[2] or '', branch, token}
end

local function grant(p, name, member, c)
  local _, room, branch = limit_of(p, name, c)
  local token, slots, at = member, p .. 'slots:' .. name, c.now + c.line_lease
  if room == 'message' then
    token, at = num(redis.call('INCR', p .. 'granted')), c.now + c.window
  end
  local item = item_of(p, member, room, branch, token)
  if not item then return nil end
  redis.call('ZADD', slots, num(at), token)
  redis.call('EXPIRE', slots, c.slots_ttl)
  redis.call('ZADD', p .. 'due', num(c.until_), member)
  if room == 'call' then redis.call('HSET', p .. member, 'l', branch) end
  return item
end

local function serve(p, items, c)
  while #items < c.limit do
    local name, left, waiting = ready(p, c)
    if not name then return end
    local count = math.min(left, waiting, c.limit - #items)
    local popped = redis.call('ZPOPMIN', p .. 'room:' .. name, count)
    for i = 1, #popped, 2 do
      local item = grant(p, name, popped[i], c)
      if item then items[#items + 1] = item end
    end
  end
end

-- A due member as an item; a branch that has nothing to write off and a purged document leave
-- the queue instead.
local function due_item(p, member)
  if string.sub(member, 1, 7) == 'branch:' then
    if redis.call('EXISTS', p .. 'days:' .. string.sub(member, 8)) == 1 then
      return {member, '', '', '', '', '', '', ''}
    end
    return nil
  end
  return item_of(p, member, '', '', '')
end

local function take_due(p, items, c)
  if not c.duties.due then
    return redis.call('ZCOUNT', p .. 'due', '-inf', num(c.now))
  end
  local count = 0
  while #items < c.limit do
    local members = redis.call('ZRANGEBYSCORE', p .. 'due', '-inf', num(c.now), 'LIMIT', 0,
      c.limit - #items)
    if #members == 0 then break end
    for _, member in ipairs(members) do
      local item = due_item(p, member)
      if item then
        redis.call('ZADD', p .. 'due', num(c.until_), member)
        items[#items + 1], count = item, count + 1
      else
        redis.call('ZREM', p .. 'due', member)
      end
    end
    if c.until_ <= c.now then break end
  end
  return count
end

local function next_at(p, c)
  local first, passed = math.huge, 0
  local head = c.duties.due and redis.call('ZRANGE', p .. 'due', 0, 0, 'WITHSCORES')[2]
  if head then first = tonumber(head) end
  while true do
    local room = redis.call('ZRANGE', p .. 'rooms', passed, passed, 'WITHSCORES')
    if not room[1] or room[2] == 'inf' then break end
    if served(room[1], c) then
      first = math.min(first, tonumber(room[2]))
      break
    end
    passed = passed + 1
  end
  if first == math.huge then return '' end
  return num(math.max(first, c.now))
end

local function claim(keys, argv)
  local p, a = prefix(keys), {}
  for i = 1, #argv do a[i] = tonumber(argv[i]) end
  local c = {now = a[1], limit = a[2], until_ = a[1] + a[3], window = a[4], line_lease = a[5],
    per_minute = a[7], lines = a[8], slots_ttl = a[9], duties = {}, sated = {}}
  for duty in string.gmatch(argv[10], '%a+') do c.duties[duty] = true end
  for i = 11, #argv do c.sated[argv[i]] = true end
  local held, items = redis.call('GET', p .. 'held'), {}
  local held_long = held and c.now - tonumber(held) >= a[6]
  if held_long then serve(p, items, c) end
  local due = take_due(p, items, c)
  if due == 0 and not held_long then serve(p, items, c) end
  if not ready(p, c) or due == 0 then
    if held then redis.call('DEL', p .. 'held') end
  elseif not held then
    redis.call('SET', p .. 'held', num(c.now), 'EX', 60)
  end
  return {next_at(p, c), items}
end

register('claim', claim)
