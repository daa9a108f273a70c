"""AlexeyAB's `detector map`, restated plainly: darknet_map.py TRUTH.json RESULTS.json [IOU].

Reads COCO JSON; `ignore` and `iscrowd` mean difficult. Prints {"darknet": {"classes": {category
id: AP}, "mean": mAP}}. Standard library only.

By hand, with boxes far apart but where said so, and IoU 0.5:
  One class, 2 truths. Confidences .9 hit, .8 miss, .7 hit: 1/2 · 1 + 1/2 · 2/3 = 5/6; with a class of no truths 5/12.
  The same, if the second truth is difficult. The third detection is taken out: 1.
  Truth 0 0 10 10, detection 0 0 10 5: 1/2 is not more than 0.5, so 0. With 0 0 10 6: 1.
  A truth hit twice counts once: after a second hit, the truth that comes third has a precision of 2/3, so 5/6.
`darknet_map.py` without arguments checks these.

Doubles where Darknet has floats. It sorts with `qsort`, which need not be stable: results must not have equal scores.
A detection without score above 0 is none, one that hits no truth but a difficult one is taken out. The mean is over all
classes, those without truths among them, whose precision is 0. Darknet's default points: all of them.
"""

import json
import sys

from voc_devkit import is_difficult, one_image, read


def overlap(a, b):
    iw = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    ih = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if iw < 0 or ih < 0 or iw * ih == 0:
        return 0.0
    return iw * ih / (a[2] * a[3] + b[2] * b[3] - iw * ih)


def match(result, truths, threshold):
    """What a detection hits: a truth's index, the first of the best; "difficult" for none but a difficult one; or None."""
    most, best, difficult = 0.0, None, False
    for index, truth in enumerate(truths):
        if (truth["image_id"], truth["category_id"]) != (result["image_id"], result["category_id"]):
            continue
        value = overlap(result["bbox"], truth["bbox"])
        if is_difficult(truth):
            difficult |= value > threshold
        elif value > threshold and value > most:
            most, best = value, index
    return "difficult" if best is None and difficult else best


def average_precision(results, truths, threshold):
    """The area under the curve of one class."""
    count = sum(not is_difficult(truth) for truth in truths)
    curve, found, false = [], set(), 0
    for result in sorted(results, key=lambda result: -result["score"]):
        hit = match(result, truths, threshold)
        if hit == "difficult" or result["score"] <= 0:
            continue
        if hit is None or hit in found:
            false += 1
        else:
            found.add(hit)
        curve.append((len(found) / count if count else 0.0, len(found) / (len(found) + false)))
    area, precision = 0.0, 0.0
    for index in reversed(range(len(curve))):
        precision = max(precision, curve[index][1])
        before = curve[index - 1][0] if index > 0 else 0.0
        area += (curve[index][0] - before) * precision
    return area


def evaluate(truth, results, threshold=0.5):
    classes = {}
    for category in sorted(category["id"] for category in truth["categories"]):
        of_class = [
            [one for one in records if one["category_id"] == category] for records in (results, truth["annotations"])
        ]
        classes[category] = average_precision(*of_class, threshold)
    return {"darknet": {"classes": classes, "mean": sum(classes.values()) / len(classes) if classes else None}}


def check_by_hand():
    """The examples of the first lines."""

    def check(truths, detections, wanted, *more_categories):
        truth, results = one_image(truths, detections)
        truth["categories"] += more_categories
        found = evaluate(truth, results)["darknet"]["mean"]
        assert abs(found - wanted) < 1e-12, (found, wanted)

    a, b, nowhere = [0, 0, 10, 10], [200, 0, 10, 10], [400, 0, 10, 10]
    detections = [(a, 0.9), (nowhere, 0.8), (b, 0.7)]
    check([(a, 0), (b, 0)], detections, 5 / 6)
    check([(a, 0), (b, 0)], detections, 5 / 12, {"id": 2})
    check([(a, 0), (b, 1)], detections, 1)
    check([(a, 0)], [([0, 0, 10, 5], 0.9)], 0)
    check([(a, 0)], [([0, 0, 10, 6], 0.9)], 1)
    check([(a, 0), (b, 0)], [(a, 0.9), (a, 0.8), (b, 0.7)], 5 / 6)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        check_by_hand()
    else:
        print(json.dumps(evaluate(*read(*sys.argv[1:3]), float((sys.argv[3:] or [0.5])[0]))))
