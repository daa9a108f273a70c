#!/usr/bin/env bash
# Holds `ocelli evaluate` to its promise on CPU time and memory, beside vernier, hotcoco and pycocotools on one workload.
#
#   scripts/evaluation_speed.sh
#   ROUNDS=5 scripts/evaluation_speed.sh              # 15 without it
#   PEERS_DIR=/opt/peers scripts/evaluation_speed.sh  # where bin/vernier and bin/coco-eval are or are to be, else target/peers
#
# Whole processes, interleaved, from the same files. What other programs do meanwhile shows in the figures: run it alone.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ROUNDS=${ROUNDS:-15}
PEERS_DIR=${PEERS_DIR:-target/peers}
WORKLOAD=target/evaluation-workload

# peer PROGRAM CRATE VERSION: installs it unless it is there; if that fails, the comparison goes on without it.
peer() {
    [[ ! -x $PEERS_DIR/bin/$1 ]] || return 0
    say "building $2 $3"
    cargo install --quiet --locked --root "$PEERS_DIR" "$2@$3" >"$work/cargo" 2>&1 || tail -n 5 "$work/cargo"
}

# Written anew each time: it takes seconds, and is the workload of the script as it stands.
make_workload() {
    python3 scripts/evaluation_workload.py "$WORKLOAD"
}

compare() {
    python3 scripts/evaluation_speed.py compare --rounds "$ROUNDS" --ocelli "$OCELLI" --peers "$PEERS_DIR/bin" \
        --python "$python" "$WORKLOAD/truth.json" "$WORKLOAD/results.json"
}

peer vernier vernier-cli 0.6.0
peer coco-eval hotcoco-cli 1.3.1
environment evaluation-speed numpy==2.4.6 pycocotools==2.0.11
check "the workload" make_workload
check "all give the same numbers, ocelli with at most 0.9 of vernier's CPU time and memory" compare
