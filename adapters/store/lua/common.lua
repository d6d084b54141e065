-- What the functions share: names of keys (see keys.py), waiting rooms and their slots.
--
-- Every function gets `{pNN}:due` as its first key and touches keys with that tag only, so keys
-- of one slot. Times are epoch microseconds; a double holds them exactly, its default text form
-- does not, therefore `num`.

local function num(number)
  return string.format('%.0f', number)
end

local function prefix(keys)
  return string.sub(keys[1], 1, -4)
end

local function of_branch(p, what, clinic, branch)
  return p .. what .. ':' .. clinic .. ':' .. branch
end

local function server_seconds()
  return tonumber(redis.call('TIME')[1])
end

-- A room's name is `<message|call>:<clinic>:<branch>`. It stands in `rooms` exactly while
-- somebody waits in it, with the time at which it may be served (0: look at once, inf: never).

local function enter(p, name, member, rank)
  redis.call('ZADD', p .. 'room:' .. name, rank, member)
  redis.call('ZADD', p .. 'rooms', 'NX', 0, name)
end

local function leave(p, name, member)
  if redis.call('ZREM', p .. 'room:' .. name, member) == 1
    and redis.call('EXISTS', p .. 'room:' .. name) == 0 then
    redis.call('ZREM', p .. 'rooms', name)
  end
end

local function poke(p, name)
  redis.call('ZADD', p .. 'rooms', 'XX', 0, name)
end

local function give_back(p, name, token)
  redis.call('ZREM', p .. 'slots:' .. name, token)
  poke(p, name)
end

-- Sets the end of a key that grows: never earlier than it was.
local function extend(key, at)
  redis.call('EXPIREAT', key, at, 'NX')
  redis.call('EXPIREAT', key, at, 'GT')
end

local function wake(p, member, at)
  local probe = p .. member
  if string.sub(member, 1, 7) == 'branch:' then
    probe = p .. 'days:' .. string.sub(member, 8)
  end
  if redis.call('EXISTS', probe) == 1 then
    redis.call('ZADD', p .. 'due', 'LT', at, member)
  end
end

local function register(name, callback, flags)
  redis.register_function{
    function_name = 'callahead_@VERSION@_' .. name,
    callback = callback,
    flags = flags or {},
  }
end
