"""Prints the twelve numbers of pycocotools' summary as a JSON list: coco_stats.py TRUTH.json RESULTS.json."""

import json
import sys

from analysis import DEFAULT, quiet

truth, results = (json.load(open(path)) for path in sys.argv[1:])
print(json.dumps(list(quiet(truth, results, DEFAULT).stats)))
