"""Measures evaluators on one workload, for scripts/evaluation_speed.sh.

    evaluation_speed.py compare [OPTION...] TRUTH.json RESULTS.json    see --help
    evaluation_speed.py pycocotools TRUTH.json RESULTS.json            what pycocotools is measured with

Each round runs every program once, each round from another one on, so that a slow minute of the machine slows them all.
CPU time is user and system time of the process with all its threads, memory its peak, both as the kernel counted them.
Exits 1 if numbers differ, if ocelli takes more than MOST of vernier's time or memory, or if one of the two is missing.
Standard library only, but for pycocotools itself.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

MOST = 0.9
TOLERANCE = 1e-12
FIGURES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def of_ocelli(text):
    return [json.loads(text)["coco"][figure] for figure in FIGURES]


def of_stats(text):
    """The numbers of a JSON object with `stats`, or of a line that starts with it."""
    return json.loads(re.search(r'"?stats"?: ?(\[.*?\])', text)[1])


def contestants(arguments):
    """Name → (command, how its output is read, rounds that it takes part in)."""
    truth, results = arguments.truth, arguments.results
    files = ["--gt", truth, "--dt", results]
    commands = {
        "ocelli": (
            [arguments.ocelli, "evaluate", "--truth", truth, "--detections", results, "--json", "-"],
            of_ocelli,
            arguments.rounds,
        ),
        "vernier": (
            [arguments.peers + "/vernier", "eval", "--iou-type", "bbox", "--quiet", "--emit", "json", *files],
            of_stats,
            arguments.rounds,
        ),
        "hotcoco": ([arguments.peers + "/coco-eval", *files], of_stats, arguments.rounds),
        "pycocotools": (
            [arguments.python, __file__, "pycocotools", truth, results],
            of_stats,
            min(arguments.rounds, arguments.slow_rounds),
        ),
    }
    if arguments.ocelli_options:
        commands["ocelli"][0].extend(arguments.ocelli_options.split())
    return commands


def run(command):
    """(CPU seconds, MB, wall seconds, output) of a command; fails loudly if it fails."""
    # A child's peak memory includes that of the copy of this process that it starts as: this process must stay small.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (output, errors):
            file.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}: {errors.read()[-500:]}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, wall, output.read()


def first_runs(programs):
    """The numbers that each program gives; programs that cannot run are named and taken out. Warms the file cache, too."""
    numbers = {}
    for name, (command, read, _) in list(programs.items()):
        try:
            numbers[name] = read(run(command)[3])
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            print(f"MISSING: {name} is not measured: {error}")
            del programs[name]
    return numbers


def disagreements(numbers):
    """Sentences on figures that differ between the programs."""
    found = []
    for (one, ours), (other, theirs) in zip(numbers.items(), list(numbers.items())[1:]):
        for figure, a, b in zip(FIGURES, ours, theirs, strict=True):
            if None in (a, b) or abs(a - b) > TOLERANCE:
                found.append(f"{figure} is {a} for {one} and {b} for {other}")
    return found


def measure(programs, rounds):
    samples = {name: [] for name in programs}
    names = list(programs)
    for round in range(rounds):
        first = round % len(names)
        for name in names[first:] + names[:first]:
            command, _, most = programs[name]
            if len(samples[name]) < most:
                samples[name].append(run(command)[:3])
    return {name: [sorted(column) for column in zip(*taken)] for name, taken in samples.items()}


def compare(arguments):
    programs = contestants(arguments)
    numbers = first_runs(programs)
    faults = disagreements(numbers)
    if not faults and len(numbers) > 1:
        print(f"{', '.join(numbers)} agree to {TOLERANCE:g}: AP {next(iter(numbers.values()))[0]:.6f}")
    columns = measure(programs, arguments.rounds)
    print(f"{'program':12} {'CPU s':>7} {'(from – to)':>17} {'MB':>8} {'wall s':>7} {'runs':>5}")
    for name, (cpu, memory, wall) in columns.items():
        spread = f"({cpu[0]:.3f} – {cpu[-1]:.3f})"
        median = statistics.median
        print(f"{name:12} {median(cpu):7.3f} {spread:>17} {median(memory):8.1f} {median(wall):7.3f} {len(cpu):5}")
    if {"ocelli", "vernier"} <= columns.keys():
        for index, what in enumerate(["CPU time", "memory"]):
            ratio = statistics.median(columns["ocelli"][index]) / statistics.median(columns["vernier"][index])
            print(f"ocelli takes {ratio:.3f} of vernier's {what}")
            if ratio > MOST:
                faults.append(f"{ratio:.3f} of vernier's {what} is more than {MOST}")
    else:
        faults.append("ocelli and vernier were not both measured, so nothing is shown")
    return faults


def pycocotools(arguments):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(sys.stderr):
        truth = COCO(arguments.truth)
        evaluation = COCOeval(truth, truth.loadRes(arguments.results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    print(json.dumps({"stats": evaluation.stats.tolist()}))
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(required=True, dest="task")
    comparison, reference = tasks.add_parser("compare"), tasks.add_parser("pycocotools")
    comparison.add_argument("--rounds", type=int, default=15)
    comparison.add_argument("--slow-rounds", type=int, default=2, help="rounds that pycocotools takes part in")
    comparison.add_argument("--ocelli", default="target/release/ocelli")
    comparison.add_argument("--ocelli-options", default="", help="more options of ocelli, in one argument")
    comparison.add_argument("--peers", default="target/peers/bin", help="folder of vernier and coco-eval")
    comparison.add_argument("--python", default=sys.executable, help="an interpreter that has pycocotools")
    for task, function in (comparison, compare), (reference, pycocotools):
        task.add_argument("truth")
        task.add_argument("results")
        task.set_defaults(function=function)
    arguments = parser.parse_args()
    faults = arguments.function(arguments)
    for fault in faults:
        print(f"FAULT: {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
