-- Reading documents, each with what is looked at together with it.
--
-- load_case     KEYS: {p}:due   ARGV: clinic, appointment
--               returns {version, document, version and document of its contact}
-- load_contact  KEYS: {p}:due   ARGV: clinic, number
--               returns {version, document, then version and document of each visit}
-- figures       KEYS: {p}:due
--               returns {cases, due, waiting, earliest due time or '', waiting for the staff}
-- Reads under {p}: case:* contact:* clinics attention:* branches visits:* due rooms room:*

local function load_case(keys, argv)
  local p = prefix(keys)
  local found = redis.call('HMGET', p .. 'case:' .. argv[1] .. ':' .. argv[2], 'v', 'd', 'n')
  if not found[1] then return {} end
  if found[3] == '' then return {found[1], found[2]} end
  local contact = redis.call('HMGET', p .. 'contact:' .. argv[1] .. ':' .. found[3], 'v', 'd')
  return {found[1], found[2], contact[1], contact[2]}
end

local function load_contact(keys, argv)
  local p = prefix(keys)
  local found = redis.call('HMGET', p .. 'contact:' .. argv[1] .. ':' .. argv[2], 'v', 'd', 'a')
  if not found[1] then return {} end
  local answer = {found[1], found[2]}
  for _, visit in ipairs(cjson.decode(found[3])) do
    local case = redis.call('HMGET', p .. 'case:' .. argv[1] .. ':' .. visit, 'v', 'd')
    if case[1] then
      answer[#answer + 1], answer[#answer + 2] = case[1], case[2]
    end
  end
  return answer
end

local function figures(keys)
  local p, cases, waiting, attention = prefix(keys), 0, 0, 0
  for _, clinic in ipairs(redis.call('SMEMBERS', p .. 'clinics')) do
    attention = attention + redis.call('ZCARD', p .. 'attention:' .. clinic)
  end
  for _, branch in ipairs(redis.call('SMEMBERS', p .. 'branches')) do
    cases = cases + redis.call('ZCARD', p .. 'visits:' .. branch)
  end
  for _, name in ipairs(redis.call('ZRANGE', p .. 'rooms', 0, -1)) do
    waiting = waiting + redis.call('ZCARD', p .. 'room:' .. name)
  end
  local head = redis.call('ZRANGE', p .. 'due', 0, 0, 'WITHSCORES')[2]
  return {cases, redis.call('ZCARD', p .. 'due'), waiting, head and num(tonumber(head)) or '',
    attention}
end

register('load_case', load_case, {'no-writes'})
register('load_contact', load_contact, {'no-writes'})
register('figures', figures, {'no-writes'})
