#!/usr/bin/env bash
# Holds a training step of `ocelli-train` to its promise beside PyTorch: the same network, batch and threads.
#
#   scripts/training_speed.sh
#   ROUNDS=9 STEPS=5 THREADS=4 scripts/training_speed.sh   # 5 rounds of 5 steps on 2 threads without them
#   NETWORK=yolov3 BATCH=2 scripts/training_speed.sh       # yolov3-tiny, batch 8, 416×416 without them
#   PEERS_DIR=/opt/torch scripts/training_speed.sh         # a virtual environment with PyTorch; else one is made
#
# A step is forward, the sum of squares of all outputs, backward and SGD with momentum, in f32. Whole processes,
# interleaved. What other programs do meanwhile shows in the figures: run it alone.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OCELLI_TRAIN=${OCELLI_TRAIN:-target/release/ocelli-train}

compare() {
    "$python" scripts/training_speed.py compare --ocelli "$OCELLI_TRAIN" --rounds "${ROUNDS:-5}" \
        --steps "${STEPS:-5}" --threads "${THREADS:-2}" --network "${NETWORK:-yolov3-tiny}" \
        --batch "${BATCH:-8}" --size "${SIZE:-416}"
}

if [[ -n ${PEERS_DIR:-} ]]; then
    python=$PEERS_DIR/bin/python
else
    environment training-speed torch==2.15.0 numpy==2.4.6
fi
check "a step takes at most 1.5 times that of PyTorch" compare
