"""Prints the largest difference between the arrays of two .npz files, which must have the same names and shapes."""

import sys

import numpy as np

wanted, found = (np.load(path) for path in sys.argv[1:])
assert sorted(wanted.files) == sorted(found.files), (wanted.files, found.files)
for name in wanted.files:
    assert wanted[name].shape == found[name].shape, (name, wanted[name].shape, found[name].shape)
print(max(float(np.abs(wanted[name] - found[name]).max()) for name in wanted.files))
