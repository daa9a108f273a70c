# shellcheck shell=bash
# What the scripts that hold a running server to its promises have in common: they find the program, a model and a
# picture, start the server on a free port of the loopback interface, count what holds, and leave nothing running.
#
# To be sourced, after `set -euo pipefail`. The program is OCELLI, the test data lie in OCELLI_TEST_DATA.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

OCELLI=${OCELLI:-target/release/ocelli}
DATA=${OCELLI_TEST_DATA:-../shared/data}/darknet
PICTURE=$DATA/data/dog.jpg

work=$(mktemp -d)
model=$work/yolo.onnx
passed=0
failed=0
server= # the server's process id while it runs
url=    # where it listens

# --- Steps -----------------------------------------------------------------------------------------------------------

say() {
    printf '        %s\n' "$*"
}

# check TITLE COMMAND...: counts whether the command succeeds; what it prints stands below the title.
check() {
    local title=$1 start=$SECONDS verdict="ok    "
    shift
    if "$@" >"$work/check" 2>&1; then
        passed=$((passed + 1))
    else
        verdict=FAILED
        failed=$((failed + 1))
    fi
    echo "$verdict  $title ($((SECONDS - start)) s)"
    sed 's/^/        /' "$work/check"
}

# die MESSAGE...: for what makes it pointless to go on.
die() {
    printf '%s\n' "$@" >&2
    exit 1
}

clean_up() {
    local status=$?
    trap - EXIT
    [[ -z $server ]] || { kill -KILL "$server" && wait "$server"; } 2>/dev/null || true
    # A script that ends before its time has failed, whatever it had counted.
    ((status == 0 || failed > 0)) || failed=1
    echo "$passed passed, $failed failed"
    rm -rf "$work"
    exit $((failed > 0))
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- What is needed --------------------------------------------------------------------------------------------------

# debian PROGRAM PACKAGE: installs Debian's package unless the program is there.
debian() {
    command -v "$1" >/dev/null && return
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        die "$1 is missing; on Debian, install it with: apt-get install $2"
    fi
    say "installing $2"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$2"; } \
        >"$work/apt" 2>&1 || die "$(tail -n 5 "$work/apt")" "$2 could not be installed"
}

# environment NAME PACKAGE==VERSION...: sets `python` to the interpreter of a virtual environment with these packages,
# which stays under target/ for the next run.
environment() {
    local folder=target/venv-$1
    shift
    python=$folder/bin/python
    [[ $(cat "$folder/packages" 2>/dev/null) != "$*" ]] || return 0
    say "installing $*"
    rm -rf "$folder"
    { python3 -m venv "$folder" && "$python" -m pip install --quiet --disable-pip-version-check "$@"; } \
        >"$work/pip" 2>&1 || die "$(tail -n 5 "$work/pip")" "$* could not be installed"
    echo "$*" >"$folder/packages"
}

# need_model: makes the model that is served.
need_model() {
    local part weights=$DATA/yolo-fastest/yolo-fastest-1.1-xl names=$DATA/data/coco.names
    [[ -x $OCELLI ]] || die "there is no program at $OCELLI: build it with \`cargo build --release\`, or name one with OCELLI"
    for part in "$weights.cfg" "$weights.weights" "$names" "$PICTURE"; do
        [[ -r $part ]] || die "$part is missing: OCELLI_TEST_DATA has to name the folder of the test data"
    done
    "$OCELLI" convert --cfg "$weights.cfg" --weights "$weights.weights" --names "$names" --resize stretch -o "$model" \
        >"$work/convert" 2>&1 || die "$(cat "$work/convert")" "the model could not be converted"
}

# --- The server ------------------------------------------------------------------------------------------------------

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_server OPTION...: starts it without this shell's environment, which might hold options, and waits until it is
# ready. It serves `model`; where that is empty, what it serves by itself. Only warnings are logged: they are what
# `ended_well` looks for.
start_server() {
    local port
    port=$(free_port)
    url=http://127.0.0.1:$port
    env -i "$(realpath "$OCELLI")" serve ${model:+--model "$model"} --host 127.0.0.1 --port "$port" --log warn "$@" \
        2>"$work/server.log" &
    server=$!
    for _ in {1..300}; do
        ! "$OCELLI" healthcheck --url "$url/health/ready" 2>/dev/null || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    die "$(cat "$work/server.log")" "the server did not become ready"
}

# stop_server: stops it, and fails if it did not end well.
stop_server() {
    kill -TERM "$server"
    ended_well
}

# ended_well: waits for its end, and fails if it failed or warned of something.
ended_well() {
    local status=0
    wait "$server" || status=$?
    server=
    ((status == 0)) || echo "the server ended with $status"
    tail -n 20 "$work/server.log"
    [[ $status == 0 && ! -s $work/server.log ]]
}
