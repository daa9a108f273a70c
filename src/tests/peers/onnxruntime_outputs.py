"""Runs a model in onnxruntime on a seeded input: onnxruntime_outputs.py MODEL.onnx OUTPUTS.npz, prints NAME=INPUT.npy."""

import sys

import numpy as np
import onnxruntime

model, outputs = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
(port,) = session.get_inputs()
shape = [side if isinstance(side, int) else 1 for side in port.shape]
tensor = np.random.default_rng(1).random(shape, dtype=np.float32)
np.save(outputs + ".input.npy", tensor)
names = [output.name for output in session.get_outputs()]
np.savez(outputs, **dict(zip(names, session.run(names, {port.name: tensor}))))
print(f"{port.name}={outputs}.input.npy")
