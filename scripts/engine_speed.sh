#!/usr/bin/env bash
# Measures `ocelli bench` beside ncnn, MNN, OpenVINO and onnxruntime on the same networks, and writes what came of it into
# README.md and docs/engine_speed.svg.
#
#   scripts/engine_speed.sh
#   scripts/engine_speed.sh --quick                      # fewer rounds; README.md and docs/ stay as they are
#   MODELS="yolov3-tiny-416" scripts/engine_speed.sh     # some of the models; all of them are named below
#   ROUNDS=15 THREADS="2" BATCHES="1" scripts/engine_speed.sh
#   PEERS_DIR=/opt/peers scripts/engine_speed.sh         # a virtual environment with the engines; else one is made
#
# All of it takes about an hour on two cores; batches of 8 take most of that.
# yolov3 and yolov3-tiny have random weights, always the same; models, conversions and figures stay in target/engine-speed.
# What other programs do meanwhile shows in the figures: run it alone.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OUT=target/engine-speed
MODELS=${MODELS:-yolo-fastest-1.1-xl-320 yolov3-tiny-416 yolov3-320 yolov3-416 yolov3-608}
read -ra models <<<"$MODELS"
read -ra threads <<<"${THREADS:-1 2}"
read -ra batches <<<"${BATCHES:-1 8}"
options=(--rounds "${ROUNDS:-5}" --publish)
[[ ${1:-} != --quick ]] || options=(--rounds "${ROUNDS:-2}")

# make_model NAME: NAME-SIDE.onnx of its cfg at that side; the file's own weights where there are any, else random ones.
make_model() {
    local network=${1%-*} side=${1##*-} cfg weights
    [[ ! -e $OUT/$1.onnx ]] || return 0
    cfg=$(find "$DATA/cfg" "$DATA/yolo-fastest" -name "$network.cfg" | head -n 1)
    if [[ -z $cfg ]]; then
        echo "there is no $network.cfg below $DATA: OCELLI_TEST_DATA has to name the folder of the test data"
        return 1
    fi
    sed "s/^ *width *=.*/width=$side/; s/^ *height *=.*/height=$side/" "$cfg" >"$work/$network.cfg"
    weights=(--random-weights 1)
    [[ ! -r ${cfg%.cfg}.weights ]] || weights=(--weights "${cfg%.cfg}.weights")
    "$OCELLI" convert --cfg "$work/$network.cfg" "${weights[@]}" --names "$DATA/data/coco.names" -o "$OUT/$1.onnx"
}

# quantize NAME: to int8, by the pictures of the test data; all of it, as what is measured is the speed of integers.
quantize() {
    [[ -e $OUT/$1.int8.onnx ]] ||
        "$OCELLI" quantize "$OUT/$1.onnx" --calibrate "$DATA/data" --float-share 0 -o "$OUT/$1.int8.onnx"
}

# to_ncnn NAME: by pnnx, without its habit of halving the weights.
to_ncnn() {
    local side=${1##*-}
    [[ ! -e $OUT/$1.ncnn.bin ]] || return 0
    cp "$OUT/$1.onnx" "$work/pnnx.onnx"
    (cd "$work" && "$bin/pnnx" pnnx.onnx "inputshape=[1,3,$side,$side]" fp16=0) >"$work/log" 2>&1 || tail "$work/log"
    mv "$work/pnnx.ncnn.param" "$OUT/$1.ncnn.param" && mv "$work/pnnx.ncnn.bin" "$OUT/$1.ncnn.bin" && rm "$work"/pnnx*
}

to_mnn() {
    [[ -e $OUT/$1.mnn ]] ||
        "$bin/mnnconvert" -f ONNX --modelFile "$OUT/$1.onnx" --MNNModel "$OUT/$1.mnn" --bizCode ocelli >"$work/log" 2>&1 ||
        { tail "$work/log" && return 1; }
}

compare() {
    "$python" scripts/engine_speed.py compare "${models[@]/#/$OUT/}" "${options[@]}" --ocelli "$OCELLI" --out "$OUT" \
        --threads "${threads[@]}" --batches "${batches[@]}"
}

[[ -x $OCELLI ]] || die "there is no program at $OCELLI: build it with \`cargo build --release\`, or name one with OCELLI"
if [[ -n ${PEERS_DIR:-} ]]; then
    python=$PEERS_DIR/bin/python
else
    environment engine-speed numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 ncnn==1.0.20261020 \
        pnnx==20261020 MNN==3.6.1
    # The converters ask for one that this onnx cannot be read with.
    "$python" -m pip install --quiet --disable-pip-version-check protobuf==7.36.2 2>"$work/pip" || die "$(cat "$work/pip")"
fi
bin=$(realpath "$(dirname "$python")")
mkdir -p "$OUT"
for model in "${models[@]}"; do
    check "$model is made" make_model "$model"
    check "$model is quantised" quantize "$model"
    check "$model is converted for ncnn" to_ncnn "$model"
    check "$model is converted for MNN" to_mnn "$model"
done
models=("${models[@]/%/.onnx}")
check "the engines are measured" compare
