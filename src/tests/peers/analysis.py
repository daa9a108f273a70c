"""What Ocelli tells beyond AP, restated plainly from pycocotools' matches: analysis.py TRUTH.json RESULTS.json [SEED].

Matches are pycocotools' at IoU 0.5, of all areas, with at most 100 detections an image and class; those with crowds are left
out everywhere. Prints one JSON object:

classes, overall   by category id, and all together: the best F1 = 2 TP / (2 TP + FP + FN) over all confidences, compared as
                   fractions; the least confidence with it; precision and recall there. A confidence keeps all detections
                   with at least that score. `null` without truths or without detections that count.
calibration        over ten bins [0, 0.1) … [0.9, 1]: Σ (count / all) · |share that is right − mean confidence|.
mistakes           kind of each result (by its place in the file): correct, ignored, or for an unmatched one the first of
                   location    0.1 ≤ IoU < 0.5 with its class's best truth
                   class       IoU ≥ 0.5 with the best truth of other classes
                   duplicate   IoU ≥ 0.5 with its class's best truth (which is found, or it would be matched)
                   background  IoU < 0.1 with all truths
                   both        the rest.
missed             ids of truths that are not found, and are not the best truth of a location or class mistake.
delta_AP50         by how much AP50 rises if one kind is mended. Location and class: of the mistakes with a truth as best,
                   the surest becomes a correct one of the truth's class if the truth is not found; all others go. Missed
                   truths go, and so do detections of the other kinds. A class without truths left is not in the mean.
resamples          the twelve numbers where images are taken several times or not at all: `multiplicities` by rising
                   image id. Only where all scores differ, else `null`: equal scores make the order matter.
"""

import contextlib
import io
import json
import random
import sys
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np

from coco_cases import evaluate
from coverage import overlap

DEFAULT = {
    "iou_thresholds": None,
    "recall_thresholds": None,
    "max_detections": [1, 10, 100],
    "areas": [[0, 1e10], [0, 1024], [1024, 9216], [9216, 1e10]],
    "area_labels": ["all", "small", "medium", "large"],
    "use_cats": True,
}
FOREGROUND, BACKGROUND = 0.5, 0.1
RECALLS = np.linspace(0, 1, 101)


def quiet(truth, results, parameters):
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = evaluate(truth, results, parameters)
        evaluation.summarize()
    return evaluation


class Matches:
    """pycocotools' matches at IoU 0.5."""

    def __init__(self, truth, results):
        self.truths = {one["id"]: one for one in truth["annotations"] if not one["iscrowd"]}
        self.results = results
        self.categories = sorted(one["id"] for one in truth["categories"])
        self.order = []  # places of the results that count, by image and falling score
        self.correct = {}  # place of a result that counts → whether it is matched
        self.found = set()  # ids of truths
        evaluation = quiet(
            truth, results, DEFAULT | {"iou_thresholds": [FOREGROUND], "areas": [[0, 1e10]], "area_labels": ["all"]}
        )
        self.ap50 = evaluation.stats[1]
        for one in evaluation.evalImgs:
            if one is None:
                continue
            for id, matched, ignored in zip(one["dtIds"], one["dtMatches"][0], one["dtIgnore"][0]):
                if not ignored:
                    self.order.append(id - 1)
                    self.correct[id - 1] = bool(matched)
            self.found |= {
                id for id, matched in zip(one["gtIds"], one["gtMatches"][0]) if matched and id in self.truths
            }
        self.count = Counter(one["category_id"] for one in self.truths.values())

    def entries(self):
        """(category, score, correct) of each result that counts."""
        return [(self.results[i]["category_id"], self.results[i]["score"], self.correct[i]) for i in self.order]


def best_f1(entries, truths):
    nothing = {"truths": truths, "best_f1": None, "best_confidence": None, "precision": None, "recall": None}
    best = None
    for confidence in sorted({score for _, score, _ in entries}, reverse=True):
        kept = [correct for _, score, correct in entries if score >= confidence]
        f1 = Fraction(2 * sum(kept), len(kept) + truths) if truths else None
        if truths and (best is None or f1 >= best[0]):
            best = f1, confidence, sum(kept) / len(kept), sum(kept) / truths
    return nothing if best is None else dict(zip(nothing, (truths, float(best[0]), *best[1:])))


def calibration(entries):
    bins = []
    for index in range(10):
        low, high = index / 10, (index + 1) / 10
        inside = [(s, c) for _, s, c in entries if low <= s and (s < high or (index == 9 and s <= 1))]
        scores, correct = [score for score, _ in inside], [right for _, right in inside]
        bins.append(
            {
                "from": low,
                "to": high,
                "count": len(inside),
                "confidence": np.mean(scores) if inside else None,
                "precision": np.mean(correct) if inside else None,
            }
        )
    ece = sum(one["count"] * abs(one["precision"] - one["confidence"]) for one in bins if one["count"])
    return {"ece": ece / len(entries) if entries else None, "bins": bins}


def best_truth(result, truths):
    """(IoU, id) of the truth with the largest IoU, the first of equal ones."""
    ious = [(overlap(result["bbox"], truth["bbox"]), truth["id"]) for truth in truths]
    return max(ious, key=lambda one: one[0], default=(0.0, None))


def mistake(result, truths):
    """(kind, id of the truth that it concerns) of a detection without match."""
    same = best_truth(result, [one for one in truths if one["category_id"] == result["category_id"]])
    other = best_truth(result, [one for one in truths if one["category_id"] != result["category_id"]])
    if BACKGROUND <= same[0] < FOREGROUND:
        return "location", same[1]
    if other[0] >= FOREGROUND:
        return "class", other[1]
    if same[0] >= FOREGROUND:
        return "duplicate", None
    return ("background" if max(same[0], other[0]) < BACKGROUND else "both"), None


def mean_precision(entries, count):
    """COCO's AP at one IoU: the mean over classes with truths of the mean precision at 101 recalls."""
    by_class = defaultdict(list)
    for category, score, correct in entries:
        by_class[category].append((score, correct))
    means = []
    for category in (category for category, truths in count.items() if truths > 0):
        correct = np.array([right for _, right in sorted(by_class[category], key=lambda one: -one[0])], dtype=float)
        precision = np.cumsum(correct) / np.arange(1, len(correct) + 1)
        envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
        means.append(envelope[np.searchsorted(np.cumsum(correct) / count[category], RECALLS)].mean())
    return float(np.mean(means)) if means else None


def mended(matches, kinds, kind, missed):
    """(entries, truths of each class) as they were without the mistakes of one kind."""
    count = Counter(matches.count)
    if kind == "missed":
        count.subtract(matches.truths[id]["category_id"] for id in missed)
        return matches.entries(), count
    surest = {}
    for place in matches.order:
        found, truth = kinds[place]
        if found == kind and truth not in matches.found:
            if truth not in surest or matches.results[place]["score"] > matches.results[surest[truth]]["score"]:
                surest[truth] = place
    entries = []
    for place, entry in zip(matches.order, matches.entries()):
        found, truth = kinds[place]
        if found != kind:
            entries.append(entry)
        elif truth is not None and surest.get(truth) == place:
            entries.append((matches.truths[truth]["category_id"], entry[1], True))
    return entries, count


def mistakes(matches):
    by_image = defaultdict(list)
    for truth in matches.truths.values():
        by_image[truth["image_id"]].append(truth)
    kinds = {}
    for place in matches.order:
        result = matches.results[place]
        kinds[place] = ("correct", None) if matches.correct[place] else mistake(result, by_image[result["image_id"]])
    near = {truth for _, truth in kinds.values()}
    missed = [id for id in matches.truths if id not in matches.found | near]
    before = mean_precision(matches.entries(), matches.count)
    assert abs((-1 if before is None else before) - matches.ap50) < 1e-12, (before, matches.ap50)
    deltas = {}
    for kind in ("class", "location", "both", "duplicate", "background", "missed"):
        after = mean_precision(*mended(matches, kinds, kind, missed))
        deltas[kind] = None if before is None or after is None else after - before
    listed = [kinds.get(place, ("ignored", None))[0] for place in range(len(matches.results))]
    return {"mistakes": listed, "missed": missed, "AP50": before, "delta_AP50": deltas}


def resampled(truth, results, multiplicities):
    """The files with each image as often as told, the copies one behind another in the order of image ids."""
    images, annotations, copies = [], [], []
    for image, times in zip(sorted(one["id"] for one in truth["images"]), multiplicities):
        for _ in range(times):
            id = len(images) + 1
            images.append({"id": id})
            annotations += [one | {"image_id": id} for one in truth["annotations"] if one["image_id"] == image]
            copies += [one | {"image_id": id} for one in results if one["image_id"] == image]
    annotations = [one | {"id": number} for number, one in enumerate(annotations, 1)]
    return {"images": images, "annotations": annotations, "categories": truth["categories"]}, copies


def resamples(truth, results, seed):
    if len({result["score"] for result in results}) < len(results):
        return None
    rng, count = random.Random(seed), len(truth["images"])
    drawn = []
    for _ in range(4):
        taken = Counter(rng.choices(range(count), k=count))
        multiplicities = [taken[index] for index in range(count)]
        stats = quiet(*resampled(truth, results, multiplicities), DEFAULT).stats
        drawn.append({"multiplicities": multiplicities, "stats": stats.tolist()})
    return drawn


def analyse(truth, results, seed=1):
    matches = Matches(truth, results)
    entries = matches.entries()
    classes = {
        category: best_f1([one for one in entries if one[0] == category], matches.count[category])
        for category in matches.categories
    }
    return {
        "classes": classes,
        "overall": best_f1(entries, len(matches.truths)),
        "calibration": calibration(entries),
        **mistakes(matches),
        "resamples": resamples(truth, results, seed),
    }


if __name__ == "__main__":
    with open(sys.argv[1]) as truth_file, open(sys.argv[2]) as results_file:
        print(json.dumps(analyse(json.load(truth_file), json.load(results_file), *map(int, sys.argv[3:]))))
