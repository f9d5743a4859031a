-- Token requests for wrk, over and over, each with the next body of a file.
-- Arguments: a file with one form body a line, and how many lines to skip at first.

local requests = {}
local position

function init(arguments)
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
  position = tonumber(arguments[2]) % #requests
  -- What it took to get ready is no part of the load.
  io.write(string.format('{"prepared_cpu_s":%.3f}\n', os.clock()))
end

function request()
  position = position % #requests + 1
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
