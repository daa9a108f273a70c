#!/usr/bin/env bash
# Uses the playground, the API's documentation and the report of an evaluation as a visitor would, in Chromium without a
# window.
#
#   scripts/browser.sh
#   OUT=/tmp/pictures scripts/browser.sh     # where the screenshots go, target/screenshots without it
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OUT=${OUT:-target/screenshots}
SAMPLE=models/samples/blood-31.jpg

# browse VISIT [URL FILE]: of the server with a picture, unless it is said of what.
browse() {
    "$python" scripts/browser.py "$1" "$(command -v chromium)" "${2:-$url}" "${3:-$PICTURE}" "$OUT"
}

# visit_report: measures the model on a small data set, and opens the report from the disk.
visit_report() {
    local data=$DATA/../detection/coco128 report
    report=$(realpath "$OUT")/report.html
    "$OCELLI" evaluate --data "$data" --model "$model" --report "$report" --json "$work/report.json" >/dev/null &&
        browse report "file://$report" "$work/report.json"
}

debian chromium chromium
environment playwright playwright==1.65.2
need_model
mkdir -p "$OUT"
check "the report of an evaluation stands by itself, and its figures agree" visit_report
start_server --drain-delay 0
check "the playground shows what the API answers" browse playground
check "its boxes follow the slider without another upload" browse slider
check "a file that is no picture is refused in words" browse refusal
check "it fits a dark room and a phone" browse looks
check "the documentation shows every operation" browse documentation
check "the server is well after all of them" stop_server
start_server --drain-delay 0 --model ocelli-bccd
check "sample pictures are offered with the model that they are for" browse choice
stop_server
model=
start_server --drain-delay 0 --models-dir "$work/none"
check "with nothing but the program, one click on a sample picture shows boxes" browse samples "$url" "$SAMPLE"
check "this server is well too" stop_server
say "screenshots: $OUT"
