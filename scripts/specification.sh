#!/usr/bin/env bash
# Holds the running server to its own specification: Schemathesis makes thousands of requests of /openapi.json, proper
# and improper ones, and compares each answer with what the specification says of it.
#
#   scripts/specification.sh
#   SEED=7 scripts/specification.sh     # other requests
#
# Three rounds, for no one round can ask all: proper pictures must be answered 200 and nothing else; arbitrary bytes in
# place of pictures may be refused, in the ways that are specified; and a server with keys refuses whoever has none.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SEED=${SEED:-1}

# round OPTION...: one run of Schemathesis; its report matters only if something is wrong.
round() {
    local status=0
    "${python%/*}/schemathesis" --config-file scripts/specification.toml --no-color run "$url/openapi.json" --seed "$SEED" \
        --generation-database none "$@" >"$work/report" 2>&1 || status=$?
    if ((status == 0)); then
        grep -A 1 '^Test cases:' "$work/report" | tail -n 1 | sed 's/^ *//'
    else
        cat "$work/report"
    fi
    return "$status"
}

proper() {
    SCHEMATHESIS_HOOKS=scripts/specification.py OCELLI_URL=$url OCELLI_PICTURE=$PICTURE \
        round --max-examples 150
}

# Without the hooks, a string is any string: neither pictures nor names of classes, so nothing has to be accepted.
arbitrary() {
    round --max-examples 500 --exclude-checks positive_data_acceptance --warnings off
}

# Whatever is asked for, the answer is 401.
keyless() {
    round --max-examples 50 --include-path-regex '^/api/' \
        --exclude-checks positive_data_acceptance,negative_data_rejection --warnings off
}

environment schemathesis schemathesis==4.32.5 hypothesis==6.170.15
need_model
start_server --drain-delay 0
check "proper requests are answered 200, as specified" proper
check "arbitrary requests are answered as specified" arbitrary
check "the server is well after all of them" stop_server
start_server --drain-delay 0 --api-key secret
check "requests without a key are refused as specified" keyless
check "the server is well after all of them" stop_server
