"""The parts of scripts/load.sh that a shell cannot do.

    load.py steady FILE               resident memory, one number a line: does it grow?
    load.py drain URL PID PICTURE     SIGTERM amid keep-alive clients: is a request lost?
    load.py overhead URL PICTURE DETECT...   what HTTP adds to detection; DETECT is the command, without pictures

Prints what it found and exits 1 where it is not as it should be. Standard library only.
"""

import http.client
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

MOST_GROWTH = 0.05
CLIENTS = 16
BEFORE_SIGTERM = 3  # seconds
BACK_OFF = 0.02  # seconds that a client waits after 429
ROUNDS = 15
REQUESTS = 10  # in a round
WARM_UP = 3  # answers in a round that are not counted
MOST_OVERHEAD = 3  # milliseconds


def steady(path):
    with open(path) as file:
        samples = [int(line) / 1024 for line in file]
    third = len(samples) // 3
    if third < 3:
        return f"{len(samples)} samples of the memory are too few"
    middle, last = statistics.median(samples[third:-third]), statistics.median(samples[-third:])
    growth = last / middle - 1
    print(f"{len(samples)} samples: {samples[0]:.1f} MiB at first, median {middle:.1f} MiB in the middle third, {last:.1f} MiB in the last: {growth:+.1%}")
    return growth > MOST_GROWTH and f"memory grew by more than {MOST_GROWTH:.0%}"


class Client(threading.Thread):
    """Posts the picture over one connection for as long as the server keeps it, and counts what comes back."""

    def __init__(self, host, picture):
        super().__init__()
        self.host, self.picture = host, picture
        self.statuses, self.lost = {}, []
        self.refused_at = None

    def run(self):
        connection = None
        while self.refused_at is None:
            if connection is None:
                connection = http.client.HTTPConnection(self.host, timeout=60)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    self.refused_at = time.monotonic()
                    return
            try:
                connection.request("POST", "/api/v1/detect", self.picture, {"Content-Type": "image/jpeg"})
                answer = connection.getresponse()
                json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.lost.append((time.monotonic(), repr(error)))
                connection = None
                continue
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            if answer.will_close:
                connection.close()
                connection = None
            if answer.status == 429:
                time.sleep(BACK_OFF)


def drain(url, pid, path):
    clients = [Client(urlsplit(url).netloc, read(path)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(BEFORE_SIGTERM)
    process = os.pidfd_open(int(pid))
    told = time.monotonic()
    os.kill(int(pid), signal.SIGTERM)
    select.select([process], [], [])
    ended = time.monotonic()
    for client in clients:
        client.join()
    statuses = {}
    for client in clients:
        for status, count in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    lost = [(moment - told, error) for client in clients for moment, error in client.lost]
    print(f"{CLIENTS} clients, {sum(statuses.values())} requests: " + ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items())))
    print(f"from SIGTERM, connections were accepted for {min(client.refused_at for client in clients) - told:.2f} s, and the end came after {ended - told:.2f} s")
    for moment, error in lost:
        print(f"lost {moment:+.3f} s after SIGTERM: {error}")
    return bool(lost or set(statuses) - {200, 429}) and "requests were lost, or answered with another status"


def overhead(url, path, *command):
    """HTTP and the command line take turns, and each turn is compared with its neighbour: other work on the machine
    slows both.

    `detect` looks at two pictures at once. So that it has one at a time, as the server has, its first picture is
    standard input, which holds one of its two workers until all the others are done.
    """
    picture = read(path)
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    walls, totals, alone, differences = [], [], [], []
    for _ in range(ROUNDS):
        wall, total = zip(*(post(connection, picture) for _ in range(WARM_UP + REQUESTS)))
        bare = detect(command, path, picture, 1.5 * sum(wall) / 1000 + 0.5)
        walls += wall[WARM_UP:]
        totals += total[WARM_UP:]
        alone += bare
        differences.append(statistics.median(wall[WARM_UP:]) - statistics.median(bare))
    added = statistics.median(wall - total for wall, total in zip(walls, totals))
    more = statistics.median(differences)
    wall, total, bare = (statistics.median(figures) for figures in (walls, totals, alone))
    print(f"medians of {len(walls)}: {wall:.2f} ms by HTTP, of which {total:.2f} ms detection; {bare:.2f} ms by `ocelli detect`")
    print(f"HTTP adds {added:.2f} ms to its own detection, and takes {more:+.2f} ms against `ocelli detect` (median of {ROUNDS} rounds)")
    return max(added, more) > MOST_OVERHEAD and f"more than {MOST_OVERHEAD} ms"


def post(connection, picture):
    """Milliseconds of a request, and of the detection in it."""
    began = time.perf_counter()
    connection.request("POST", "/api/v1/detect", picture, {"Content-Type": "image/jpeg"})
    report = json.loads(connection.getresponse().read())
    return (time.perf_counter() - began) * 1000, report["timings_ms"]["total"]


def detect(command, path, picture, seconds):
    """The totals of one process. `seconds` is long enough for its pictures: only then its standard input ends."""
    arguments = [*command, "--json", "-", *[path] * (WARM_UP + REQUESTS)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        time.sleep(seconds)
        out, _ = process.communicate(picture)
    if process.returncode != 0:
        sys.exit(f"`ocelli detect` ended with {process.returncode}")
    return [json.loads(line)["timings_ms"]["total"] for line in out.splitlines()][1 + WARM_UP :]


def read(path):
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    sys.exit({"steady": steady, "drain": drain, "overhead": overhead}[sys.argv[1]](*sys.argv[2:]) or 0)
