"""Random cases and what pycocotools makes of them: coco_cases.py OUT_DIR SEED_FROM SEED_TO.

Writes for each seed OUT_DIR/NNN/ with truth.json and results.json (COCO), params.json (what pycocotools was told; `null`:
its default) and expected.npz: its arrays `precision` and `scores` [IoU, recall, class, area, limit] and `recall` [IoU,
class, area, limit], and the twelve `stats` of its summary, or none where it cannot make one. Prints what each case has,
and counts it in OUT_DIR/coverage.json.
"""

import contextlib
import copy
import io
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import cases
import coverage

QUIRKS = {"annotation id 0", "duplicate ids", "unknown category", "ignore flag"}


def evaluate(truth, results, parameters):
    """pycocotools' evaluation of COCO objects, which it changes: so of copies."""
    coco = COCO()
    coco.dataset = copy.deepcopy(truth)
    coco.createIndex()
    if results:
        found = coco.loadRes(copy.deepcopy(results))
    else:  # loadRes looks at the first of them
        found = COCO()
        found.dataset = {kind: coco.dataset[kind] for kind in ("images", "categories")} | {"annotations": []}
        found.createIndex()
    evaluation = COCOeval(coco, found, "bbox")
    told = evaluation.params
    if parameters["iou_thresholds"] is not None:
        told.iouThrs = np.array(parameters["iou_thresholds"])
    if parameters["recall_thresholds"] is not None:
        told.recThrs = np.array(parameters["recall_thresholds"])
    told.maxDets = parameters["max_detections"]
    told.areaRng, told.areaRngLbl = parameters["areas"], parameters["area_labels"]
    told.useCats = int(parameters["use_cats"])
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def stats(evaluation):
    """The twelve numbers; none if pycocotools fails, since its summary wants three limits of detections."""
    try:
        evaluation.summarize()
    except IndexError:
        return np.zeros(0)
    return evaluation.stats


def write_case(folder, seed):
    """Writes the case of a seed, and returns what it has."""
    folder.mkdir(parents=True, exist_ok=True)
    case = cases.Case(seed)
    truth, results, parameters = case.truth_file(), case.results, cases.parameters(case)
    has = coverage.of_data(truth, results)
    places = "image_id", "category_id"
    counts = Counter(tuple(result[key] for key in places[: 1 + parameters["use_cats"]]) for result in results)
    has |= coverage.of_parameters(parameters, counts.values())
    parameters["quirks"] = bool(has & QUIRKS)
    for name, value in ("truth", truth), ("results", results), ("params", parameters):
        (folder / f"{name}.json").write_text(json.dumps(value))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = evaluate(truth, results, parameters)
        summary = stats(evaluation)
    arrays = {name: evaluation.eval[name] for name in ("precision", "recall", "scores")}
    np.savez(folder / "expected.npz", stats=summary, **arrays)
    return has


def main(out, first, last):
    total = Counter()
    for seed in cases.seeds(first, last):
        has = write_case(Path(out) / f"{seed:03}", seed)
        total.update(has)
        print(f"{seed:03}: {', '.join(sorted(has))}")
    (Path(out) / "coverage.json").write_text(json.dumps(dict(sorted(total.items())), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
