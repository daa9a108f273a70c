#!/usr/bin/env bash
# Loads the server with four times what it takes, stops it amid requests, and measures what HTTP adds to detection.
#
#   scripts/load.sh
#   DURATION=10 scripts/load.sh     # seconds of load, 60 without it
#
# Only on the loopback interface. The load generator runs on the same processors, so the rate is no benchmark.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DURATION=${DURATION:-60}
WORKERS=2
QUEUE=4
CONNECTIONS=$((4 * (WORKERS + QUEUE)))
WARM_UP=15 # seconds of load before it counts: until then, memory goes to what stays
SAMPLES=30 # of the memory, in the time of the load

# Samples the server's resident memory, in KiB, until it is killed.
watch_memory() {
    while [[ -d /proc/$server ]]; do
        awk '/^VmRSS:/ { print $2 }' "/proc/$server/status" >>"$work/memory"
        sleep "$(awk "BEGIN { print $DURATION / $SAMPLES }")"
    done
}

# load SECONDS: posts the picture over all connections.
load() {
    wrk --threads 2 --connections "$CONNECTIONS" --duration "${1}s" --timeout 30s --script scripts/load.lua \
        "$url/api/v1/detect" -- "$PICTURE"
}

overload() {
    local watcher answered refused others socket_errors
    load "$WARM_UP" >"$work/wrk"
    watch_memory &
    watcher=$!
    load "$DURATION" >"$work/wrk"
    kill "$watcher"
    wait "$watcher" 2>/dev/null || true
    read -r answered refused others socket_errors < <(sed -n 's/[a-z_]*=\([0-9]*\)/\1/gp' "$work/wrk" | tail -n 1)
    echo "$CONNECTIONS connections for $WORKERS workers and $QUEUE places to wait, $DURATION s"
    echo "$answered × 200 ($((answered / DURATION)) a second), $refused × 429, $others others, $socket_errors socket errors"
    ((answered > 0 && refused > 0 && others == 0 && socket_errors == 0))
}

overhead() {
    python3 scripts/load.py overhead "$url" "$PICTURE" "$OCELLI" detect --model "$model"
}

steady_memory() {
    python3 scripts/load.py steady "$work/memory"
}

drain() {
    python3 scripts/load.py drain "$url" "$server" "$PICTURE"
}

debian wrk wrk
need_model
start_server --workers "$WORKERS" --queue "$QUEUE" --drain-delay 1
check "HTTP adds at most 3 ms to detection" overhead
check "an overloaded server answers 200 or 429, and nothing is lost" overload
check "its memory does not grow" steady_memory
check "no request is lost when it is told to stop" drain
check "it ended well" ended_well
