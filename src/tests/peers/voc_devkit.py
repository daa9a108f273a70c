"""Pascal VOC's average precision, restated plainly from the devkit: voc_devkit.py TRUTH.json RESULTS.json [IOU].

Reads COCO JSON with corners x, y, x + w, y + h; `ignore` and `iscrowd` mean difficult. Prints {"voc2007": {"classes":
{category id: AP}, "mean": mAP}, "voc2010": …}; classes without a truth that counts are in neither. Standard library only.

The devkit is MATLAB. What that means here: `sort` is stable, so equal confidences stay in the order of the results;
`max` skips NaN, which precision is as long as only difficult objects were hit; where there is nothing else, the devkit's
eleven points give NaN, and this gives 0 for the point. `0:0.1:1` is built from both ends.

By hand, with boxes far apart but where said so, and IoU 0.5:
  One class, 2 truths. Confidences .9 hit, .8 miss, .7 hit. Recall 1/2, 1/2, 1; precision 1, 1/2, 2/3.
    VOC 2007: recall ≥ 0 … 0.5 (6 points) gives 1, ≥ 0.6 … 1 (5 points) gives 2/3: (6 + 10/3) / 11 = 28/33.
    VOC 2010: 1/2 · 1 + 1/2 · 2/3 = 5/6.
  The same, if the second truth is difficult. The third detection is neither: recall 1, 1; both give 1.
  Truth 0 0 9 9 (10 pixels each way), detection 0 0 9 4 (10 by 5): 50/100 reaches 0.5. Without + 1 it were 36/81.
  Truths A = 0 0 9 9 and B = 3 0 12 9, detections 0 0 9 9 at .9 and 1 0 10 9 at .8. The second has 90/110 with A, 80/120 with
    B: A is taken, so it is false although B is free. Recall 1/2: VOC 2007 6/11, VOC 2010 1/2.
`voc_devkit.py` without arguments checks these.
"""

import json
import math
import sys


def read(truth_path, results_path):
    with open(truth_path) as truth, open(results_path) as results:
        return json.load(truth), json.load(results)


def is_difficult(annotation):
    return bool(annotation.get("ignore", 0) or annotation["iscrowd"])


def corners(box):
    x, y, w, h = box
    return x, y, x + w, y + h


def overlap(a, b):
    """The devkit's overlap; None where the boxes, both ends included, share no pixel."""
    iw = min(a[2], b[2]) - max(a[0], b[0]) + 1
    ih = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if not (iw > 0 and ih > 0):
        return None
    union = (a[2] - a[0] + 1) * (a[3] - a[1] + 1) + (b[2] - b[0] + 1) * (b[3] - b[1] + 1) - iw * ih
    return iw * ih / union


def judge(truths, results, min_overlap):
    """(recall, precision) after each result of a class, the surest first; precision is NaN before any result counts."""
    positives = sum(not is_difficult(truth) for truth in truths)
    found = [False] * len(truths)
    curve, true, false = [], 0, 0
    for result in sorted(results, key=lambda result: -result["score"]):
        most, best = -math.inf, None
        for index, truth in enumerate(truths):
            if truth["image_id"] != result["image_id"]:
                continue
            value = overlap(corners(result["bbox"]), corners(truth["bbox"]))
            if value is not None and value > most:
                most, best = value, index
        if most >= min_overlap:
            if not is_difficult(truths[best]):
                true, false = (true, false + 1) if found[best] else (true + 1, false)
                found[best] = True
        else:
            false += 1
        curve.append((true / positives, true / (true + false) if true + false else math.nan))
    return curve


def eleven_points(curve):
    total = 0.0
    for point in range(11):
        threshold = point * 0.1 if point <= 5 else 1 - (10 - point) * 0.1
        reached = [precision for recall, precision in curve if recall >= threshold and not math.isnan(precision)]
        total += max(reached, default=0.0) / 11
    return total


def all_points(curve):
    recalls = [0.0, *(recall for recall, _ in curve), 1.0]
    precisions = [0.0, *(precision for _, precision in curve), 0.0]
    for index in reversed(range(len(precisions) - 1)):
        if math.isnan(precisions[index]) or precisions[index + 1] > precisions[index]:
            precisions[index] = precisions[index + 1]
    return sum(
        (recalls[i] - recalls[i - 1]) * precisions[i] for i in range(1, len(recalls)) if recalls[i] != recalls[i - 1]
    )


def evaluate(truth, results, min_overlap=0.5):
    scores = {"voc2007": {}, "voc2010": {}}
    for category in sorted(category["id"] for category in truth["categories"]):
        truths = [one for one in truth["annotations"] if one["category_id"] == category]
        if not any(not is_difficult(one) for one in truths):
            continue
        curve = judge(truths, [one for one in results if one["category_id"] == category], min_overlap)
        scores["voc2007"][category] = eleven_points(curve)
        scores["voc2010"][category] = all_points(curve)
    return {
        name: {"classes": classes, "mean": sum(classes.values()) / len(classes) if classes else None}
        for name, classes in scores.items()
    }


def one_image(truths, detections):
    """Files of one image and class: truths (box, difficult), detections (box, score)."""
    place = {"image_id": 1, "category_id": 1}
    annotations = [place | {"bbox": box, "iscrowd": 0, "ignore": difficult} for box, difficult in truths]
    return (
        {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": annotations},
        [place | {"bbox": box, "score": score} for box, score in detections],
    )


def check_by_hand():
    """The examples of the first lines."""

    def check(truths, detections, *wanted):
        found = evaluate(*one_image(truths, detections))
        means = found["voc2007"]["mean"], found["voc2010"]["mean"]
        assert all(abs(a - b) < 1e-12 for a, b in zip(means, wanted)), (means, wanted)

    a, b, nowhere, cut = [0, 0, 9, 9], [200, 0, 9, 9], [400, 0, 9, 9], [0, 0, 9, 4]
    detections = [(a, 0.9), (nowhere, 0.8), (b, 0.7)]
    check([(a, 0), (b, 0)], detections, 28 / 33, 5 / 6)
    check([(a, 0), (b, 1)], detections, 1, 1)
    check([(a, 0)], [(cut, 0.9)], 1, 1)
    check([(a, 0), ([3, 0, 9, 9], 0)], [(a, 0.9), ([1, 0, 9, 9], 0.8)], 6 / 11, 1 / 2)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        check_by_hand()
    else:
        print(json.dumps(evaluate(*read(*sys.argv[1:3]), float((sys.argv[3:] or [0.5])[0]))))
