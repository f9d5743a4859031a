-- Token requests for wrk, over and over, each with the next body of some lines of a file.
-- Arguments: a file with one form body a line, how many lines to skip at first, how many to use. The file's end is
-- followed by its beginning.

local requests = {}
local count = 0
local position = 0

function init(arguments)
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  local bodies = {}
  for body in io.lines(arguments[1]) do
    bodies[#bodies + 1] = body
  end
  local skip = tonumber(arguments[2])
  count = math.min(tonumber(arguments[3]), #bodies)
  for number = 1, count do
    requests[number] = wrk.format("POST", nil, headers, bodies[(skip + number - 1) % #bodies + 1])
  end
  -- What it took to get ready is no part of the load.
  io.write(string.format('{"prepared_cpu_s":%.3f}\n', os.clock()))
end

function request()
  position = position % count + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
