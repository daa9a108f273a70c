"""Runs every model 0.onnx, 1.onnx, … of a folder in onnxruntime on random inputs, which it saves beside the outputs.

operators.py FOLDER LOW HIGH: inputs are from LOW to HIGH.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

onnxruntime.set_default_logger_severity(3)
folder, low, high = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
random = np.random.default_rng(1)
for model in sorted(folder.glob("*.onnx")):
    options = onnxruntime.SessionOptions()
    # As the file says it, not as it could be said more quickly.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        feed = {i.name: random.uniform(low, high, i.shape).astype(np.float32) for i in session.get_inputs()}
        outputs = session.run(None, feed)
    except Exception as error:  # Told with the case's name by the test.
        model.with_suffix(".error").write_text(str(error))
        continue
    for index, numbers in enumerate(feed.values()):
        np.save(folder / f"{model.stem}.in.{index}.npy", numbers)
    for index, numbers in enumerate(outputs):
        np.save(folder / f"{model.stem}.out.{index}.npy", numbers)
