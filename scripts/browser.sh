#!/usr/bin/env bash
# Uses the playground and the API's documentation as a visitor would, in Chromium without a window.
#
#   scripts/browser.sh
#   OUT=/tmp/pictures scripts/browser.sh     # where the screenshots go, target/screenshots without it
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OUT=${OUT:-target/screenshots}

browse() {
    "$python" scripts/browser.py "$1" "$(command -v chromium)" "$url" "$PICTURE" "$OUT"
}

debian chromium chromium
environment playwright playwright==1.65.2
need_model
mkdir -p "$OUT"
start_server --drain-delay 0
check "the playground shows what the API answers" browse playground
check "its boxes follow the slider without another upload" browse slider
check "a file that is no picture is refused in words" browse refusal
check "it fits a dark room and a phone" browse looks
check "the documentation shows every operation" browse documentation
check "the server is well after all of them" stop_server
say "screenshots: $OUT"
