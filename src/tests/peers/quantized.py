"""Compares a quantised model with its float one in onnxruntime: quantized.py FLOAT.onnx INT8.onnx FOLDER.

Every picture of the folder is stretched to the network's size. Prints one JSON object: for each output its signal-to-noise
ratio in dB, 10 · log10(Σ float² / Σ (float − int8)²), and how many of its operators onnxruntime runs, by name.
"""

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

float_file, int8_file, folder = sys.argv[1:]


def session(path, **settings):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for key, value in settings.items():
        setattr(options, key, value)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


profile = tempfile.mkdtemp()
exact = session(float_file)
rounded = session(int8_file, enable_profiling=True, profile_file_prefix=os.path.join(profile, "run"))
(port,) = exact.get_inputs()
height, width = port.shape[2:]
signal, noise = Counter(), Counter()
for path in sorted(Path(folder).iterdir()):
    picture = Image.open(path).convert("RGB").resize((width, height), Image.BILINEAR)
    tensor = (np.asarray(picture, dtype=np.float32) / 255).transpose(2, 0, 1)[None]
    names = [output.name for output in exact.get_outputs()]
    for name, a, b in zip(names, exact.run(names, {port.name: tensor}), rounded.run(names, {port.name: tensor})):
        a, b = a.astype(np.float64), b.astype(np.float64)
        signal[name] += (a**2).sum()
        noise[name] += ((a - b) ** 2).sum()
events = json.load(open(rounded.end_profiling()))
ran = {event["name"]: event["args"]["op_name"] for event in events if "op_name" in event.get("args", {})}
print(
    json.dumps(
        {
            "decibels": {name: 10 * np.log10(signal[name] / noise[name]) for name in signal},
            "operators": Counter(op for name, op in ran.items() if name.endswith("_kernel_time")),
        }
    )
)
