"""Numbers of PyTorch 2.15 (f64, CPU) for `tests/ops.rs`: python ops.py > ops.json

Inputs are a formula that the test repeats, so that only results are stored.
"""

import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def numbers(seed, *shape):
    count = torch.Size(shape).numel()
    i = torch.arange(count, dtype=torch.int64)
    return ((((i + 11 * seed) * 7919) % 1009).double() / 504.5 - 1).reshape(shape)


def flat(tensor):
    return [round(value, 14) for value in tensor.detach().flatten().tolist()]


def convolution(n, channels, out, size, kernel, stride, padding, bias):
    x = numbers(1, n, channels, *size).requires_grad_()
    weight = numbers(2, out, channels, kernel, kernel).requires_grad_()
    b = numbers(3, out).requires_grad_() if bias else None
    y = F.conv2d(x, weight, b, stride, padding)
    (y * numbers(4, *y.shape)).sum().backward()
    return {
        "batch": n, "channels": [channels, out], "size": size, "kernel": kernel, "stride": stride, "padding": padding,
        "output": flat(y), "x": flat(x.grad), "weight": flat(weight.grad), "bias": flat(b.grad) if bias else None,
    }


def normalisation():
    x = (numbers(1, 3, 4, 5, 6) * 2 + 0.3).requires_grad_()
    norm = torch.nn.BatchNorm2d(4)
    norm.weight.data = numbers(2, 4) + 0.2
    norm.bias.data = numbers(3, 4) * 0.5
    for step in range(2):
        norm.zero_grad()
        x.grad = None
        y = F.leaky_relu(norm(x * (step + 1)), 0.1)
        (y * numbers(4, *y.shape)).sum().backward()
    return {
        "output": flat(y), "x": flat(x.grad), "gamma": flat(norm.weight.grad), "beta": flat(norm.bias.grad),
        "running_mean": flat(norm.running_mean), "running_var": flat(norm.running_var),
    }


def pooling(size, kernel, stride, padding):
    # Rounded, so that there are equal values in one window.
    x = (numbers(1, 2, 3, *size) * 4).round().requires_grad_()
    y = F.max_pool2d(x, kernel, stride, padding)
    (y * numbers(4, *y.shape)).sum().backward()
    return {"size": size, "kernel": kernel, "stride": stride, "padding": padding, "output": flat(y), "x": flat(x.grad)}


print(json.dumps({
    "convolutions": [
        convolution(2, 3, 4, [7, 6], 3, 1, 1, False),
        convolution(1, 1, 2, [5, 5], 1, 1, 0, True),
        convolution(3, 3, 2, [8, 9], 3, 2, 1, True),
        convolution(2, 2, 3, [9, 7], 5, 2, 2, False),
        convolution(1, 3, 2, [7, 9], 7, 1, 3, True),
        convolution(2, 2, 2, [6, 6], 1, 2, 0, False),
        convolution(1, 2, 2, [6, 5], 1, 1, 2, False),
    ],
    "normalisation": normalisation(),
    "poolings": [pooling([6, 8], 2, 2, 0), pooling([7, 5], 2, 2, 0), pooling([6, 6], 3, 1, 1), pooling([5, 7], 3, 2, 1)],
}))
