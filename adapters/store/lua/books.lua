-- Settings, write-offs, and looking at cases again.
--
-- write_off    KEYS: {p}:due   ARGV: clinic, branch, day, number of its charges, write-off, next
--              due time or '', retention in s, oldest day whose write-off is kept
--              returns 1 recorded, 0 not; touches ledger:* days:* offs:* due
-- save_clinic  KEYS: {p}:due   ARGV: clinic, version, settings, first imports, then branch and
--              rates of each; returns 1 done, 0 conflict; touches clinic:* clinics rates:* rooms
-- wake_cases   KEYS: {p}:due   ARGV: clinic, branch, now, appointments
--              returns how many are open; touches case:* open:* due

local function write_off(keys, argv)
  local p, clinic, branch, day = prefix(keys), argv[1], argv[2], argv[3]
  local offs, days = of_branch(p, 'offs', clinic, branch), of_branch(p, 'days', clinic, branch)
  if redis.call('HEXISTS', offs, day) == 1 then return 0 end
  local ledger = of_branch(p, 'ledger', clinic, branch) .. ':' .. day
  if redis.call('LLEN', ledger) ~= tonumber(argv[4]) then return 0 end
  for _, old in ipairs(redis.call('HKEYS', offs)) do
    if old < argv[8] then redis.call('HDEL', offs, old) end
  end
  redis.call('HSET', offs, day, argv[5])
  redis.call('EXPIRE', offs, argv[7])
  redis.call('ZREM', days, day)
  local member, head = 'branch:' .. clinic .. ':' .. branch,
    redis.call('ZRANGE', days, 0, 0, 'WITHSCORES')[2]
  if not head then
    redis.call('ZREM', p .. 'due', member)
  else
    local due = tonumber(head)
    if argv[6] ~= '' then due = math.min(due, tonumber(argv[6])) end
    redis.call('ZADD', p .. 'due', num(due), member)
  end
  return 1
end

local function save_clinic(keys, argv)
  local p, clinic = prefix(keys), argv[1]
  local key, rates = p .. 'clinic:' .. clinic, p .. 'rates:' .. clinic
  if (redis.call('HGET', key, 'v') or '0') ~= argv[2] then return 0 end
  redis.call('HSET', key, 'v', num(tonumber(argv[2]) + 1), 'd', argv[3], 'c', argv[4])
  redis.call('SADD', p .. 'clinics', clinic)
  local branches = redis.call('HKEYS', rates)
  redis.call('DEL', rates)
  for i = 5, #argv, 2 do
    redis.call('HSET', rates, argv[i], argv[i + 1])
    branches[#branches + 1] = argv[i]
  end
  for _, branch in ipairs(branches) do
    poke(p, 'message:' .. clinic .. ':' .. branch)
    poke(p, 'call:' .. clinic .. ':' .. branch)
  end
  return 1
end

local function wake_cases(keys, argv)
  local p, clinic, branch, now = prefix(keys), argv[1], argv[2], argv[3]
  local woken = 0
  for i = 4, #argv do
    local member = 'case:' .. clinic .. ':' .. argv[i]
    local found = redis.call('HMGET', p .. member, 'b', 's')
    if found[1] == branch and (tonumber(found[2]) > tonumber(now)
      or redis.call('ZSCORE', of_branch(p, 'open', clinic, branch), argv[i])) then
      redis.call('HINCRBY', p .. member, 'v', 1)
      redis.call('ZADD', p .. 'due', 'LT', now, member)
      woken = woken + 1
    end
  end
  return woken
end

register('write_off', write_off)
register('save_clinic', save_clinic)
register('wake_cases', wake_cases)
