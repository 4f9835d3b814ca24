"""What the Redis store does inside the server, in Lua: one atomic script for each operation.

Numbers in Lua are doubles, exact to 2**53 only. Amounts are therefore pairs (high, low) of whole
numbers, worth high * 10**9 + low, and HINCRBY, which counts in 64 bits, does the writing. A script
that fails halfway is not undone by Redis: what would not fit is found before anything is written.
"""

VERSION = 2

_COMMON = """
local P = KEYS[1]
local S = P .. 'state'
local BASE = 1000000000
local DAY = 86400

local function norm(h, l)
    local carry = math.floor(l / BASE)
    return h + carry, l - carry * BASE
end
local function parse(text)
    if not text then return 0, 0 end
    local sign, digits = 1, text
    if string.sub(text, 1, 1) == '-' then sign, digits = -1, string.sub(text, 2) end
    local h = tonumber(string.sub(digits, 1, -10)) or 0
    return norm(sign * h, sign * tonumber(string.sub(digits, -9)))
end
local function show(h, l)
    if h >= 0 then
        if h == 0 then return string.format('%.0f', l) end
        return string.format('%.0f%09.0f', h, l)
    end
    local nh, nl = norm(-h, -l)
    return '-' .. show(nh, nl)
end
local function plus(h, l, text)
    local h2, l2 = parse(text)
    return norm(h + h2, l + l2)
end
local function more(h, l, h2, l2) return h > h2 or (h == h2 and l > l2) end
local function negated(text)
    if string.sub(text, 1, 1) == '-' then return string.sub(text, 2) end
    if text == '0' then return text end
    return '-' .. text
end
local function sum(one, two)
    local h, l = parse(one)
    return show(plus(h, l, two))
end
local function times(count, text)
    if count == 0 then return '0' end
    if count == -1 then return negated(text) end
    return text
end

local function now()
    local t = redis.call('TIME')
    return tonumber(t[1]) + tonumber(t[2]) / 1000000
end
local function keep(key, seconds)
    seconds = math.ceil(seconds)
    if redis.call('TTL', key) < seconds then redis.call('EXPIRE', key, seconds) end
end
local function cell(line) return P .. 'cell:' .. line.scope .. '\\n' .. line.period end

-- Changes are collected first, and written if all of them fit.
local staged, order = {}, {}
local function stage(key, field, delta)
    if delta == '0' then return end
    local name = key .. '\\0' .. field
    if staged[name] then
        staged[name][3] = sum(staged[name][3], delta)
    else
        staged[name] = {key, field, delta}
        order[#order + 1] = name
    end
end
local function fits()
    for _, name in ipairs(order) do
        local one = staged[name]
        local h, l = parse(redis.call('HGET', one[1], one[2]) or nil)
        h, l = plus(h, l, one[3])
        if more(h, l, 9223372036, 854775807) or more(-9223372036, 0, h, l) then return false end
        if #one[3] > 19 then
            local dh, dl = parse(one[3])
            if more(dh, dl, 9223372036, 854775807) or more(-9223372036, 0, dh, dl) then
                return false
            end
        end
    end
    return true
end
local function write()
    for _, name in ipairs(order) do
        local one = staged[name]
        redis.call('HINCRBY', one[1], one[2], one[3])
    end
end

local function rolling(period)
    local many, unit = string.match(period, '^rolling:(%d+)([smhd])$')
    if not many then return nil end
    return tonumber(many) * ({s = 1, m = 60, h = 3600, d = 86400})[unit]
end
-- The same as costmon.guard.stores.seeding.
local function seed_bucket(line, hour, whole)
    if line.period == 'total' then return line.bucket end
    local begins, ends = hour, hour + 3600
    if not whole then begins, ends = ends - 1, begins + 1 end
    local length, bucket = rolling(line.period), tonumber(line.bucket)
    if length then
        if begins < bucket - length then return nil end
        local step = math.max(1, math.floor(length / 60))
        return string.format('%.0f', math.min(bucket, math.floor((hour + 3599) / step) * step))
    end
    local resets = tonumber(line.resets_at or '')
    if tonumber(line.first) <= begins and (not resets or ends <= resets) then
        return line.bucket
    end
    return nil
end
local function over(line, bucket)
    local resets = tonumber(line.resets_at or '')
    if not resets then return nil end
    local length = math.floor(resets) - tonumber(line.bucket)
    return tonumber(bucket) + length + math.min(DAY, math.max(300, length)) + 1
end
local function tidy(key, now_s)
    local all = redis.call('HGETALL', key)
    local held = {}
    for i = 1, #all, 2 do
        local bucket = string.match(all[i], '^(-?%d+):h$')
        if bucket then held[bucket] = all[i + 1] end
    end
    for i = 1, #all, 2 do
        local bucket = string.match(all[i], '^(-?%d+):o$')
        if bucket and tonumber(all[i + 1]) < now_s and (held[bucket] or '0') == '0' then
            redis.call('HDEL', key, bucket .. ':s', bucket .. ':h', bucket .. ':o', bucket .. ':r')
        end
    end
end
local function begin(line, key, bucket, spent)
    redis.call('HSET', key, bucket .. ':s', spent)
    local gone = over(line, bucket)
    if gone then redis.call('HSET', key, bucket .. ':o', string.format('%.0f', gone)) end
end
local function sums(line, key)
    if line.first == line.last then
        local found = redis.call('HMGET', key, line.bucket .. ':s', line.bucket .. ':h')
        local sh, sl = parse(found[1] or nil)
        local hh, hl = parse(found[2] or nil)
        return sh, sl, hh, hl, found[1] and true, found[1] and true
    end
    local first, last = tonumber(line.first), tonumber(line.last)
    local sh, sl, hh, hl, used, here = 0, 0, 0, 0, false, false
    local all = redis.call('HGETALL', key)
    for i = 1, #all, 2 do
        local bucket, kind = string.match(all[i], '^(-?%d+):([sh])$')
        if bucket and tonumber(bucket) >= first and tonumber(bucket) <= last then
            if kind == 's' then
                used = true
                here = here or bucket == line.bucket
                sh, sl = plus(sh, sl, all[i + 1])
            else
                hh, hl = plus(hh, hl, all[i + 1])
            end
        end
    end
    return sh, sl, hh, hl, used, here
end
local function set_kept(key, text)
    local left = redis.call('PTTL', key)
    redis.call('SET', key, text)
    if left > 0 then redis.call('PEXPIRE', key, left) end
end
-- The amount of resets of an hour without a counter, and the number of the last reset.
local function forgiven(scope, period, hour)
    local field = hour .. '\\n' .. period
    local found = redis.call('HMGET', P .. 'forgiven:' .. scope, field, field .. '\\nr')
    return found[1] or '0', tonumber(found[2] or '0'), field
end
-- What was spent in the line's window according to the usage rows: by hour, and its buckets.
local function spent_hours(line, whole)
    local known, spent, buckets = redis.call('HGETALL', P .. 'spent:' .. line.scope), {}, {}
    for i = 1, #known, 2 do
        local bucket = seed_bucket(line, tonumber(known[i]), whole)
        if bucket then
            spent[known[i]] = known[i + 1]
            buckets[known[i]] = bucket
        end
    end
    return spent, buckets
end
-- What happened in the line's window before it had a counter, by bucket.
local function past(line, whole)
    local found, spent, buckets = {}, spent_hours(line, whole)
    for hour, text in pairs(spent) do
        local less, reset = forgiven(line.scope, line.period, hour)
        local one = found[buckets[hour]] or {'0', 0}
        found[buckets[hour]] = {sum(sum(one[1], text), negated(less)), math.max(one[2], reset)}
    end
    return found
end
-- The plans that were made before the counter existed, and whose leases it may have to count.
local function earlier(line, whole)
    local key, found, first, last = P .. 'plans:' .. line.scope, {}, '-inf', '+inf'
    local length = rolling(line.period)
    if length then
        first = tonumber(line.bucket) - length - 3600
    elseif line.period ~= 'total' then
        first = tonumber(line.first) - 3600
        last = tonumber(line.resets_at or '') or '+inf'
    end
    for _, sha in ipairs(redis.call('ZRANGEBYSCORE', key, first, last)) do
        local text = redis.call('GET', P .. 'plan:' .. sha)
        local plan = text and cjson.decode(text)
        local bucket = plan and seed_bucket(line, tonumber(plan.hour), whole)
        for _, own in ipairs(plan and plan.lines or {}) do
            if own.scope == line.scope and own.period == line.period then bucket = nil end
        end
        if bucket then
            local held = redis.call('HGET', P .. 'open', sha) or '0'
            found[#found + 1] = {sha = sha, plan = plan, bucket = bucket, held = held}
        end
    end
    return found
end
-- Create the first cells of a window; existing leases are counted on them from now on.
local function start(line, key)
    local known = redis.call('EXISTS', key) == 1
    local before = earlier(line, known)
    for bucket, one in pairs(past(line, known)) do
        begin(line, key, bucket, one[1])
        if one[2] > 0 then redis.call('HSET', key, bucket .. ':r', one[2]) end
    end
    for _, one in ipairs(before) do
        if redis.call('HEXISTS', key, one.bucket .. ':s') == 0 then
            begin(line, key, one.bucket, '0')
        end
        local field = one.bucket .. ':h'
        redis.call('HSET', key, field, sum(redis.call('HGET', key, field) or '0', one.held))
        one.plan.lines[#one.plan.lines + 1] = {
            scope = line.scope, period = line.period, bucket = one.bucket, first = line.first,
            last = line.last, resets_at = line.resets_at,
        }
        set_kept(P .. 'plan:' .. one.sha, cjson.encode(one.plan))
    end
end
-- Return what the line's window has spent and holds; create the counter if needed.
local function window(line, now_s)
    local key = cell(line)
    local sh, sl, hh, hl, used, here = sums(line, key)
    if not used and not line.fixed then
        start(line, key)
        sh, sl, hh, hl, used, here = sums(line, key)
    end
    if not here then
        tidy(key, now_s)
        begin(line, key, line.bucket, '0')
    end
    local gone = over(line, line.bucket)
    if gone then keep(key, gone - now_s + DAY) end
    return sh, sl, hh, hl
end
-- Return the same figures without creating anything.
local function figures(line)
    local key = cell(line)
    local sh, sl, hh, hl, used = sums(line, key)
    if used or line.fixed then return sh, sl, hh, hl end
    local known = redis.call('EXISTS', key) == 1
    for _, one in pairs(past(line, known)) do sh, sl = plus(sh, sl, one[1]) end
    for _, one in ipairs(earlier(line, known)) do hh, hl = plus(hh, hl, one.held) end
    return sh, sl, hh, hl
end
-- Record the scopes of a plan's leases; entries of deleted plans are removed.
local function know(plan, sha, now_s)
    for _, scope in ipairs(plan.scopes) do
        local key = P .. 'plans:' .. scope
        local some = math.floor(now_s * 1000000) % math.max(1, redis.call('ZCARD', key))
        for _, place in ipairs({some, 0}) do
            local old = redis.call('ZRANGE', key, place, place)[1]
            if old and redis.call('EXISTS', P .. 'plan:' .. old) == 0 then
                redis.call('ZREM', key, old)
            end
        end
        redis.call('ZADD', key, plan.hour, sha)
        keep(key, 400 * DAY)
    end
end

local function count(plan, spent, requests, expired, failed, into, out)
    local usage = P .. 'usage:' .. plan.hour
    for _, scope in ipairs(plan.scopes) do
        local row = scope .. '\\n' .. plan.activity .. '\\n'
        stage(usage, row .. 'spent', spent)
        stage(usage, row .. 'requests', requests)
        stage(usage, row .. 'expired', expired)
        stage(usage, row .. 'failed', failed)
        stage(usage, row .. 'bytes_in', into)
        stage(usage, row .. 'bytes_out', out)
        stage(usage, row .. 'changes', '1')
        -- An hour is listed even if everything in it cost nothing.
        redis.call('HSETNX', P .. 'spent:' .. scope, plan.hour, '0')
        stage(P .. 'spent:' .. scope, plan.hour, spent)
    end
end
local function keep_usage(plan)
    redis.call('ZADD', P .. 'hours', plan.hour, plan.hour)
    keep(P .. 'usage:' .. plan.hour, 400 * DAY)
    for _, scope in ipairs(plan.scopes) do keep(P .. 'spent:' .. scope, 400 * DAY) end
end
local function add(plan, held, spent, calls_held, calls_spent)
    for _, line in ipairs(plan.lines) do
        local key = cell(line)
        if redis.call('HEXISTS', key, line.bucket .. ':s') == 0 then
            -- Its window ended long ago, before anything expired the lease.
        elseif line.fixed then
            stage(key, line.bucket .. ':h', times(calls_held, line.fixed))
            stage(key, line.bucket .. ':s', times(calls_spent, line.fixed))
        else
            stage(key, line.bucket .. ':h', held)
            stage(key, line.bucket .. ':s', spent)
        end
    end
end
local function lease_of(number)
    local got = redis.call(
        'HMGET', P .. 'lease:' .. number, 'plan', 'nano', 'state', 'resets', 'key')
    if not got[1] then return nil end
    local lease = {
        number = number, plan = got[1], nano = got[2], state = tonumber(got[3]),
        resets = tonumber(got[4] or '0'), key = got[5] or nil,
    }
    lease.text = redis.call('GET', P .. 'plan:' .. lease.plan)
    return lease
end
local function over_now(lease, state)
    local key = P .. 'lease:' .. lease.number
    redis.call('HSET', key, 'state', state, 'resets', redis.call('HGET', S, 'resets'))
    redis.call('ZREM', P .. 'due', lease.number)
    redis.call('ZREM', P .. 'held', lease.number)
    redis.call('EXPIRE', key, DAY + 60)
    if lease.key then redis.call('EXPIRE', P .. 'key:' .. lease.key, DAY + 60) end
    if lease.state == 0 then
        if redis.call('HINCRBY', P .. 'uses', lease.plan, -1) <= 0 then
            redis.call('HDEL', P .. 'uses', lease.plan)
            redis.call('HDEL', P .. 'open', lease.plan)
        end
    end
    if redis.call('HEXISTS', P .. 'uses', lease.plan) == 0 then
        redis.call('EXPIRE', P .. 'plan:' .. lease.plan, 2 * DAY)
    end
end
local function expire(lease)
    local plan = cjson.decode(lease.text)
    staged, order = {}, {}
    add(plan, negated(lease.nano), lease.nano, -1, 1)
    stage(P .. 'open', lease.plan, negated(lease.nano))
    count(plan, lease.nano, '1', '1', '0', '0', '0')
    write()
    keep_usage(plan)
    over_now(lease, 3)
end
local function shown(lease, now_s)
    local due = redis.call('ZSCORE', P .. 'due', lease.number)
    local left = due and tostring(tonumber(due) - now_s) or '0'
    return {'lease', lease.number, lease.nano, lease.state, left, lease.key or false, lease.text}
end

if redis.call('HGET', S, 'identity') ~= ARGV[1] then return {'lost'} end
"""

OPEN = """
local P = KEYS[1]
local S = P .. 'state'
if redis.call('EXISTS', S) == 0 then
    redis.call('HSET', S, 'identity', ARGV[1], 'version', ARGV[2], 'revision', '0', 'resets', '0',
        'leases', '0')
end
if redis.call('HGET', S, 'version') == '1' then
    -- Counters of money of version 1 are dropped, because some of them were too low: when they
    -- are used they start again from usage rows and open leases.
    for _, key in ipairs(redis.call('KEYS', P .. 'cell:*')) do
        if not string.find(key, '\\ncalls/', 1, true) then redis.call('DEL', key) end
    end
    for _, key in ipairs(redis.call('KEYS', P .. 'plan:*')) do
        local plan, lines = cjson.decode(redis.call('GET', key)), {}
        for _, line in ipairs(plan.lines) do
            if line.fixed then lines[#lines + 1] = line end
        end
        plan.lines = lines
        local left = redis.call('PTTL', key)
        redis.call('SET', key, cjson.encode(plan))
        if left > 0 then redis.call('PEXPIRE', key, left) end
        for _, scope in ipairs(plan.scopes) do
            redis.call('ZADD', P .. 'plans:' .. scope, plan.hour, string.sub(key, #P + 6))
        end
    end
    for _, number in ipairs(redis.call('ZRANGE', P .. 'held', 0, -1)) do
        local lease = redis.call('HMGET', P .. 'lease:' .. number, 'plan', 'nano')
        if lease[1] then redis.call('HINCRBY', P .. 'open', lease[1], lease[2]) end
    end
    redis.call('HSET', S, 'version', ARGV[2], 'revision', redis.call('HGET', S, 'revision') + 1)
end
return redis.call('HMGET', S, 'identity', 'version')
"""

RESERVE = (
    _COMMON
    + """
local text, sha, revision, nano, ttl, key = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local present = redis.call('HGET', S, 'revision')
if present ~= revision then return {'outdated', present} end
local now_s = now()
if key then
    local number = redis.call('GET', P .. 'key:' .. key)
    local lease = number and lease_of(number)
    if lease then return shown(lease, now_s) end
end
local kept = redis.call('GET', P .. 'plan:' .. sha)
local plan = cjson.decode(kept or text)
local nh, nl = parse(nano)
local told = {}
for i, line in ipairs(plan.lines) do
    local sh, sl, hh, hl = window(line, now_s)
    local th, tl = norm(sh + hh, sl + hl)
    local ah, al = th, tl
    if line.fixed then ah, al = plus(th, tl, line.fixed) else ah, al = norm(th + nh, tl + nl) end
    if line.limit then
        local lh, ll = parse(line.limit)
        if more(ah, al, lh, ll) then return {'refused', i, show(sh, sl), show(hh, hl)} end
    end
    if line.warn then
        local wh, wl = parse(line.warn)
        if not more(wh, wl, ah, al) then
            if line.fixed then
                hh, hl = plus(hh, hl, line.fixed)
            else
                hh, hl = norm(hh + nh, hl + nl)
            end
            told[#told + 1] = {i, show(sh, sl), show(hh, hl)}
        end
    end
end
add(plan, nano, '0', 1, 0)
stage(P .. 'open', sha, nano)
if not fits() then return {'overflow'} end
write()
local number = string.format('%.0f', redis.call('HINCRBY', S, 'leases', 1))
local lease = P .. 'lease:' .. number
redis.call('HSET', lease, 'plan', sha, 'nano', nano, 'state', 0)
redis.call('ZADD', P .. 'due', string.format('%.6f', now_s + tonumber(ttl)), number)
redis.call('ZADD', P .. 'held', number, number)
if key then
    redis.call('HSET', lease, 'key', key)
    redis.call('SET', P .. 'key:' .. key, number)
end
if kept then
    -- While a lease is held its plan is needed, however late the lease ends.
    redis.call('PERSIST', P .. 'plan:' .. sha)
else
    redis.call('SET', P .. 'plan:' .. sha, text)
    know(plan, sha, now_s)
end
redis.call('HINCRBY', P .. 'uses', sha, 1)
for _, line in ipairs(plan.lines) do
    if line.resets_at then keep(cell(line), tonumber(ttl) + DAY) end
end
return {'held', number, told}
"""
)

END = (
    _COMMON
    + """
local lease = lease_of(ARGV[2])
if not lease or not lease.text then return {'gone'} end
if lease.state == 1 or lease.state == 2 then return {'was', lease.state} end
local nano, after = ARGV[3], tonumber(ARGV[4])
local plan = cjson.decode(lease.text)
local given_back = after == 1 and 0 or -1
local counted = true
if lease.state == 0 then
    add(plan, negated(lease.nano), nano, -1, 1 + given_back)
    stage(P .. 'open', lease.plan, negated(lease.nano))
    if after == 1 then
        count(plan, nano, ARGV[5], '0', ARGV[6], ARGV[7], ARGV[8])
    else
        counted = false
    end
else
    local delta = sum(nano, negated(lease.nano))
    for _, line in ipairs(plan.lines) do
        local key = cell(line)
        local found = redis.call('HMGET', key, line.bucket .. ':s', line.bucket .. ':r')
        -- What was reset since is not credited again.
        if found[1] and tonumber(found[2] or '0') <= lease.resets then
            if line.fixed then
                stage(key, line.bucket .. ':s', times(given_back, line.fixed))
            else
                stage(key, line.bucket .. ':s', delta)
            end
        end
    end
    for _, scope in ipairs(plan.scopes) do
        local key = P .. 'forgiven:' .. scope
        for _, field in ipairs(redis.call('HKEYS', key)) do
            local hour, period = string.match(field, '^(-?%d+)\\n([^\\n]+)$')
            if hour == plan.hour then
                local _, reset = forgiven(scope, period, hour)
                if reset > lease.resets then stage(key, field, delta) end
            end
        end
    end
    local asked = after == 1 and sum(ARGV[5], '-1') or '-1'
    count(plan, delta, asked, '-1', ARGV[6], ARGV[7], ARGV[8])
end
if not fits() then return {'overflow'} end
write()
if counted then keep_usage(plan) end
over_now(lease, after)
return {'was', lease.state}
"""
)

RENEW = (
    _COMMON
    + """
local lease = lease_of(ARGV[2])
if not lease or not lease.text then return {'gone'} end
if lease.state == 0 then
    local ttl = tonumber(ARGV[3])
    redis.call('ZADD', P .. 'due', string.format('%.6f', now() + ttl), lease.number)
    for _, line in ipairs(cjson.decode(lease.text).lines) do
        if line.resets_at then keep(cell(line), ttl + DAY) end
    end
end
return {'was', lease.state}
"""
)

FIND = (
    _COMMON
    + """
local lease = lease_of(ARGV[2])
if not lease or not lease.text then return {'gone'} end
return shown(lease, now())
"""
)

CHARGE = (
    _COMMON
    + """
local name = P .. 'charge:' .. ARGV[3]
if redis.call('EXISTS', name) == 1 then return {'known'} end
local plan = cjson.decode(ARGV[2])
local present = redis.call('HGET', S, 'revision')
if present ~= plan.revision then return {'outdated', present} end
local now_s = now()
for _, line in ipairs(plan.lines) do window(line, now_s) end
add(plan, '0', ARGV[4], 0, 1)
count(plan, ARGV[4], ARGV[5], '0', ARGV[6], ARGV[7], ARGV[8])
if not fits() then return {'overflow'} end
write()
keep_usage(plan)
redis.call('SET', name, '1', 'EX', DAY + 60)
return {'charged'}
"""
)

EXPIRE = (
    _COMMON
    + """
local due = redis.call(
    'ZRANGEBYSCORE', P .. 'due', '-inf', string.format('%.6f', now()), 'LIMIT', 0, 200)
for _, number in ipairs(due) do
    local lease = lease_of(number)
    if lease and lease.text then
        expire(lease)
    else
        redis.call('ZREM', P .. 'due', number)
        redis.call('ZREM', P .. 'held', number)
    end
end
return {'expired', #due}
"""
)

TOTALS = (
    _COMMON
    + """
local answer = {'totals'}
for _, line in ipairs(cjson.decode(ARGV[2]).lines) do
    local sh, sl, hh, hl = figures(line)
    answer[#answer + 1] = {show(sh, sl), show(hh, hl)}
end
return answer
"""
)

RESET = (
    _COMMON
    + """
local line = cjson.decode(ARGV[2]).lines[1]
local resets = redis.call('HINCRBY', S, 'resets', 1)
local key = cell(line)
if redis.call('EXISTS', key) == 0 then
    local total = '0'
    for hour, spent in pairs((spent_hours(line))) do
        local before, _, field = forgiven(line.scope, line.period, hour)
        total = sum(total, sum(spent, negated(before)))
        redis.call('HSET', P .. 'forgiven:' .. line.scope, field, spent, field .. '\\nr', resets)
        keep(P .. 'forgiven:' .. line.scope, 400 * DAY)
    end
    return {'reset', total}
end
local sh, sl = window(line, now())
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
    local bucket = string.match(all[i], '^(-?%d+):s$')
    if bucket and tonumber(bucket) >= tonumber(line.first)
        and tonumber(bucket) <= tonumber(line.last) then
        redis.call('HSET', key, all[i], '0', bucket .. ':r', resets)
    end
end
return {'reset', show(sh, sl)}
"""
)

LEASES = (
    _COMMON
    + """
local answer, now_s = {'leases'}, now()
for _, number in ipairs(redis.call('ZRANGE', P .. 'held', 0, tonumber(ARGV[2]) - 1)) do
    local lease = lease_of(number)
    if lease and lease.text then answer[#answer + 1] = shown(lease, now_s) end
end
return answer
"""
)

UPDATE = (
    _COMMON
    + """
local kind, name, expected, after = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = P .. 'record:' .. kind
local before = redis.call('HGET', key, name)
if (before and '=' .. before or '-') ~= expected then return {'changed'} end
if after == '-' then
    redis.call('HDEL', key, name)
else
    redis.call('HSET', key, name, string.sub(after, 2))
end
if kind == 'budget' or kind == 'scope' then redis.call('HINCRBY', S, 'revision', 1) end
return {'done'}
"""
)
