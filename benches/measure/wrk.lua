-- Tells wrk what to send (from the environment) and to print its figures as one line of JSON.

wrk.headers["Host"] = "localhost"
for name, value in (os.getenv("BENCH_HEADERS") or ""):gmatch("([^\n:]+): ([^\n]+)") do
   wrk.headers[name] = value
end

local size = tonumber(os.getenv("BENCH_POST_BYTES") or "0")
if size > 0 then
   wrk.method = "POST"
   wrk.body = string.rep("z", size)
end

done = function(summary, latency, requests)
   local e = summary.errors
   local errors = {}
   for _, kind in ipairs({"connect", "read", "write", "status", "timeout"}) do
      if e[kind] > 0 then
         table.insert(errors, string.format("%d %s", e[kind], kind))
      end
   end
   io.write(string.format(
      '\n@{"requests": %d, "seconds": %.6f, "bytes": %d, "errors": "%s", "p50_us": %d, "p99_us": %d}\n',
      summary.requests, summary.duration / 1e6, summary.bytes, table.concat(errors, ", "),
      latency:percentile(50), latency:percentile(99)))
end
