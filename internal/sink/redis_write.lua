-- Sets KEYS[1] to a token, unless a newer one is there. KEYS[2] is its companion.
-- ARGV: app, kind, version, issued (ms), value, whether it still lives, when the key has to
-- be gone (ms), how long the companion is kept (ms).
local had = redis.call('HMGET', KEYS[2], 'app', 'kind', 'version', 'issued')
if had[1] and (had[1] ~= ARGV[1] or had[2] ~= ARGV[2]) then
  return {'foreign', had[1], tostring(had[2])}
end
-- A higher version alone is not newer: an app that was removed and added again starts over.
-- Replicas read the store's clock each for itself, and may differ by a little.
local skew = 2000
if had[3] and tonumber(had[3]) > tonumber(ARGV[3]) and tonumber(had[4]) + skew >= tonumber(ARGV[4]) then
  return {'older'}
end
if ARGV[6] ~= 'true' then
  if had[3] == ARGV[3] and had[4] == ARGV[4] then
    redis.call('DEL', KEYS[1])
  end
  return {'expired'}
end
redis.call('SET', KEYS[1], ARGV[5])
redis.call('PEXPIREAT', KEYS[1], ARGV[7])
redis.call('HMSET', KEYS[2], 'app', ARGV[1], 'kind', ARGV[2], 'version', ARGV[3], 'issued', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
return {'written'}
