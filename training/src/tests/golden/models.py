#!/usr/bin/env python3
"""Outputs of the networks by PyTorch, for weights and pictures that a formula gives on both sides.

Written from the papers and Darknet's cfg files alone. Run: python models.py > models.json
"""
import json

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
HEIGHT, WIDTH, CLASSES = 64, 96, 1


def noise(start, count):
    """Numbers in -0.5..0.5, a hash of the index; rounded to the floats that a file holds."""
    i = torch.arange(start, start + count, dtype=torch.int64)
    h = (i * 2654435761 + 12345) % 2**32
    h = ((h ^ (h >> 15)) * 2246822519) % 2**32
    h = h ^ (h >> 13)
    return ((h % 65536).double() / 65536 - 0.5).float().double()


class Conv(nn.Module):
    """Convolution, batch normalisation and leaky ReLU; or convolution with bias."""

    def __init__(self, i, o, k, s=1, plain=False):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, s, k // 2, bias=plain)
        self.norm = None if plain else nn.BatchNorm2d(o, eps=1e-6)

    def forward(self, x):
        x = self.conv(x)
        return x if self.norm is None else F.leaky_relu(self.norm(x), 0.1)


def fill(net):
    """The layout as [filters, inputs of each, normalised]. Darknet's order: biases, scales, means, variances, kernel. Parameters must be registered in the order of the cfg."""
    at, layout = 0, []

    def take(count):
        nonlocal at
        at += count
        return noise(at - count, count)

    for conv in (m for m in net.modules() if isinstance(m, Conv)):
        o, fan_in = conv.conv.out_channels, conv.conv.weight[0].numel()
        layout.append([o, fan_in, int(conv.norm is not None)])
        bias = take(o) * 0.5
        if conv.norm is not None:
            conv.norm.bias.data = bias
            conv.norm.weight.data = (1 + take(o)).float().double()
            conv.norm.running_mean.data = take(o) * 0.25
            conv.norm.running_var.data = (1 + take(o)).float().double()
        else:
            conv.conv.bias.data = bias
        w = conv.conv.weight
        w.data = (take(w.numel()) * (14 / fan_in) ** 0.5).float().double().view_as(w)
    return layout


class Res(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = Conv(c, c // 2, 1), Conv(c // 2, c, 3)

    def forward(self, x):
        return x + self.b(self.a(x))


def stage(i, o, n):
    return nn.Sequential(Conv(i, o, 3, 2), *[Res(o) for _ in range(n)])


def up(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


class Backbone(nn.Module):
    def __init__(self, b):
        super().__init__()
        self.stem = Conv(3, b, 3)
        self.stages = nn.ModuleList(stage(b << i, b << (i + 1), n) for i, n in enumerate([1, 2, 8, 8, 4]))

    def forward(self, x):
        x, maps = self.stem(x), []
        for s in self.stages:
            x = s(x)
            maps.append(x)
        return maps[2:]


class Darknet53(nn.Module):
    def __init__(self, b):
        super().__init__()
        self.body, self.out = Backbone(b), Conv(32 * b, 5, 1, plain=True)

    def forward(self, x):
        return [self.out(F.adaptive_avg_pool2d(self.body(x)[2], 1)).flatten(1)]


class Scale(nn.Module):
    def __init__(self, i, c, out, spp):
        super().__init__()
        self.before = nn.Sequential(Conv(i, c, 1), Conv(c, 2 * c, 3), Conv(2 * c, c, 1))
        self.spp = Conv(4 * c, c, 1) if spp else None
        self.after = nn.Sequential(Conv(c, 2 * c, 3), Conv(2 * c, c, 1))
        self.head = nn.Sequential(Conv(c, 2 * c, 3), Conv(2 * c, out, 1, plain=True))

    def forward(self, x):
        x = self.before(x)
        if self.spp is not None:
            x = self.spp(torch.cat([F.max_pool2d(x, k, 1, k // 2) for k in (13, 9, 5)] + [x], 1))
        x = self.after(x)
        return self.head(x), x


class Yolov3(nn.Module):
    def __init__(self, b, spp):
        super().__init__()
        out = 3 * (5 + CLASSES)
        self.body = Backbone(b)
        self.s32 = Scale(32 * b, 16 * b, out, spp)
        self.l16, self.s16 = Conv(16 * b, 8 * b, 1), Scale(24 * b, 8 * b, out, False)
        self.l8, self.s8 = Conv(8 * b, 4 * b, 1), Scale(12 * b, 4 * b, out, False)

    def forward(self, x):
        p8, p16, p32 = self.body(x)
        y32, x = self.s32(p32)
        y16, x = self.s16(torch.cat([up(self.l16(x)), p16], 1))
        y8, _ = self.s8(torch.cat([up(self.l8(x)), p8], 1))
        return [y32, y16, y8]


class Tiny(nn.Module):
    def __init__(self, b):
        super().__init__()
        out = 3 * (5 + CLASSES)
        w = [3, b, 2 * b, 4 * b, 8 * b, 16 * b, 32 * b]
        self.body = nn.ModuleList(Conv(i, o, 3) for i, o in zip(w, w[1:]))
        self.last, self.reduce = Conv(32 * b, 64 * b, 3), Conv(64 * b, 16 * b, 1)
        self.h32 = nn.Sequential(Conv(16 * b, 32 * b, 3), Conv(32 * b, out, 1, plain=True))
        self.lateral = Conv(16 * b, 8 * b, 1)
        self.h16 = nn.Sequential(Conv(24 * b, 16 * b, 3), Conv(16 * b, out, 1, plain=True))

    def forward(self, x):
        for i, conv in enumerate(self.body):
            x = conv(x)
            if i == 4:
                p16 = x
            # The last pool keeps the size: one row below and one column on the right that never win.
            x = F.max_pool2d(x, 2) if i < 5 else F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, 1)
        x = self.reduce(self.last(x))
        return [self.h32(x), self.h16(torch.cat([up(self.lateral(x)), p16], 1))]


class Nano(nn.Module):
    def __init__(self, w, r):
        super().__init__()
        out = 3 * (5 + CLASSES)
        self.stem = Conv(3, w[0], 3, 2)
        self.stages = nn.ModuleList(stage(i, o, n) for i, o, n in zip(w, w[1:], r))
        head = lambda c: nn.Sequential(Conv(c // 2, c, 3), Conv(c, out, 1, plain=True))
        self.reduce, self.h32 = Conv(w[4], w[4] // 2, 1), head(w[4])
        self.l16, self.m16, self.h16 = Conv(w[4] // 2, w[3] // 2, 1), Conv(w[3] // 2 + w[3], w[3] // 2, 1), head(w[3])
        self.l8, self.m8, self.h8 = Conv(w[3] // 2, w[2] // 2, 1), Conv(w[2] // 2 + w[2], w[2] // 2, 1), head(w[2])

    def forward(self, x):
        maps = [self.stem(x)]
        for s in self.stages:
            maps.append(s(maps[-1]))
        q32 = self.reduce(maps[4])
        q16 = self.m16(torch.cat([up(self.l16(q32)), maps[3]], 1))
        q8 = self.m8(torch.cat([up(self.l8(q16)), maps[2]], 1))
        return [self.h32(q32), self.h16(q16), self.h8(q8)]


NETS = {
    "yolov3": Yolov3(4, False),
    "yolov3-spp": Yolov3(4, True),
    "yolov3-tiny": Tiny(2),
    "ocelli-nano": Nano([4, 6, 12, 24, 48], [1, 1, 1, 1]),
    "darknet53": Darknet53(4),
}
images = noise(10**9, 3 * HEIGHT * WIDTH).view(1, 3, HEIGHT, WIDTH) + 0.5
golden = {}
with torch.no_grad():
    for name, net in NETS.items():
        layout = fill(net)
        outputs = [
            {"shape": list(o.shape), "data": [float(f"{v:.7g}") for v in o.flatten().tolist()]}
            for o in net.eval()(images)
        ]
        golden[name] = {"layout": layout, "outputs": outputs}
print(json.dumps(golden, separators=(",", ":")))
