"""Runs models in onnxruntime: for each folder named on standard input, model.onnx on the .npy files of inputs/, compared
with those of outputs/. Answers with the largest error over max(1, largest magnitude), or with what went wrong."""

import pathlib
import sys

import numpy as np
import onnxruntime

onnxruntime.set_default_logger_severity(3)


def compare(folder):
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    largest = 0.0
    for case in sorted(folder.glob("case*")):
        inputs = {path.stem: np.load(path) for path in (case / "inputs").iterdir()}
        for name, found in zip(names, session.run(names, inputs)):
            wanted = np.load(case / "outputs" / (name + ".npy"))
            assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), f"{name}: {found.shape} {found.dtype}"
            if found.dtype == np.float32:
                with np.errstate(invalid="ignore"):
                    error = np.where(found == wanted, 0, np.abs(found - wanted))
                largest = np.maximum(largest, np.max(error, initial=0) / max(1, np.max(np.abs(wanted), initial=0)))
            else:
                assert (found == wanted).all(), f"{name}: {found} {wanted}"
    return largest


for line in sys.stdin:
    try:
        answer = repr(float(compare(pathlib.Path(line.strip()))))
    except Exception as error:
        answer = " ".join(str(error).split())
    print(answer, flush=True)
