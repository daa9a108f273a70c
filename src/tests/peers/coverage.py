"""What a case has, found by looking at it: names of the awkward things that are in it."""

from collections import Counter, defaultdict
from itertools import combinations

DEFAULT_IOUS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def overlap(a, b):
    """Intersection over union of two boxes x, y, w, h."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h) if w > 0 and h > 0 else 0.0


def of_data(truth, results):
    """The awkward things in a COCO file and its results."""
    images, categories = ({record["id"] for record in truth[kind]} for kind in ("images", "categories"))
    annotations, found = truth["annotations"], set()
    truths, detections = defaultdict(list), defaultdict(list)
    for annotation in annotations:
        truths[annotation["image_id"], annotation["category_id"]].append(annotation)
    for result in results:
        detections[result["image_id"], result["category_id"]].append(result)
    for place in truths.keys() | detections.keys():
        found |= of_place(truths[place], detections[place])
    with_truths, with_detections = (
        {place[1] for place, records in of.items() if records} for of in (truths, detections)
    )
    counting = Counter(annotation["category_id"] for annotation in annotations if not annotation["iscrowd"])
    boxes = [record["bbox"] for record in annotations + results]
    areas = [annotation["area"] for annotation in annotations]
    ids = [annotation["id"] for annotation in annotations]
    checks = {
        "score ties between images": max(Counter((r["category_id"], r["score"]) for r in results).values(), default=0)
        > 1,
        "class without truths": with_detections & categories - with_truths,
        "class without detections": with_truths & categories - with_detections,
        "class with neither": categories - with_truths - with_detections,
        "class with crowds only": with_truths & categories - set(counting),
        "image with nothing": images
        - {place[0] for of in (truths, detections) for place, records in of.items() if records},
        "no detections at all": not results,
        "no truths at all": not annotations,
        "area of 0": 0 in areas,
        "area of 1024": 1024 in areas,
        "area of 9216": 9216 in areas,
        "area of 1e10": 1e10 in areas,
        "area above 1e10": max(areas, default=0) > 1e10,
        "area other than the box's": any(a["area"] != a["bbox"][2] * a["bbox"][3] for a in annotations),
        "detection of 32²": any(r["bbox"][2] * r["bbox"][3] == 1024 for r in results),
        "detection of 96²": any(r["bbox"][2] * r["bbox"][3] == 9216 for r in results),
        "box without area": any(box[2] * box[3] == 0 for box in boxes),
        "tiny box": any(0 < box[2] * box[3] < 0.01 for box in boxes),
        "many digits": any(len(repr(side)) > 15 for box in boxes for side in box),
        "20, 50 or 100 truths": {20, 50, 100} & set(counting.values()),
        "odd score": any(not 0 <= result["score"] <= 1 for result in results),
        "unordered images": [image["id"] for image in truth["images"]] != sorted(images),
        "unordered annotations": ids != sorted(ids),
        "long ids": any(id > 2**32 for id in ids),
        "gaps between categories": categories and max(categories) >= len(categories) + min(categories),
        "stray annotation": any(
            place[0] not in images or place[1] not in categories for place, t in truths.items() if t
        ),
        "annotation id 0": 0 in ids,
        "duplicate ids": len(set(ids)) < len(ids),
        "unknown category": with_detections - categories,
        "ignore flag": any("ignore" in annotation for annotation in annotations),
    }
    return found | {name for name, there in checks.items() if there}


def of_place(truths, detections):
    """The awkward things in one image and class."""
    found = set()
    scores = Counter(detection["score"] for detection in detections)
    if max(scores.values(), default=0) > 1:
        found.add("score ties")
    if len(detections) > 100:
        found.add("more than 100 detections")
    crowds = [truth for truth in truths if truth["iscrowd"]]
    single = [truth for truth in truths if not truth["iscrowd"]]
    for truth in crowds:
        inside = [d for d in detections if overlap(d["bbox"], truth["bbox"]) > 0]
        found |= {"crowd"} | ({"detections in a crowd"} if len(inside) > 2 else set())
    if any(a["bbox"] == b["bbox"] for a, b in combinations(single, 2)):
        found.add("equal boxes")
    for detection in detections:
        ious = [overlap(detection["bbox"], truth["bbox"]) for truth in single]
        best = max(ious, default=0)
        if best >= 0.5 and ious.count(best) > 1:
            found.add("IoU ties")
        found |= {f"IoU of {iou}" for iou in (0.5, 0.75, 0.8999999999999999, 0.9) if iou in ious}
        if any(0 < abs(1 - iou) < 1e-9 for iou in ious):
            found.add("IoU of nearly 1")
    return found


def of_parameters(parameters, counts):
    """What is unusual about the parameters; `counts` are the numbers of detections in each image and class."""
    ious, limits = parameters["iou_thresholds"], parameters["max_detections"]
    checks = {
        "one IoU threshold": ious is not None and len(ious) == 1,
        "unusual IoU thresholds": ious is not None and not set(ious) <= set(DEFAULT_IOUS),
        "IoU threshold of 1": ious is not None and 1.0 in ious,
        "other recall thresholds": parameters["recall_thresholds"] is not None,
        "other limits of detections": limits != [1, 10, 100],
        "more detections than any limit": max(counts, default=0) > max(limits),
        "other areas": parameters["areas"] != [[0, 1e10], [0, 1024], [1024, 9216], [9216, 1e10]],
        "class-agnostic": not parameters["use_cats"],
        "default parameters": ious is None and limits == [1, 10, 100] and parameters["use_cats"],
    }
    return {name for name, there in checks.items() if there}
