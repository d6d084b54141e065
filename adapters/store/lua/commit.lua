-- commit: everything or nothing.
--
-- KEYS: {p}:due
-- Reads and writes under {p}: <member> log:<member> due rooms room:* slots:call:* visits:* open:*
--   branches seen:* ledger:* days:* offs:* work:* pushed:* seq:* feed:*
-- ARGV: clinic, seen id or '', its TTL in s, retention in s, then counted lists in this order:
--   writes   member, version, document, due or '', branch, id, start or '', number or visits,
--            forever 0|1, calling 0|1, n wants (room, rank), n journal (entry)
--   checks   member, version
--   wakes    member, at
--   charges  branch, day, at of its write-off, charge
--   work     branch, day, field
--   changes  change id, change
--   refunds  room, branch, token
-- Returns 1 done, 0 conflict, 2 duplicate.

local WRITE = {'member', 'version', 'document', 'due', 'branch', 'id', 'start', 'extra', 'forever',
  'calling'}
local WANT, CHECK, WAKE = {'room', 'rank'}, {'member', 'version'}, {'member', 'at'}
local CHARGE, WORK = {'branch', 'day', 'at', 'charge'}, {'branch', 'day', 'field'}
local CHANGE, REFUND = {'id', 'change'}, {'room', 'branch', 'token'}

local function row(argv, at, names)
  local found = {}
  for n = 1, #names do found[names[n]] = argv[at + n] end
  return found, at + #names
end

-- The counted rows that begin at `at`, and where the next ones begin.
local function rows(argv, at, names)
  local found, last = {}, at
  for i = 1, tonumber(argv[at]) do
    found[i], last = row(argv, last, names)
  end
  return found, last + 1
end

local function read_write(argv, at)
  local w
  w, at = row(argv, at, WRITE)
  w.wants, at = rows(argv, at + 1, WANT)
  w.journal = {}
  for i = 1, tonumber(argv[at]) do w.journal[i] = argv[at + i] end
  return w, at + #w.journal
end

local function read_commit(argv)
  local c = {clinic = argv[1], seen = argv[2], seen_ttl = argv[3],
    retention = tonumber(argv[4]), writes = {}}
  local at = 5
  for i = 1, tonumber(argv[at]) do
    c.writes[i], at = read_write(argv, at)
  end
  c.checks, at = rows(argv, at + 1, CHECK)
  c.wakes, at = rows(argv, at, WAKE)
  c.charges, at = rows(argv, at, CHARGE)
  c.work, at = rows(argv, at, WORK)
  c.changes, at = rows(argv, at, CHANGE)
  c.refunds = rows(argv, at, REFUND)
  return c
end

local function holds(p, c)
  for _, w in ipairs(c.writes) do
    w.key = p .. w.member
    local old = redis.call('HMGET', w.key, 'v', 'b', 'r', 'l', 's')
    if (old[1] or '0') ~= w.version then return false end
    w.new, w.old_branch, w.old_rooms, w.line, w.old_start =
      not old[1], old[2], old[3], old[4], old[5]
  end
  for _, check in ipairs(c.checks) do
    if (redis.call('HGET', p .. check.member, 'v') or '0') ~= check.version then return false end
  end
  return true
end

-- When a case ends: so long after its visit, or after now if that is later.
local function ends(c, w)
  return math.max(server_seconds(), math.floor(tonumber(w.start) / 1000000)) + c.retention
end

-- The branch's indexes: all visits, and those with a due time.
local function index(p, c, w)
  local open = of_branch(p, 'open', c.clinic, w.branch)
  local moved = w.old_branch and w.old_branch ~= w.branch
  if moved then
    redis.call('ZREM', of_branch(p, 'visits', c.clinic, w.old_branch), w.id)
    redis.call('ZREM', of_branch(p, 'open', c.clinic, w.old_branch), w.id)
  end
  if w.new or moved or w.old_start ~= w.start then
    local visits, at = of_branch(p, 'visits', c.clinic, w.branch), ends(c, w)
    redis.call('EXPIREAT', w.key, at)
    redis.call('EXPIREAT', p .. 'log:' .. w.member, at)
    redis.call('ZADD', visits, w.start, w.id)
    extend(visits, at)
    local past = (server_seconds() - c.retention) * 1000000
    redis.call('ZREMRANGEBYSCORE', visits, '-inf', num(past))
    redis.call('SADD', p .. 'branches', c.clinic .. ':' .. w.branch)
  end
  if w.due == '' then
    redis.call('ZREM', open, w.id)
  elseif redis.call('ZADD', open, w.start, w.id) == 1 then
    extend(open, ends(c, w))
  end
end

local function wait(p, c, w)
  local wanted, names = {}, {}
  for i, want in ipairs(w.wants) do
    wanted[want.room], names[i] = true, want.room
  end
  for room in string.gmatch(w.old_rooms or '', '%a+') do
    if not wanted[room] or w.old_branch ~= w.branch then
      leave(p, room .. ':' .. c.clinic .. ':' .. w.old_branch, w.member)
    end
  end
  for _, want in ipairs(w.wants) do
    enter(p, want.room .. ':' .. c.clinic .. ':' .. w.branch, w.member, want.rank)
  end
  if #names > 0 then
    redis.call('HSET', w.key, 'r', table.concat(names, ','))
  elseif w.old_rooms then
    redis.call('HDEL', w.key, 'r')
  end
end

local function write(p, c, w)
  local log = p .. 'log:' .. w.member
  local version = num(tonumber(w.version) + 1)
  local first = #w.journal > 0 and redis.call('RPUSH', log, unpack(w.journal)) == #w.journal
  if w.start ~= '' then
    redis.call('HSET', w.key, 'v', version, 'd', w.document, 'b', w.branch, 's', w.start,
      'n', w.extra)
    index(p, c, w)
    if first then redis.call('EXPIREAT', log, ends(c, w)) end
  else
    redis.call('HSET', w.key, 'v', version, 'd', w.document, 'b', w.branch, 'a', w.extra)
    for _, key in ipairs({w.key, log}) do
      if w.forever == '1' then
        redis.call('PERSIST', key)
      else
        redis.call('EXPIRE', key, c.retention)
      end
    end
  end
  if w.due == '' then
    redis.call('ZREM', p .. 'due', w.member)
  else
    redis.call('ZADD', p .. 'due', w.due, w.member)
  end
  if #w.wants > 0 or w.old_rooms then wait(p, c, w) end
  if w.line and w.calling ~= '1' then
    redis.call('HDEL', w.key, 'l')
    give_back(p, 'call:' .. c.clinic .. ':' .. w.line, w.member)
  end
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

local function charge(p, c, item)
  local offs, day = of_branch(p, 'offs', c.clinic, item.branch), item.day
  while redis.call('HEXISTS', offs, day) == 1 do day = day_after(day) end
  local ledger = of_branch(p, 'ledger', c.clinic, item.branch) .. ':' .. day
  if redis.call('RPUSH', ledger, item.charge) == 1 then
    redis.call('EXPIRE', ledger, c.retention)
  end
  redis.call('ZADD', of_branch(p, 'days', c.clinic, item.branch), 'LT', item.at, day)
  wake(p, 'branch:' .. c.clinic .. ':' .. item.branch, item.at)
end

local function commit(keys, argv)
  local p, c = prefix(keys), read_commit(argv)
  local seen = p .. 'seen:' .. c.clinic .. ':' .. c.seen
  if c.seen ~= '' and redis.call('EXISTS', seen) == 1 then return 2 end
  if not holds(p, c) then return 0 end
  if c.seen ~= '' then redis.call('SET', seen, '1', 'EX', c.seen_ttl) end
  for _, w in ipairs(c.writes) do write(p, c, w) end
  for _, item in ipairs(c.wakes) do wake(p, item.member, item.at) end
  for _, item in ipairs(c.charges) do charge(p, c, item) end
  for _, item in ipairs(c.work) do
    local key = of_branch(p, 'work', c.clinic, item.branch) .. ':' .. item.day
    if redis.call('HINCRBY', key, item.field, 1) == 1 then
      redis.call('EXPIRE', key, c.retention)
    end
  end
  for _, item in ipairs(c.changes) do
    publish_change(p, c.clinic, item.id, item.change, c.retention)
  end
  for _, item in ipairs(c.refunds) do
    give_back(p, item.room .. ':' .. c.clinic .. ':' .. item.branch, item.token)
    if item.room == 'call' then redis.call('HDEL', p .. item.token, 'l') end
  end
  return 1
end

register('commit', commit)
