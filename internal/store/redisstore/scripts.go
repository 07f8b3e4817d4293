package redisstore

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// Versions and counts are compared as text: Lua's numbers are doubles, which hold a
// version exactly only up to 2^53. Times are microseconds, which they hold up to the year
// 2255. What a script writes first is what may be refused for lack of memory; the rest is
// then written all the same.

// putScript writes a field that is at a version, and tells of it. The version of what is
// not there is 0.
// KEYS: bucket, changes. ARGV: field, version, new value, sort, length of the changes.
const putScript = `
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if (stored and string.match(stored, '^[^:]*') or '0') ~= ARGV[2] then return 0 end
if ARGV[4] == 'record' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'record', ARGV[1], 'value', ARGV[3])
else
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', ARGV[4], ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`

// deleteScript deletes a field that is at a version, and tells of it unless it is a
// record: there are no changes that say that a record is gone.
// KEYS: bucket, changes. ARGV: field, version, sort, length of the changes.
const deleteScript = `
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return -1 end
if string.match(stored, '^[^:]*') ~= ARGV[2] then return 0 end
if ARGV[3] ~= 'record' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', ARGV[3], ARGV[1])
end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1`

// loadScript writes fields that are not there yet, and stops at one that is.
// KEYS: the hash of each field. ARGV: field, value, and so on.
const loadScript = `
for i, key in ipairs(KEYS) do
  if redis.call('HSETNX', key, ARGV[2 * i - 1], ARGV[2 * i]) == 0 then return 0 end
end
return 1`

// putGrantScript is putScript for what is listed by users and told to nobody.
// KEYS: bucket, the app's users. ARGV: field, version, new value, the grant's place.
const putGrantScript = `
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if (stored and string.match(stored, '^[^:]*') or '0') ~= ARGV[2] then return 0 end
if not stored then redis.call('ZADD', KEYS[2], 0, ARGV[4]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`

// deleteGrantScript is deleteScript for such.
// KEYS: bucket, the app's users. ARGV: field, version, the grant's place.
const deleteGrantScript = `
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return -1 end
if string.match(stored, '^[^:]*') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[3])
return 1`

// loadGrantsScript is loadScript for such.
// KEYS: of each grant its bucket, and its app's users. ARGV: field, value, place, and so on.
const loadGrantsScript = `
for i = 1, #KEYS / 2 do
  redis.call('ZADD', KEYS[2 * i], 0, ARGV[3 * i])
  if redis.call('HSETNX', KEYS[2 * i - 1], ARGV[3 * i - 2], ARGV[3 * i - 1]) == 0 then return 0 end
end
return 1`

// A lease is kept as "term since expiry released holder". It stays when it has ended, for
// its term and for how it ended. since is when it was acquired, or the first of those
// before it that ran out without a release.

// acquireScript takes a lease, or returns nil if it is held.
// KEYS: bucket. ARGV: name, holder, ttl.
const acquireScript = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local last = redis.call('HGET', KEYS[1], ARGV[1])
local term, since, abandoned = 1, now, 0
if last then
  local lastTerm, lastSince, expiry, released = string.match(last, '^(%d+) (%d+) (%d+) (%d) ')
  if released == '0' then
    if now < tonumber(expiry) then return false end
    since = tonumber(lastSince)
    abandoned = since
  end
  term = tonumber(lastTerm) + 1
end
local function text(n) return string.format('%.0f', n) end
local expiry = now + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], text(term) .. ' ' .. text(since) .. ' ' .. text(expiry) .. ' 0 ' .. ARGV[2])
return {text(term), text(now), text(expiry), text(abandoned)}`

// clockScript tells the time of the node that has our keys.
const clockScript = `
local t = redis.call('TIME')
return string.format('%.0f', t[1] * 1000000 + t[2])`

// changeLeaseScript extends a lease, or releases it if the ttl is 0.
// KEYS: bucket. ARGV: name, holder, term, ttl.
const changeLeaseScript = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local last = redis.call('HGET', KEYS[1], ARGV[1])
if not last then return 0 end
local term, since, expiry, released, holder = string.match(last, '^(%d+) (%d+) (%d+) (%d) (.*)$')
if released ~= '0' or now >= tonumber(expiry) or term ~= ARGV[3] or holder ~= ARGV[2] then return 0 end
if ARGV[4] == '0' then
  released = '1'
else
  expiry = string.format('%.0f', now + tonumber(ARGV[4]))
end
redis.call('HSET', KEYS[1], ARGV[1], term .. ' ' .. since .. ' ' .. expiry .. ' ' .. released .. ' ' .. holder)
return 1`

// appendScript adds entries to the audit. An id outlives its entry.
// KEYS: audit, its last id. ARGV: entries.
const appendScript = `
local last = redis.call('INCRBY', KEYS[2], #ARGV)
for i, entry in ipairs(ARGV) do
  redis.call('XADD', KEYS[1], string.format('%.0f-0', last - #ARGV + i), 'entry', entry)
end
return last`

// beatScript notes a server's beat and returns who is alive, or nil if the last one that
// is there is not even the one before it.
// KEYS: members. ARGV: name, count, the count before, within, how long members are kept.
const beatScript = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local last = redis.call('HGET', KEYS[1], ARGV[1])
local count = last and string.match(last, '^%S+') or 0
if ARGV[2] ~= '1' and tonumber(count) < tonumber(ARGV[3]) then return false end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', now))
local alive = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local age = now - tonumber(string.match(all[i + 1], '%S+$'))
  if all[i] == ARGV[1] or age < tonumber(ARGV[4]) then
    table.insert(alive, all[i])
  elseif age > tonumber(ARGV[5]) then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return alive`

// placeScript returns the id of the last change. There is always one afterwards: a watch
// knows by it whether something before it was lost.
// KEYS: changes.
const placeScript = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if #last > 0 then return last[1][1] end
return redis.call('XADD', KEYS[1], '*', 'begin', '')`

// enrollScript notes the schema that this binary writes, unless what is stored needs one
// that knows a later schema; that is returned.
// KEYS: schema. ARGV: the schema, the one that a binary must know to work with it.
const enrollScript = `
local needed = tonumber(redis.call('HGET', KEYS[1], 'needed') or '0')
if needed > tonumber(ARGV[1]) then return needed end
if tonumber(redis.call('HGET', KEYS[1], 'written') or '0') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'written', ARGV[1], 'needed', ARGV[2])
end
return 0`

// scripts are all of them. None is marked as one that may be tried again: a write whose
// first try has happened would be told that it came too late. Where an answer is lost, the
// caller gets an error, and whoever writes again reads first (see internal/renew, save).
type scripts struct {
	put, delete, load, acquire, changeLease, clock, append, beat, place, enroll *rueidis.Lua
	putGrant, deleteGrant, loadGrants                                           *rueidis.Lua
}

func newScripts() scripts {
	return scripts{
		put: rueidis.NewLuaScript(putScript), delete: rueidis.NewLuaScript(deleteScript),
		load:    rueidis.NewLuaScript(loadScript),
		acquire: rueidis.NewLuaScript(acquireScript), changeLease: rueidis.NewLuaScript(changeLeaseScript),
		clock: rueidis.NewLuaScript(clockScript), append: rueidis.NewLuaScript(appendScript),
		beat: rueidis.NewLuaScript(beatScript), place: rueidis.NewLuaScript(placeScript),
		enroll:   rueidis.NewLuaScript(enrollScript),
		putGrant: rueidis.NewLuaScript(putGrantScript), deleteGrant: rueidis.NewLuaScript(deleteGrantScript),
		loadGrants: rueidis.NewLuaScript(loadGrantsScript),
	}
}

// run runs a script and reads its answer.
func run[T any](ctx context.Context, s *Store, script *rueidis.Lua, read func(rueidis.RedisResult) (T, error), keys []string, args ...string) (T, error) {
	return call(ctx, s, func(ctx context.Context) (T, error) { return read(script.Exec(ctx, s.client, keys, args)) })
}

// runInt runs a script that answers with a number.
func runInt(ctx context.Context, s *Store, script *rueidis.Lua, keys []string, args ...string) (int64, error) {
	return run(ctx, s, script, rueidis.RedisResult.AsInt64, keys, args...)
}

func text[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }
