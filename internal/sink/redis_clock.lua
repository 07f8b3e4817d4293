-- The time of the server that keeps KEYS[1], as {seconds, microseconds}.
local t = redis.call('TIME')
return {tonumber(t[1]), tonumber(t[2])}
