"""Measures training steps of ocelli-train and PyTorch, for scripts/training_speed.sh.

    training_speed.py compare [OPTION...]    see --help
    training_speed.py torch [OPTION...]      what PyTorch is measured with: prints one JSON object

Each round runs both once, in turns the one and the other first. Exits 1 if the networks differ in their parameters, or if
the median of ocelli's steps is more than MOST times PyTorch's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

MOST = 1.5
CLASSES = 80


def block(nn, channels, output, kernel, stride=1):
    convolution = nn.Conv2d(channels, output, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(output), nn.LeakyReLU(0.1))


def head(nn, channels, hidden):
    return nn.Sequential(block(nn, channels, hidden, 3), nn.Conv2d(hidden, 3 * (5 + CLASSES), 1))


def yolov3_tiny(torch):
    """As cfg/yolov3-tiny.cfg of Darknet."""
    nn, F = torch.nn, torch.nn.functional

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [3, 16, 32, 64, 128, 256, 512]
            self.backbone = nn.ModuleList(block(nn, *pair, 3) for pair in zip(widths, widths[1:]))
            self.last, self.reduce = block(nn, 512, 1024, 3), block(nn, 1024, 256, 1)
            self.coarse, self.lateral, self.fine = head(nn, 256, 512), block(nn, 256, 128, 1), head(nn, 384, 256)

        def forward(self, x):
            for i, layer in enumerate(self.backbone):
                full = layer(x)
                if i == 4:
                    fine = full
                last = i == len(self.backbone) - 1
                x = F.max_pool2d(F.pad(full, (0, 1, 0, 1), value=float("-inf")), 2, 1) if last else F.max_pool2d(full, 2)
            x = self.reduce(self.last(x))
            up = F.interpolate(self.lateral(x), scale_factor=2, mode="nearest")
            return [self.coarse(x), self.fine(torch.cat([up, fine], 1))]

    return Network()


def yolov3(torch):
    """As cfg/yolov3.cfg of Darknet."""
    nn, F = torch.nn, torch.nn.functional

    class Residual(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.inner = nn.Sequential(block(nn, width, width // 2, 1), block(nn, width // 2, width, 3))

        def forward(self, x):
            return x + self.inner(x)

    def stage(width, repeats):
        return nn.Sequential(block(nn, width // 2, width, 3, 2), *(Residual(width) for _ in range(repeats)))

    def neck(channels, width):
        pairs = [block(nn, width, 2 * width, 3), block(nn, 2 * width, width, 1)]
        return nn.Sequential(block(nn, channels, width, 1), *pairs, *[block(nn, width, 2 * width, 3)],
                             block(nn, 2 * width, width, 1))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            repeats = {64: 1, 128: 2, 256: 8, 512: 8, 1024: 4}
            self.stem = block(nn, 3, 32, 3)
            self.stages = nn.ModuleList(stage(*pair) for pair in repeats.items())
            self.necks = nn.ModuleList(neck(*pair) for pair in [(1024, 512), (768, 256), (384, 128)])
            self.laterals = nn.ModuleList(block(nn, width, width // 2, 1) for width in [512, 256])
            self.heads = nn.ModuleList(head(nn, width, 2 * width) for width in [512, 256, 128])

        def forward(self, x):
            x, maps = self.stem(x), []
            for layer in self.stages:
                x = layer(x)
                maps.append(x)
            outputs = []
            for i, (neck, output) in enumerate(zip(self.necks, self.heads)):
                if i > 0:
                    up = F.interpolate(self.laterals[i - 1](x), scale_factor=2, mode="nearest")
                    x = torch.cat([up, maps[-1 - i]], 1)
                x = neck(x)
                outputs.append(output(x))
            return outputs

    return Network()


NETWORKS = {"yolov3-tiny": yolov3_tiny, "yolov3": yolov3}


def measure_torch(arguments):
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    network = NETWORKS[arguments.network](torch).train()
    optimizer = torch.optim.SGD(network.parameters(), 1e-9, momentum=0.9)
    images = torch.rand(arguments.batch, 3, arguments.size, arguments.size)
    times = []
    for _ in range(arguments.steps + 1):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = sum(output.pow(2).sum() for output in network(images))
        loss.backward()
        optimizer.step()
        loss.item()
        times.append((time.perf_counter() - start) * 1e3)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(json.dumps({"parameters": parameters, "times_ms": times[1:], "version": torch.__version__}))


def output_of(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(arguments):
    options = ["--threads", "--steps", "--batch", "--size"]
    options = [text for name in options for text in (name, str(getattr(arguments, name[2:])))]
    commands = {
        "ocelli": [arguments.ocelli, "bench", arguments.network, "--classes", str(CLASSES), "--json", *options],
        "PyTorch": [sys.executable, __file__, "torch", "--network", arguments.network, *options],
    }
    times, parameters = {name: [] for name in commands}, {}
    for round in range(arguments.rounds):
        for name in sorted(commands, reverse=round % 2 == 1):
            figures = output_of(commands[name])
            times[name] += figures["times_ms"]
            parameters[name] = figures["parameters"]
    print(f"{arguments.network}, batch {arguments.batch} at {arguments.size}×{arguments.size}, "
          f"{arguments.threads} threads, {arguments.rounds} rounds of {arguments.steps} steps")
    for name, values in times.items():
        print(f"{name:8} median {statistics.median(values):8.1f} ms   min {min(values):8.1f} ms   max {max(values):8.1f} ms")
    ratios = [kind(times["ocelli"]) / kind(times["PyTorch"]) for kind in (statistics.median, min)]
    print(f"ratio of medians {ratios[0]:.2f}, of minima {ratios[1]:.2f}")
    if parameters["ocelli"] != parameters["PyTorch"]:
        sys.exit(f"not the same network: {parameters} parameters")
    if ratios[0] > MOST:
        sys.exit(f"more than {MOST} times PyTorch's")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["compare", "torch"])
    parser.add_argument("--ocelli", default="target/release/ocelli-train", metavar="FILE")
    parser.add_argument("--network", default="yolov3-tiny", choices=NETWORKS)
    for name, default in [("rounds", 5), ("steps", 5), ("threads", 2), ("batch", 8), ("size", 416)]:
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N")
    arguments = parser.parse_args()
    {"compare": compare, "torch": measure_torch}[arguments.command](arguments)


if __name__ == "__main__":
    main()
