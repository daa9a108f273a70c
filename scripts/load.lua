-- wrk's part of scripts/load.sh: posts the picture named after `--`, and counts the statuses of the answers.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = "image/jpeg"
  file:close()
  answered, refused, others = 0, 0, 0
end

function response(status)
  if status == 200 then
    answered = answered + 1
  elseif status == 429 then
    refused = refused + 1
  else
    others = others + 1
  end
end

function done(summary, latency)
  local sum = { answered = 0, refused = 0, others = 0 }
  for _, thread in ipairs(threads) do
    for name, count in pairs(sum) do
      sum[name] = count + thread:get(name)
    end
  end
  local errors = summary.errors
  -- wrk counts every status above 399 as an error: `others` are those that count here.
  io.write(string.format("answered=%d refused=%d others=%d socket_errors=%d\n", sum.answered, sum.refused, sum.others,
    errors.connect + errors.read + errors.write + errors.timeout))
end
