#!/usr/bin/env bash
# Builds the container image and the pair behind HAProxy, runs both, and holds them to the host's own program: the image
# alone as it is, which serves the model in the program, and the pair with a folder of models.
#
#   scripts/containers.sh
#   MODEL=my.onnx PICTURE=my.jpg scripts/containers.sh    # what the pair serves, and is asked about
#
# Needs a Docker engine, root and Debian's package sources, but no image registry: the base images are made here from
# Debian's packages and the Rust toolchain that is installed. They stay, so that the next run is quick; containers and
# networks do not. Where there is no engine the script says so and succeeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DATA=${OCELLI_TEST_DATA:-../shared/data}
MODEL=${MODEL:-}
PICTURE=${PICTURE:-$DATA/darknet/data/dog.jpg}
SAMPLE=models/samples/blood-31.jpg
HOST_BINARY=target/release/ocelli
IMAGE=ocelli-check # images are called ocelli-check/PART:KEY
PROJECT=ocelli-check-$$
LOAD_SECONDS=15
STOP_AFTER=4 # seconds of load before one replica is stopped
# shellcheck source=/dev/null
DEBIAN=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")

# --- Steps -----------------------------------------------------------------------------------------------------------

passed=0
current=setup
note=
work=$(mktemp -d)

# step TITLE FUNCTION: runs the function with its output in a file; any command that fails in it ends the script.
step() {
    local start=$SECONDS
    current=$1 note=
    "$2" >"$work/log" 2>&1
    passed=$((passed + 1))
    echo "ok      $current ($((SECONDS - start)) s)${note:+: $note}"
}

fail() {
    echo "$*"
    return 1
}

clean_up() {
    local status=$?
    trap - EXIT
    exec >&3 # a signal may have come inside a step
    if ((status != 0)); then
        tail -n 40 "$work/log" || true
        echo "FAILED  $current"
    fi
    {
        [[ -z ${clients:-} ]] || kill "$clients"
        docker rm --force "$PROJECT-single" "$PROJECT-alone"
        compose down --timeout 2
    } >/dev/null 2>&1 || true
    rm -rf "$work"
    echo "$passed passed, $((status != 0)) failed"
    exit "$status"
}

# --- Images ----------------------------------------------------------------------------------------------------------

key() {
    printf '%s\n' "$@" | sha256sum | cut -c1-12
}

image_exists() {
    docker image inspect "$1" >/dev/null 2>&1
}

# drop_others PART KEY: removes the images of the part that were made for another key.
drop_others() {
    docker image ls --format '{{.Repository}}:{{.Tag}}' "$IMAGE/$1" | { grep -vx "$IMAGE/$1:$2" || true; } |
        xargs --no-run-if-empty docker image rm
}

# base PART: makes the image of the part with its function unless it is there, and forgets older ones.
base() {
    if ! image_exists "$IMAGE/$1:$base_key"; then
        "make_$1" "$IMAGE/$1:$base_key"
        note="${note:+$note, }$1 made"
    fi
    drop_others "$1" "$base_key"
}

make_debian() {
    debootstrap --variant=minbase "$DEBIAN" "$work/debian"
    tar -C "$work/debian" -c . | docker import - "$1"
    rm -rf "$work/debian"
}

# Debian's C compiler and this machine's Rust, without its documentation.
make_builder() {
    local context=$work/builder
    mkdir "$context"
    cat >"$context/Dockerfile" <<EOF
FROM $IMAGE/debian:$base_key
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY bin /usr/local/bin
COPY lib /usr/local/lib
ENV CARGO_HOME=/usr/local/cargo
EOF
    tar -c -C "$context" Dockerfile -C "$(rustc --print sysroot)" bin/cargo bin/rustc lib |
        docker build --network host --tag "$1" -
}

# What a Rust program needs at run time and nothing else, as distroless has it: no shell, no package manager.
make_runtime() {
    local root=$work/runtime deb
    mkdir -p "$work/debs" "$root"/{etc/ssl/certs,home/nonroot,tmp}
    apt-get update
    (cd "$work/debs" && apt-get download libc6 libgcc-s1 ca-certificates)
    for deb in "$work"/debs/*.deb; do
        dpkg-deb -x "$deb" "$root"
    done
    cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
    find "$root" -type d -name gconv -prune -exec rm -r {} +
    rm -r "${root:?}"/usr/share "${root:?}"/usr/sbin
    printf '%s\n' root:x:0:0:root:/root:/sbin/nologin nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin \
        >"$root/etc/passwd"
    printf '%s\n' root:x:0: nonroot:x:65532: >"$root/etc/group"
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
    chown 65532:65532 "$root/home/nonroot"
    chmod 1777 "$root/tmp"
    tar -C "$root" -c . | docker import --change 'USER 65532:65532' - "$1"
}

# Debian's HAProxy, started as the official image starts it.
make_haproxy() {
    docker build --network host --tag "$1" - <<EOF
FROM $IMAGE/debian:$base_key
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
EOF
}

make_bases() {
    local part
    for part in debian builder runtime haproxy; do
        base "$part"
    done
    note=${note:-made before}
}

# The builder with the sources of every dependency: with it the Dockerfile, as it stands, needs no network.
add_dependencies() {
    builder=$IMAGE/dependencies:$lock_key
    if ! image_exists "$builder"; then
        cargo vendor --locked --versioned-dirs "$work/dependencies/vendor"
        cat >"$work/dependencies/config.toml" <<EOF
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "/usr/local/cargo/vendor"

[net]
offline = true
EOF
        cat >"$work/dependencies/Dockerfile" <<EOF
FROM $IMAGE/builder:$base_key
COPY . /usr/local/cargo
EOF
        docker build --tag "$builder" "$work/dependencies"
        note="$(find "$work/dependencies/vendor" -mindepth 1 -maxdepth 1 | wc -l) packages"
        rm -rf "$work/dependencies"
    fi
    drop_others dependencies "$lock_key"
}

# Every stage has a name, so that it stays as a cache, and goes when the next run has replaced it.
build_image() {
    local stage image old
    for stage in manifests build ''; do
        image=$IMAGE/ocelli:${stage:-latest}
        old=$(docker image ls --quiet "$image")
        docker build --network none --force-rm --build-arg BUILDER="$builder" \
            --build-arg RUNTIME="$IMAGE/runtime:$base_key" ${stage:+--target "$stage"} --tag "$image" .
        [[ -z $old || $old == "$(docker image ls --quiet "$image")" ]] || docker image rm "$old" || true
    done
    note=$(docker image inspect --format '{{.Size}}' "$image" | awk '{printf "%.1f MB", $1 / 1e6}')
    [[ $(docker image inspect --format '{{.Config.User}}' "$image") == 65532:65532 ]] || fail "the image's user has rights"
}

# --- Checks ----------------------------------------------------------------------------------------------------------

install_tools() {
    local missing=() tool
    for tool in debootstrap docker-compose curl python3; do
        command -v "$tool" || missing+=("$tool")
    done
    ((${#missing[@]} == 0)) || { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; }
    note=${missing[*]:-nothing missing}
}

# What the host's own program finds is the truth that the containers are held to.
detect_on_host() {
    local yolo=$DATA/darknet/yolo-fastest/yolo-fastest-1.1-xl
    [[ -x $HOST_BINARY ]] || cargo build --release --locked --bin ocelli
    mkdir -p "$work/models"
    if [[ -n $MODEL ]]; then
        cp "$MODEL" "$work/models/"
    else
        "$HOST_BINARY" convert --cfg "$yolo.cfg" --weights "$yolo.weights" --names "$DATA/darknet/data/coco.names" \
            -o "$work/models/yolo-fastest-1.1-xl.onnx"
    fi
    chmod -R a+rX "$work/models"
    "$HOST_BINARY" detect --json --model "$work"/models/*.onnx "$PICTURE" >"$work/host.json"
    "$HOST_BINARY" detect --json --models-dir "$work/none" "$SAMPLE" >"$work/host-shipped.json"
}

# same_boxes ADDRESS PICTURE REPORT: the server there finds what the host's own program reported, and by the same model.
same_boxes() {
    curl --silent --show-error --fail --header 'Content-Type: image/jpeg' --data-binary "@$2" \
        --output "$work/served.json" "http://$1/api/v1/detect"
    note=$(python3 - "$3" "$work/served.json" <<'EOF'
import json, sys

reports = [json.load(open(path)) for path in sys.argv[1:]]
host, served = ((report["model"], report["detections"]) for report in reports)
if not host[1] or host != served:
    sys.exit(f"the detections differ\nhost:   {host}\nserved: {served}")
print(f"{len(host[1])} identical boxes by {host[0]}")
EOF
    )
}

# wait_healthy CONTAINER: until Docker's own health check says so, 90 seconds at most.
wait_healthy() {
    local state
    for _ in {1..180}; do
        state=$(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$1")
        [[ $state != "running healthy" ]] || return 0
        [[ $state == running* ]] || break
        sleep 0.5
    done
    docker logs --tail 20 "$1"
    fail "$1 is $state, not healthy"
}

# Healthy is who has loaded its models and run them once.
start_alone() {
    docker run --pull never --detach --name "$PROJECT-alone" --read-only --cap-drop ALL --network none "$IMAGE/ocelli"
    wait_healthy "$PROJECT-alone"
    docker rm --force "$PROJECT-alone"
}

start_single() {
    docker run --pull never --detach --name "$PROJECT-single" --read-only --cap-drop ALL \
        --security-opt no-new-privileges --publish 127.0.0.1::8080 "$IMAGE/ocelli"
    wait_healthy "$PROJECT-single"
}

ask_single() {
    same_boxes "$(docker port "$PROJECT-single" 8080/tcp)" "$SAMPLE" "$work/host-shipped.json"
}

stop_single() {
    docker stop --time 60 "$PROJECT-single"
    [[ $(docker inspect --format '{{.State.ExitCode}}' "$PROJECT-single") == 0 ]] || fail "exited with an error"
    docker rm "$PROJECT-single"
}

compose() {
    OCELLI_IMAGE=$IMAGE/ocelli HAPROXY_IMAGE=$IMAGE/haproxy:$base_key OCELLI_MODELS=$work/models OCELLI_PORT=$port \
        docker-compose --project-name "$PROJECT" --file deploy/compose.yaml "$@"
}

start_pair() {
    compose up --detach
    wait_healthy "$(compose ps --quiet haproxy)"
}

ask_pair() {
    same_boxes "127.0.0.1:$port" "$PICTURE" "$work/host.json"
}

# Four clients post one picture after another, each over a connection of its own that it keeps; prints who answered.
# Fails where an answer was neither 200 nor 429, the replica's honest "full, come back later".
post_steadily() {
    python3 - "$port" "$PICTURE" "$LOAD_SECONDS" <<'EOF'
import collections, http.client, sys, threading, time

port, picture, seconds = int(sys.argv[1]), open(sys.argv[2], "rb").read(), float(sys.argv[3])
answers, served, lock = collections.Counter(), collections.Counter(), threading.Lock()
end = time.monotonic() + seconds


def client():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.monotonic() < end:
        replica = None
        try:
            connection.request("POST", "/api/v1/detect", picture, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            response.read()
            answer, replica = response.status, response.headers["X-Served-By"]
        except (OSError, http.client.HTTPException) as error:
            answer = repr(error)
            connection.close()
        with lock:
            answers[answer] += 1
            if answer == 200:
                served[replica] += 1
        if answer != 200:
            time.sleep(0.1)


threads = [threading.Thread(target=client) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
failed = sum(count for answer, count in answers.items() if answer not in (200, 429))
shares = ", ".join(f"{count} by {replica}" for replica, count in sorted(served.items()))
print(f"{answers[200]} answered ({shares}), {answers[429]} refused as full (429), {failed} failed")
if failed or len(served) < 2:
    sys.exit(f"not every request was answered, or not by both replicas: {dict(answers)}")
EOF
}

stop_one_of_pair() {
    local replica
    replica=$(compose ps --quiet ocelli-1)
    post_steadily >"$work/load" &
    clients=$!
    sleep "$STOP_AFTER"
    docker stop --time 60 "$replica"
    kill -0 "$clients" || fail "the replica took longer to stop than the clients ran"
    wait "$clients" || { cat "$work/load" && fail "a request failed while a replica stopped"; }
    clients=
    note=$(<"$work/load")
    [[ $(docker inspect --format '{{.State.ExitCode}}' "$replica") == 0 ]] || fail "the replica exited with an error"
}

# The replica comes back under a new address perhaps; HAProxy is to find it.
start_it_again() {
    compose start ocelli-1
    wait_healthy "$(compose ps --quiet ocelli-1)"
    for _ in {1..30}; do
        curl --silent --output /dev/null --dump-header "$work/headers" "http://127.0.0.1:$port/health/ready"
        ! grep --ignore-case 'X-Served-By: ocelli-1' "$work/headers" || return 0
        sleep 0.5
    done
    fail "HAProxy does not send requests to the replica that came back"
}

# --- The run ---------------------------------------------------------------------------------------------------------

if ! docker info >"$work/log" 2>&1; then
    rm -rf "$work"
    echo "containers: skipped, no Docker engine here"
    exit 0
fi
exec 3>&1
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Bases are made anew for another way of making them, another Debian release or another compiler.
base_key=$(key "$(declare -f make_debian make_builder make_runtime make_haproxy)" "$DEBIAN" "$(rustc -vV)")
lock_key=$(key "$base_key" "$(<Cargo.lock)")
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

step "tools" install_tools
step "the picture on the host" detect_on_host
step "base images from Debian's packages" make_bases
step "dependencies for a build without a network" add_dependencies
step "docker build" build_image
step "a container without network, volume and argument is healthy" start_alone
step "one container, read-only and without capabilities, is healthy" start_single
step "it finds with the shipped model what the host finds" ask_single
step "it stops cleanly on SIGTERM" stop_single
step "two replicas behind HAProxy are healthy" start_pair
step "they find what the host finds" ask_pair
step "one replica stops under load, no request fails" stop_one_of_pair
step "it comes back and is used again" start_it_again
