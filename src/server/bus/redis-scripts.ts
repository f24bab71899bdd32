import { defineScript } from "./redis.ts";

// What a run is made of: a stream of the events of each attempt, `<run>:<attempt>`; the number of the last attempt, if
// it is not the first, `<run>:attempts`; how it ended, `<run>:end`. Attempts are apart because the events of an earlier
// one may be written later, and a stream can only be added to at its end.
//
// What a thread is made of: a sorted set of `<entry> <kind> <run>`, by the time when it was added, and a hash of the
// entries, `<thread>:entries`.

const RUNS = `
local function attemptsOf(run)
  return tonumber(redis.call('GET', run .. ':attempts') or 1)
end
`;

const TIME = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Adds events, ends and entries. A number that is not higher than the last one of its stream is there already.
 *
 * KEYS: of each stream its run; of each end its run; of each entry its thread. ARGV: how many ms a run may be silent,
 * retention in ms, how many streams, ends and entries; then of each stream its attempt, how many events, and number,
 * name and data of each; of each end its JSON; of each entry its id, kind, run and JSON.
 */
export const APPEND = defineScript(`${RUNS}${TIME}
local silence, retention = ARGV[1], ARGV[2]
local key, arg = 0, 6

for _ = 1, tonumber(ARGV[3]) do
  key = key + 1
  local run, attempt = KEYS[key], ARGV[arg]
  local stream = run .. ':' .. attempt
  local isLonger = false
  local last = arg + 1 + 3 * tonumber(ARGV[arg + 1])
  for at = arg + 2, last, 3 do
    local added = redis.pcall('XADD', stream, ARGV[at], 'e', ARGV[at + 1], 'd', ARGV[at + 2])
    if type(added) == 'string' then
      isLonger = true
    elseif not string.find(added.err, 'equal or smaller', 1, true) then
      return added
    end
  end
  arg = last + 1
  if isLonger then
    local left = redis.call('EXISTS', run .. ':end') == 1 and retention or silence
    redis.call('PEXPIRE', stream, left)
    if attempt ~= '1' then
      redis.call('SET', run .. ':attempts', math.max(attempt, attemptsOf(run)), 'PX', left)
    end
  end
end

for _ = 1, tonumber(ARGV[4]) do
  key = key + 1
  local run = KEYS[key]
  redis.call('SET', run .. ':end', ARGV[arg], 'NX', 'PX', retention)
  for attempt = 1, attemptsOf(run) do redis.call('PEXPIRE', run .. ':' .. attempt, retention) end
  redis.call('PEXPIRE', run .. ':attempts', retention)
  arg = arg + 1
end

local function partsOf(member)
  return string.match(member, '^(%S+) (%S+) (.*)$')
end

-- What belongs to runs that ended longer ago than the retention, and states that are older.
local function removeOld(thread)
  local old = redis.call('ZRANGEBYSCORE', thread, '-inf', '(' .. now - retention)
  local ended = {}
  for _, member in ipairs(old) do
    local _, kind, run = partsOf(member)
    if kind == 'run_ended' then ended[run] = true end
  end
  for _, member in ipairs(old) do
    local id, kind, run = partsOf(member)
    if kind == 'state_updated' or ended[run] then
      redis.call('ZREM', thread, member)
      redis.call('HDEL', thread .. ':entries', id)
    end
  end
end

-- The end of a run may be told after the beginning of the next one.
local function isLatest(thread, run)
  for _, member in ipairs(redis.call('ZREVRANGE', thread, 0, 9)) do
    local _, kind, other = partsOf(member)
    if kind == 'run_began' then return other == run end
  end
  return true
end

local function keep(thread, ms)
  redis.call('PEXPIRE', thread, ms)
  redis.call('PEXPIRE', thread .. ':entries', ms)
end

for _ = 1, tonumber(ARGV[5]) do
  key = key + 1
  local thread, id, kind, run = KEYS[key], ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
  if redis.call('HSETNX', thread .. ':entries', id, ARGV[arg + 3]) == 1 then
    redis.call('ZADD', thread, now, id .. ' ' .. kind .. ' ' .. run)
    if kind == 'run_began' then
      removeOld(thread)
      keep(thread, silence)
    elseif kind == 'run_ended' and isLatest(thread, run) or redis.call('PTTL', thread) < tonumber(retention) then
      keep(thread, retention)
    end
  end
  arg = arg + 4
end
`);

/**
 * Takes events of a run after a number and up to an id: at least one, if there is one, and more up to so many bytes.
 * Returns how many bytes they have, and whether they are all.
 */
const TAKE = `${RUNS}
local MAX_EVENTS = 1000
local SPAN = 4294967296
local function take(out, run, after, upTo, maxBytes)
  local count, bytes, size = 0, 0, 4
  local first = math.floor(after / SPAN) + 1
  for attempt = first, math.max(first, attemptsOf(run)) do
    local stream, from = run .. ':' .. attempt, attempt == first and after .. '-1' or '-'
    repeat
      local page = redis.call('XRANGE', stream, from, upTo, 'COUNT', size)
      local isLast = #page < size
      for _, entry in ipairs(page) do
        if bytes >= maxBytes or count == MAX_EVENTS then return bytes, false end
        local id, fields = entry[1], entry[2]
        out[#out + 1] = id
        out[#out + 1] = fields[2]
        out[#out + 1] = fields[4]
        bytes = bytes + #fields[4]
        count = count + 1
        -- An event has the id <number>-0, so this is after it and before the next one.
        from = string.sub(id, 1, -2) .. '1'
      end
      size = math.min(size * 2, 256)
    until isLast
  end
  return bytes, true
end
`;

/** KEYS: the run. ARGV: after and up to which number, and most bytes. */
export const READ = defineScript(`${TAKE}
local out = {}
take(out, KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]))
return out
`);

/**
 * Tells of each run that has any: its place among those asked for, whether these are all its events, its end, and
 * the events. KEYS: runs. ARGV: most bytes of one run, and of all; then of each after which number, nothing for no
 * events.
 */
export const READ_NEWS = defineScript(`${TAKE}
local news = {}
local perRun, left = tonumber(ARGV[1]), tonumber(ARGV[2])
for at, run in ipairs(KEYS) do
  local after, events, bytes, isAll = ARGV[at + 2], {}, 0, true
  if after ~= '' then
    bytes, isAll = take(events, run, after, '+', math.max(1, math.min(perRun, left)))
    left = left - bytes
  end
  local ended = redis.call('GET', run .. ':end')
  if #events > 0 or ended then news[#news + 1] = { at - 1, isAll and 1 or 0, ended, events } end
end
return news
`);

/** The ids of the last events of the runs that are KEYS; nothing for one without any. */
export const READ_LAST = defineScript(`${RUNS}
local last = {}
for at, run in ipairs(KEYS) do
  last[at] = false
  for attempt = attemptsOf(run), 1, -1 do
    local entry = redis.call('XREVRANGE', run .. ':' .. attempt, '+', '-', 'COUNT', 1)[1]
    if entry then
      last[at] = entry[1]
      break
    end
  end
end
return last
`);

/**
 * Place of the thread among those asked for, and JSON, of each entry. KEYS: threads. ARGV: how recently entries must
 * have been added, in ms; nothing for all.
 */
export const READ_THREADS = defineScript(`${TIME}
local from = '-inf'
if ARGV[1] ~= '' then from = '(' .. now - ARGV[1] end
local entries = {}
for at, thread in ipairs(KEYS) do
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', thread, from, '+inf')) do
    local entry = redis.call('HGET', thread .. ':entries', string.match(member, '^%S+'))
    if entry then entries[#entries + 1] = { at - 1, entry } end
  end
end
return entries
`);
