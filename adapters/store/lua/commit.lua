-- commit: everything or nothing.
--
-- KEYS: {p}:due
-- Reads and writes under {p}: <member> log:<member> due rooms room:* slots:call:* visits:* open:*
--   branches seen:* attention:* ledger:* days:* offs:* spent:* work:* pushed:* seq:* feed:*
-- ARGV: clinic, seen id or '', its TTL in s, retention in s, then counted lists in this order:
--   writes   member, version
--   checks   member, version
--   and, for every write, uncounted: document, due or '', branch, id, start or '', number or
--            visits, forever 0|1, calling 0|1, n wants (room, rank), n journal (entry)
--   wakes    member, at
--   charges  branch, day, at of its write-off, charge, its amount in units
--   work     branch, day, field
--   changes  change id, change
--   refunds  room, branch, token
--   marks    member, since when it waits for the staff or ''
-- Returns 1 done, 0 conflict, 2 duplicate.
--
-- This runs for everything that a patient does, so rows are read where they stand in ARGV: a table
-- for each of them would cost more than the commands do. `at` is always the next value to be read.

-- When a case ends: so long after its visit, or after now if that is later.
local function ends(c, start)
  return math.max(server_seconds(), math.floor(tonumber(start) / 1000000)) + c.retention
end

-- The branch's index of all visits.
local function index(p, c, old, member, branch, id, start)
  local moved = old[2] and old[2] ~= branch
  if moved then
    redis.call('ZREM', of_branch(p, 'visits', c.clinic, old[2]), id)
    redis.call('ZREM', of_branch(p, 'open', c.clinic, old[2]), id)
  end
  if not old[1] or moved or old[5] ~= start then
    local visits, at = of_branch(p, 'visits', c.clinic, branch), ends(c, start)
    redis.call('EXPIREAT', p .. member, at)
    redis.call('EXPIREAT', p .. 'log:' .. member, at)
    redis.call('ZADD', visits, start, id)
    extend(visits, at)
    local past = (server_seconds() - c.retention) * 1000000
    redis.call('ZREMRANGEBYSCORE', visits, '-inf', num(past))
    redis.call('SADD', p .. 'branches', c.clinic .. ':' .. branch)
  end
end

-- The branch's index of visits with a due time. Most commits change nothing in it: field `o` holds
-- the version at which the visit was put there, so it counts unless an older library wrote since.
local function index_open(p, c, old, branch, id, start, due)
  local key = of_branch(p, 'open', c.clinic, branch)
  if due == '' then
    redis.call('ZREM', key, id)
  elseif not old[1] or old[6] ~= old[1] or old[2] ~= branch or old[5] ~= start then
    if redis.call('ZADD', key, start, id) == 1 then extend(key, ends(c, start)) end
  end
end

-- Leave the rooms that are not wanted any more and enter the others; return the names of those.
local function wait(p, c, old, member, branch, argv, at, count)
  if count == 0 and (old[3] or '') == '' then return '' end
  local wanted, names = {}, {}
  for i = 1, count do
    names[i] = argv[at + 2 * i - 2]
    wanted[names[i]] = true
  end
  for room in string.gmatch(old[3] or '', '%a+') do
    if not wanted[room] or old[2] ~= branch then
      leave(p, room .. ':' .. c.clinic .. ':' .. old[2], member)
    end
  end
  for i = 1, count do
    enter(p, names[i] .. ':' .. c.clinic .. ':' .. branch, member, argv[at + 2 * i - 1])
  end
  return table.concat(names, ',')
end

local function write_contact(p, c, member, branch, version, document, visits, rooms, forever)
  redis.call('HSET', p .. member, 'v', version, 'd', document, 'b', branch, 'a', visits,
    'r', rooms)
  for _, key in ipairs({p .. member, p .. 'log:' .. member}) do
    if forever == '1' then
      redis.call('PERSIST', key)
    else
      redis.call('EXPIRE', key, c.retention)
    end
  end
end

-- Write the document whose row begins at `at`; return where the next one begins. `old` is what
-- stood in the fields v, b, r, l, s and o.
local function write(p, c, old, member, expected, argv, at)
  local document, due, branch, id, start = argv[at], argv[at + 1], argv[at + 2], argv[at + 3],
    argv[at + 4]
  local version, wants = num(tonumber(expected) + 1), tonumber(argv[at + 8])
  local first_entry = at + 10 + 2 * wants
  local entries = tonumber(argv[first_entry - 1])
  local is_first = entries > 0 and entries == redis.call('RPUSH', p .. 'log:' .. member,
    unpack(argv, first_entry, first_entry + entries - 1))
  local rooms = wait(p, c, old, member, branch, argv, at + 9, wants)
  if start ~= '' then
    redis.call('HSET', p .. member, 'v', version, 'd', document, 'b', branch, 's', start, 'n',
      argv[at + 5], 'o', due ~= '' and version or '', 'r', rooms)
    index(p, c, old, member, branch, id, start)
    index_open(p, c, old, branch, id, start, due)
    if is_first then redis.call('EXPIREAT', p .. 'log:' .. member, ends(c, start)) end
  else
    write_contact(p, c, member, branch, version, document, argv[at + 5], rooms, argv[at + 6])
  end
  if due == '' then
    redis.call('ZREM', p .. 'due', member)
  else
    redis.call('ZADD', p .. 'due', due, member)
  end
  if old[4] and argv[at + 7] ~= '1' then
    redis.call('HDEL', p .. member, 'l')
    give_back(p, 'call:' .. c.clinic .. ':' .. old[4], member)
  end
  return first_entry + entries
end

-- The day after `yyyy-mm-dd`.
local function day_after(day)
  local y, m, d = string.match(day, '^(%d+)-(%d+)-(%d+)$')
  y, m, d = tonumber(y), tonumber(m), tonumber(d) + 1
  local leap = y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
  local days = {31, leap and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
  if d > days[m] then d, m = 1, m + 1 end
  if m > 12 then m, y = 1, y + 1 end
  return string.format('%04d-%02d-%02d', y, m, d)
end

local function charge(p, c, branch, day, at, item, units)
  local offs = of_branch(p, 'offs', c.clinic, branch)
  while redis.call('HEXISTS', offs, day) == 1 do day = day_after(day) end
  local ledger = of_branch(p, 'ledger', c.clinic, branch) .. ':' .. day
  if redis.call('RPUSH', ledger, item) == 1 then
    redis.call('EXPIRE', ledger, c.retention)
  end
  local spent = of_branch(p, 'spent', c.clinic, branch) .. ':' .. string.sub(day, 1, 7)
  redis.call('INCRBY', spent, units)
  redis.call('EXPIRE', spent, c.retention)
  redis.call('ZADD', of_branch(p, 'days', c.clinic, branch), 'LT', at, day)
  wake(p, 'branch:' .. c.clinic .. ':' .. branch, at)
end

local function count_work(p, c, branch, day, field)
  local key = of_branch(p, 'work', c.clinic, branch) .. ':' .. day
  if redis.call('HINCRBY', key, field, 1) == 1 then
    redis.call('EXPIRE', key, c.retention)
  end
end

-- Put a change into the clinic's feed; one that was put there before keeps its seq and is not
-- put there again.
local function publish(p, c, id, change)
  local pushed, feed = p .. 'pushed:' .. id, p .. 'feed:' .. c.clinic
  if redis.call('EXISTS', pushed) == 1 then return end
  local seq = num(redis.call('INCR', p .. 'seq:' .. c.clinic))
  redis.call('SET', pushed, seq, 'EX', c.retention)
  redis.call('ZADD', feed, seq, change)
  redis.call('EXPIRE', feed, c.retention)
end

local function refund(p, c, room, branch, token)
  give_back(p, room .. ':' .. c.clinic .. ':' .. branch, token)
  if room == 'call' then redis.call('HDEL', p .. token, 'l') end
end

-- The clinic's queue for its staff. What stood there for longer than documents last is gone.
local function mark(p, c, member, at)
  local key = p .. 'attention:' .. c.clinic
  if at == '' then
    redis.call('ZREM', key, member)
    return
  end
  redis.call('ZADD', key, at, member)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', num((server_seconds() - 2 * c.retention) * 1000000))
  redis.call('EXPIRE', key, 2 * c.retention)
end

-- Call `follow` with every row of a counted list that begins at `at`, `width` values each; return
-- where the next list begins.
local function each(p, c, argv, at, width, follow)
  local count = tonumber(argv[at])
  for first = at + 1, at + count * width, width do
    follow(p, c, unpack(argv, first, first + width - 1))
  end
  return at + 1 + count * width
end

local function wake_row(p, _, member, at)
  wake(p, member, at)
end

-- What stands in the documents that will be written, or nil when a version does not hold; and
-- where the first row begins.
local function held(p, argv, at)
  local count, olds = tonumber(argv[at]), {}
  for i = 1, count do
    local old = redis.call('HMGET', p .. argv[at + 2 * i - 1], 'v', 'b', 'r', 'l', 's', 'o')
    if (old[1] or '0') ~= argv[at + 2 * i] then return nil end
    olds[i] = old
  end
  at = at + 1 + 2 * count
  local last = at + 2 * tonumber(argv[at])
  for check = at + 1, last, 2 do
    if (redis.call('HGET', p .. argv[check], 'v') or '0') ~= argv[check + 1] then return nil end
  end
  return olds, last + 1
end

local function commit(keys, argv)
  local p, c = prefix(keys), {clinic = argv[1], retention = tonumber(argv[4])}
  local seen = p .. 'seen:' .. argv[1] .. ':' .. argv[2]
  if argv[2] ~= '' and redis.call('EXISTS', seen) == 1 then return 2 end
  local olds, at = held(p, argv, 5)
  if not olds then return 0 end
  if argv[2] ~= '' then redis.call('SET', seen, '1', 'EX', argv[3]) end
  for i, old in ipairs(olds) do
    at = write(p, c, old, argv[4 + 2 * i], argv[5 + 2 * i], argv, at)
  end
  at = each(p, c, argv, at, 2, wake_row)
  at = each(p, c, argv, at, 5, charge)
  at = each(p, c, argv, at, 3, count_work)
  at = each(p, c, argv, at, 2, publish)
  at = each(p, c, argv, at, 3, refund)
  each(p, c, argv, at, 2, mark)
  return 1
end

register('commit', commit)
