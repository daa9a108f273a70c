"""Writes the workload that evaluation is timed with: evaluation_workload.py OUT_DIR [--seed 1].

    OUT_DIR/truth.json        5,000 images, 80 classes, 36,111 truths, as COCO's val2017 has them
    OUT_DIR/results.json      422,838 detections, at most 100 an image

What is made up is made up after COCO: 80 ids of the 91; every third truth is a person and the rarest class is hundreds of
times rarer; a few classes an image; four tenths of the truths are small, a quarter large; one in a hundred is a crowd; the
area is that of a mask, smaller than the box. Polygons are short, eight corners, so that the file is half of COCO's.

Detections are what a middling detector gives (AP 0.43): truths found with jitter, more often and more surely the
larger they are; duplicates, other classes in the same place, and background with low scores for the rest. Three decimals
a side and five a score, as Ultralytics writes them (Detectron2 writes all seventeen digits), falling scores in an image.

The same seed gives the same bytes. Standard library only.
"""

import argparse
import json
import math
import random
from pathlib import Path

IMAGES, TRUTHS, DETECTIONS = 5_000, 36_111, 422_838
MOST_TRUTHS, MOST_DETECTIONS = 60, 100  # an image
# COCO's 80 ids: of 1..=90, these were never used.
CATEGORIES = sorted(set(range(1, 91)) - {12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
PERSON_SHARE, RARER = 0.3, 0.058
CROWD_SHARE = 0.011
SIZES = [(640, 480), (640, 427), (480, 640), (640, 640), (500, 375), (427, 640)]


def counts(rng, total, most, weights):
    """Shares the total out by weight, with at most `most` for each."""
    shares = [0] * len(weights)
    while total > 0:
        for index in rng.choices(range(len(weights)), weights, k=total):
            if shares[index] < most:
                shares[index] += 1
                total -= 1
    return shares


def class_weights(rng):
    others = CATEGORIES[1:]
    rng.shuffle(others)
    weights = [math.exp(-RARER * rank) for rank in range(len(others))]
    scale = (1 - PERSON_SHARE) / sum(weights)
    return {CATEGORIES[0]: PERSON_SHARE} | {id: weight * scale for id, weight in zip(others, weights)}


def random_box(rng, size):
    """A box within an image of that size; the root of its area is log-normal with a median of 52 pixels."""
    side, stretch = 52 * math.exp(rng.gauss(0, 1.1)), math.exp(rng.gauss(0, 0.45))
    w, h = min(max(side * stretch, 3), size[0]), min(max(side / stretch, 3), size[1])
    return [rng.uniform(0, size[0] - w), rng.uniform(0, size[1] - h), w, h]


def jittered(rng, box, size, spread):
    x, y, w, h = box
    left = min(max(x + rng.gauss(0, spread) * w, 0), size[0] - 1)
    top = min(max(y + rng.gauss(0, spread) * h, 0), size[1] - 1)
    wide, high = w * math.exp(rng.gauss(0, spread)), h * math.exp(rng.gauss(0, spread))
    return [left, top, min(max(wide, 1), size[0] - left), min(max(high, 1), size[1] - top)]


def polygon(box):
    """Eight corners within a box."""
    x, y, w, h = box
    corners = [(0.3, 0), (0.7, 0), (1, 0.3), (1, 0.7), (0.7, 1), (0.3, 1), (0, 0.7), (0, 0.3)]
    return [round(value, 2) for across, down in corners for value in (x + across * w, y + down * h)]


def annotation(rng, image, category, number):
    size = image["width"], image["height"]
    crowd = rng.random() < CROWD_SHARE
    box = [round(side, 2) for side in random_box(rng, size)]
    if crowd:  # larger, and its mask is run lengths
        box = [box[0] / 4, box[1] / 4, size[0] * rng.uniform(0.3, 0.7), size[1] * rng.uniform(0.2, 0.5)]
        box = [float(round(side)) for side in box]
        mask = {"counts": [int(size[1] * box[0]), 40, size[1] - 40, 60], "size": [size[1], size[0]]}
    else:
        mask = [polygon(box)]
    area = round(box[2] * box[3] * rng.uniform(0.4, 0.85), 4)
    fields = {"segmentation": mask, "area": area, "iscrowd": int(crowd), "image_id": image["id"], "bbox": box}
    return fields | {"category_id": category, "id": 900_100_000_000 + number if crowd else number}


def make_truth(rng, weights):
    images = []
    for id in rng.sample(range(100, 582_000), IMAGES):
        width, height = rng.choice(SIZES)
        images.append(
            {"license": rng.randint(1, 6), "file_name": f"{id:012}.jpg", "height": height, "width": width, "id": id}
        )
    numbers = iter(rng.sample(range(1_000, 2_200_000), TRUTHS))
    annotations = []
    shares = counts(rng, TRUTHS, MOST_TRUTHS, [rng.gammavariate(1.6, 1) for _ in images])
    for image, share in zip(images, shares):
        present = rng.choices(list(weights), weights.values(), k=rng.choice([1, 2, 2, 3, 3, 4, 6]))
        for _ in range(share):
            annotations.append(annotation(rng, image, rng.choice(present), next(numbers)))
    annotations.sort(key=lambda one: one["id"])
    categories = [{"supercategory": "thing", "id": id, "name": f"class {id}"} for id in CATEGORIES]
    return {
        "info": {"description": "workload"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def of_truth(rng, truth, size, weights):
    """What the detector says where a truth is: (score, class, box)."""
    category, box = truth["category_id"], truth["bbox"]
    ease = min(max(math.log(box[2] * box[3] / 100) / 6, 0.05), 0.95)  # of small ones less
    if not truth["iscrowd"] and rng.random() < 0.45 + 0.55 * ease:
        score = rng.betavariate(0.6 + 2.6 * ease, 1.1)
        yield score, category, jittered(rng, box, size, 0.02 + 0.09 * rng.random() * (1.3 - ease))
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            yield score * rng.betavariate(1.2, 3), category, jittered(rng, box, size, 0.18)
    for other in rng.choices(list(weights), weights.values(), k=rng.choice([0, 1, 1, 2])):
        yield rng.betavariate(0.7, 6), other, jittered(rng, box, size, 0.1)


def make_results(rng, truth, weights):
    here = {image["id"]: [] for image in truth["images"]}
    for one in truth["annotations"]:
        here[one["image_id"]].append(one)
    # Two images of three have as many detections as there may be.
    shares = counts(rng, DETECTIONS, MOST_DETECTIONS, [3 if rng.random() < 0.66 else rng.uniform(0.1, 1) for _ in here])
    results = []
    for image, share in zip(truth["images"], shares):
        size = image["width"], image["height"]
        found = [one for there in here[image["id"]] for one in of_truth(rng, there, size, weights)]
        categories = [there["category_id"] for there in here[image["id"]]] or list(weights)
        while len(found) < share:
            category = rng.choice(categories) if rng.random() < 0.5 else rng.choices(list(weights), weights.values())[0]
            found.append((rng.betavariate(0.5, 12), category, random_box(rng, size)))
        found.sort(key=lambda one: -one[0])
        for score, category, box in found[:share]:
            box = [round(side, 3) for side in box]
            results.append(
                {
                    "image_id": image["id"],
                    "category_id": category,
                    "bbox": box,
                    "score": round(0.001 + 0.999 * score, 5),
                }
            )
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="OUT_DIR", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    weights = class_weights(rng)
    truth = make_truth(rng, weights)
    results = make_results(rng, truth, weights)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, content in ("truth", truth), ("results", results):
        path = arguments.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
