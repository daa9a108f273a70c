#!/usr/bin/env python3
"""Writes optimizers.json: what PyTorch's optimizers make of a matrix and a bias. Needs torch.

Gradients follow a formula that the Rust test repeats: g[i] at step t is sin(3 i + 2 t) for the matrix, cos(i + t) for the
bias; the learning rate at step t is 0.1 / (1 + t).
"""
import json
import math
import pathlib

import torch

STEPS = 6
CASES = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=1.0),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=1.0, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, lr=1.0, betas=(0.9, 0.99), eps=1e-8),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.99), eps=1e-8),
}


def run(make, clip):
    matrix = torch.nn.Parameter(torch.arange(6, dtype=torch.float64).reshape(2, 3) / 10)
    bias = torch.nn.Parameter(torch.arange(3, dtype=torch.float64) / 5)
    optimizer = make([{"params": [matrix], "weight_decay": 0.05}, {"params": [bias], "weight_decay": 0.0}])
    norms = []
    for step in range(STEPS):
        matrix.grad = torch.tensor([math.sin(3 * i + 2 * step) for i in range(6)], dtype=torch.float64).reshape(2, 3)
        bias.grad = torch.tensor([math.cos(i + step) for i in range(3)], dtype=torch.float64)
        norms.append(float(torch.nn.utils.clip_grad_norm_([matrix, bias], clip)))
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (1 + step)
        optimizer.step()
    return {"matrix": matrix.flatten().tolist(), "bias": bias.tolist(), "norms": norms}


result = {name: run(make, 1.5) for name, make in CASES.items()}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
