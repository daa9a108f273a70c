"""Measures inference engines on the same networks, for scripts/engine_speed.sh.

    engine_speed.py compare [OPTION...] MODEL.onnx...    see --help
    engine_speed.py work ENGINE MODEL.onnx THREADS BATCH PRECISION    one contestant: a line in, a line of JSON out

A round gives every contestant one turn, each round from another one on: a run that is not counted, then some that are, as
many as take about TURN seconds, but one at least and RUNS at most, the same for all contestants.
What stands in the table is the median, over the rounds, of the turns' medians. ocelli's turn is a whole `ocelli bench`;
the others are processes that live as long as their model is measured, and sleep between their turns. Every process may
use as many processors as it has threads.

Beside MODEL.onnx lie MODEL.int8.onnx (QDQ), MODEL.ncnn.param, MODEL.ncnn.bin and MODEL.mnn; what is missing is not
measured. `first s` is from opening the file to the first outputs. Memory is that of the process after its first run and
at its peak, in 10⁶ bytes, less what a Python that has loaded NumPy alone takes. `error` is the largest difference from
onnxruntime's f32 outputs over their largest magnitude, on uniform noise.
"""

import argparse
import datetime
import html
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 5
TURN = 2.0
# OpenMP's threads spin for a while after a run, and would slow the next contestant.
PAUSE = 0.3
BEGIN, END = "<!-- engine-speed: begin -->", "<!-- engine-speed: end -->"
FLAGS = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"]
ENGINES = [
    ("ocelli", "f32"),
    ("ocelli", "bf16"),
    ("ocelli", "int8"),
    ("ncnn", "f32"),
    ("MNN", "f32"),
    ("OpenVINO", "f32"),
    ("OpenVINO", "bf16"),
    ("OpenVINO", "int8"),
    ("onnxruntime", "f32"),
    ("onnxruntime", "int8"),
]


def file_of(model, precision):
    """The ONNX file to load: a precision of int8 is a property of the file."""
    return model.with_suffix(".int8.onnx") if precision == "int8" else model


def memory(key):
    """A figure of this process in 10⁶ bytes."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024 / 1e6


# --- One contestant ---------------------------------------------------------------------------------------------------


def onnxruntime(model, threads, batch, precision):
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)

    def load():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        path = str(file_of(model, precision))
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda pictures: session.run(None, {name: pictures})

    return load


def openvino(model, threads, batch, precision):
    import openvino

    def load():
        core = openvino.Core()
        network = core.read_model(file_of(model, precision))
        _, channels, rows, columns = network.input(0).partial_shape
        network.reshape([batch, channels.get_length(), rows.get_length(), columns.get_length()])
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": threads,
            # What is not quantised in an int8 file runs in f32.
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        request = core.compile_model(network, "CPU", options).create_infer_request()

        def run(pictures):
            request.infer({0: pictures})
            return [request.get_output_tensor(index).data.copy() for index in range(len(network.outputs))]

        return run

    return load


def ncnn(model, threads, batch, precision):
    import ncnn
    import numpy

    if batch != 1:
        raise ValueError("ncnn takes one picture at a time")

    def load():
        network = ncnn.Net()
        network.opt.num_threads = threads
        for kind in ("packed", "storage", "arithmetic"):
            setattr(network.opt, f"use_fp16_{kind}", False)
        network.opt.use_bf16_storage = False
        for part, read in ((".ncnn.param", network.load_param), (".ncnn.bin", network.load_model)):
            if read(str(model.with_suffix(part))) != 0:
                raise FileNotFoundError(model.with_suffix(part))

        def run(pictures):
            extractor = network.create_extractor()
            extractor.input(network.input_names()[0], ncnn.Mat(pictures[0]))
            return [numpy.array(extractor.extract(name)[1])[None] for name in network.output_names()]

        return run

    return load


def mnn(model, threads, batch, precision):
    import MNN
    import numpy
    import onnx

    graph = onnx.load(model, load_external_data=False).graph
    inputs, outputs = [port.name for port in graph.input], [port.name for port in graph.output]
    del graph

    def load():
        path = model.with_suffix(".mnn")
        if not path.exists():
            raise FileNotFoundError(path)
        options = {"precision": "high", "backend": "CPU", "numThread": threads}
        manager = MNN.nn.create_runtime_manager((options,))
        network = MNN.nn.load_module_from_file(str(path), inputs, outputs, runtime_manager=manager)

        def run(pictures):
            given = MNN.expr.placeholder(list(pictures.shape), MNN.expr.NCHW)
            given.write(pictures)
            return [numpy.array(MNN.expr.convert(each, MNN.expr.NCHW).read()) for each in network.forward([given])]

        return run

    return load


PEERS = {"onnxruntime": onnxruntime, "OpenVINO": openvino, "ncnn": ncnn, "MNN": mnn}


def work(arguments):
    """Answers each line of standard input, `turn RUNS` or `save FILE.npz`, with a line of JSON."""
    import numpy

    bare = memory("VmRSS")
    answers = os.fdopen(os.dup(1), "w")
    # What the libraries print must not come among the answers.
    os.dup2(2, 1)
    pictures = numpy.load(arguments.pictures)
    model = pathlib.Path(arguments.model)
    load = PEERS[arguments.engine](model, arguments.threads, arguments.batch, arguments.precision)
    began = time.perf_counter()
    run = load()
    outputs = run(pictures)
    first = time.perf_counter() - began
    told = {"first_s": first, "rss_mb": memory("VmRSS") - bare, "peak_mb": memory("VmHWM") - bare}
    print(json.dumps(told), file=answers, flush=True)
    for line in sys.stdin:
        task, _, what = line.strip().partition(" ")
        if task == "save":
            numpy.savez(what, *outputs)
            told = {}
        else:
            run(pictures)
            times = []
            for _ in range(int(what)):
                began = time.perf_counter()
                run(pictures)
                times.append((time.perf_counter() - began) * 1e3)
            told = {"median_ms": statistics.median(times)}
        print(json.dumps(told), file=answers, flush=True)
    return []


# --- Contestants, seen from outside -----------------------------------------------------------------------------------


def on(threads):
    """Keeps a child on as many processors as it has threads."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, processors)


class Peer:
    """A process of `work`."""

    def __init__(self, engine, precision, case, folder):
        command = [sys.executable, __file__, "work", engine, str(case.model), str(case.threads), str(case.batch)]
        self.name = f"{engine} {precision}"
        self.errors = open(folder / "errors", "w+")
        self.process = subprocess.Popen(
            [*command, precision, str(case.pictures)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            preexec_fn=on(case.threads),
        )
        self.told = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(self.errors.read().strip().rpartition("\n")[2])
        return json.loads(line)

    def ask(self, task):
        print(task, file=self.process.stdin, flush=True)
        return self.answer()

    def turn(self, runs):
        return self.ask(f"turn {runs}")["median_ms"]

    def outputs(self, path):
        self.ask(f"save {path}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


class Ocelli:
    """`ocelli bench`, again for each turn."""

    def __init__(self, program, precision, case):
        self.program, self.precision, self.case = program, precision, case
        began = time.perf_counter()
        once = self.bench(1)
        first = time.perf_counter() - began - once["median_ms"] / 1e3
        if once["precision"] != precision:
            raise RuntimeError(f"the {once['engine']} engine runs it, in {once['precision']}")
        self.name = f"ocelli {precision}" + (", in tract" if once["engine"] == "tract" else "")
        self.told = {"first_s": first, "rss_mb": once["rss_mb"], "peak_mb": once["peak_rss_mb"]}

    def run(self, *arguments):
        options = ["--precision", self.precision, "--threads", str(self.case.threads)]
        command = [self.program, *arguments, *options]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=on(self.case.threads))
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def bench(self, runs):
        model, batch = str(file_of(self.case.model, self.precision)), str(self.case.batch)
        return json.loads(self.run("bench", "--json", "--model", model, "--batch", batch, "--runs", str(runs)))

    def turn(self, runs):
        return self.bench(runs)["median_ms"]

    def outputs(self, path):
        model = str(file_of(self.case.model, self.precision))
        name = re.search(r"^inputs +(\S+) \[", self.run("models", "show", model), re.MULTILINE)[1]
        self.run("infer", model, "--input", f"{name}={self.case.pictures}", "-o", str(path))

    def close(self):
        pass


class Case:
    """A model with threads and batch, and the pictures that go in."""

    def __init__(self, model, threads, batch, folder):
        import numpy
        import onnx

        self.model, self.threads, self.batch = pathlib.Path(model), threads, batch
        port = onnx.load(model, load_external_data=False).graph.input[0]
        sides = [axis.dim_value for axis in port.type.tensor_type.shape.dim[1:]]
        self.name, self.pictures = self.model.stem, folder / f"{self.model.stem}-{batch}.npy"
        noise = numpy.random.default_rng(1).random((batch, *sides), dtype=numpy.float32)
        numpy.save(self.pictures, noise)


def largest_error(found, wanted):
    """Over the outputs' largest magnitude; outputs are told apart by their sizes, as ncnn has other names for them."""
    import numpy

    found, wanted = numpy.load(found), numpy.load(wanted)
    errors = []
    for ours in found.values():
        theirs = next(each for each in wanted.values() if each.size == ours.size)
        errors.append(numpy.abs(ours.ravel() - theirs.ravel()).max() / numpy.abs(theirs).max())
    return float(max(errors))


def start(case, program, chosen, folder):
    """The contestants that can run the case; those that cannot are named."""
    running = {}
    for engine, precision in ENGINES:
        if chosen and engine not in chosen:
            continue
        try:
            if not file_of(case.model, precision).exists():
                raise FileNotFoundError(file_of(case.model, precision))
            ours = engine == "ocelli"
            contestant = Ocelli(program, precision, case) if ours else Peer(engine, precision, case, folder)
            running[contestant.name] = contestant
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            print(f"MISSING: {engine} {precision} on {case.name}, batch {case.batch}: {error}", flush=True)
    return running


def measure(case, arguments, folder):
    """A row for each contestant of a case."""
    running = start(case, arguments.ocelli, arguments.engines, folder)
    reference = running.get("onnxruntime f32")
    errors = {}
    if reference:
        reference.outputs(folder / "wanted.npz")
        for name, contestant in running.items():
            contestant.outputs(folder / "found.npz")
            errors[name] = largest_error(folder / "found.npz", folder / "wanted.npz")
    names, times = list(running), {name: [] for name in running}
    # By the first of them: all get as many.
    runs = int(TURN * 1e3 / running[names[0]].turn(1)) if names else 0
    runs = max(1, min(RUNS, runs))
    for round in range(arguments.rounds):
        first = round % max(len(names), 1)
        for name in names[first:] + names[:first]:
            time.sleep(PAUSE)
            times[name].append(running[name].turn(runs))
    rows = []
    for name, contestant in running.items():
        row = {"model": case.name, "engine": name, "threads": case.threads, "batch": case.batch}
        row |= {"ms": statistics.median(times[name]), "error": errors.get(name), **contestant.told}
        rows.append(row)
        print(json.dumps(row), flush=True)
        contestant.close()
    return rows


# --- What is told -----------------------------------------------------------------------------------------------------


def machine():
    """The processor, what it can do for networks, and the day."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    has = re.search(r"^flags\s*: (.*)$", text, re.MULTILINE)
    flags = [flag for flag in FLAGS if has and flag in has[1].split()]
    return f"{model[1] if model else 'unknown processor'} ({', '.join(flags)}), {datetime.date.today()}"


def versions():
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("ncnn", "MNN", "openvino", "onnxruntime"))


def table(rows, rounds):
    """Markdown: the best of a model, its threads and its batch in bold."""
    lines = [
        f"Median milliseconds of {rounds} rounds, interleaved; {versions()}. {machine()}.",
        "",
        "| model | threads | batch | engine | ms | memory MB | peak MB | first s | error |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        same = [other["ms"] for other in rows if all(other[key] == row[key] for key in ("model", "threads", "batch"))]
        ms = f"{row['ms']:.1f}" if row["ms"] >= 10 else f"{row['ms']:.2f}"
        ms = f"**{ms}**" if row["ms"] == min(same) else ms
        error = "" if row["error"] is None else f"{row['error']:.0e}"
        lines.append(
            f"| {row['model']} | {row['threads']} | {row['batch']} | {row['engine']} | {ms} | {row['rss_mb']:.0f} "
            f"| {row['peak_mb']:.0f} | {row['first_s']:.2f} | {error} |"
        )
    return "\n".join(lines)


STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.title{font-weight:600}.end{text-anchor:end}"
    ".ours{fill:#0072b2}.theirs{fill:#a8b0b8}.paper{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#e8eaed}.ours{fill:#56b4e9}.theirs{fill:#5b646d}.paper{fill:#16191d}}"
)


def picture(rows):
    """A panel a model: a bar a contestant, the quickest first, of one picture with the most threads."""
    most = max(row["threads"] for row in rows)
    shown = [row for row in rows if row["threads"] == most and row["batch"] == 1]
    body, y = [], 24
    for model in dict.fromkeys(row["model"] for row in shown):
        panel = sorted((row for row in shown if row["model"] == model), key=lambda row: row["ms"])
        body.append(f'<text class="title" x="12" y="{y}">{html.escape(model)}, {most} threads, milliseconds</text>')
        for row in panel:
            y += 22
            width = 400 * row["ms"] / panel[-1]["ms"]
            kind = "ours" if row["engine"].startswith("ocelli") else "theirs"
            body.append(f'<text class="end" x="150" y="{y}">{html.escape(row["engine"])}</text>')
            body.append(f'<rect class="{kind}" x="158" y="{y - 12}" width="{width:.1f}" height="15"/>')
            body.append(f'<text x="{164 + width:.1f}" y="{y}">{row["ms"]:.1f}</text>')
        y += 40
    height = y - 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{height}" viewBox="0 0 640 {height}" role="img">'
        f"<title>Milliseconds of one picture in several engines</title><style>{STYLE}</style>"
        f'<rect class="paper" width="640" height="{height}"/>{"".join(body)}</svg>\n'
    )


def put_between(text, new):
    """The text with what stands between the marks replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the file has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def compare(arguments):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            for threads in arguments.threads:
                for batch in arguments.batches:
                    case = Case(model, threads, batch, pathlib.Path(folder))
                    rows += measure(case, arguments, pathlib.Path(folder))
    if not rows:
        return ["nothing was measured"]
    text = table(rows, arguments.rounds)
    print(text)
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "engine_speed.json").write_text(json.dumps(rows, indent=1))
    (out / "engine_speed.svg").write_text(picture(rows))
    (out / "engine_speed.md").write_text(text + "\n")
    if arguments.publish:
        publish(rows, text)
    return []


def publish(rows, text):
    """Writes the picture and the table where people look for them."""
    readme = pathlib.Path("README.md")
    shown = "![Milliseconds of one picture in several engines](docs/engine_speed.svg)"
    head, _, figures = text.partition("\n\n")
    folded = f"<details><summary>All figures</summary>\n\n{figures}\n\n</details>"
    readme.write_text(put_between(readme.read_text(), f"{shown}\n\n{head}\n\n{folded}"))
    pathlib.Path("docs/engine_speed.svg").write_text(picture(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(required=True, dest="task")
    comparison, worker = tasks.add_parser("compare"), tasks.add_parser("work")
    comparison.add_argument("--rounds", type=int, default=5)
    comparison.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    comparison.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    comparison.add_argument("--engines", nargs="+", default=[], help="some of them alone: ocelli ncnn …")
    comparison.add_argument("--ocelli", default="target/release/ocelli")
    comparison.add_argument("--out", default="target/engine-speed", help="folder of the table, the picture and the JSON")
    comparison.add_argument("--publish", action="store_true", help="into README.md and docs/, too")
    comparison.add_argument("models", nargs="+")
    comparison.set_defaults(function=compare)
    worker.add_argument("engine", choices=PEERS)
    worker.add_argument("model")
    worker.add_argument("threads", type=int)
    worker.add_argument("batch", type=int)
    worker.add_argument("precision")
    worker.add_argument("pictures")
    worker.set_defaults(function=work)
    arguments = parser.parse_args()
    faults = arguments.function(arguments)
    for fault in faults:
        print(f"FAULT: {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
