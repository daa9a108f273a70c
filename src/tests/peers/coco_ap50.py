"""Prints the COCO AP50 of `ocelli detect --json` lines: coco_ap50.py TRUTH.json DETECTIONS.jsonl."""

import contextlib
import json
import os
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

truth, detections = sys.argv[1:]
with contextlib.redirect_stdout(sys.stderr):
    coco = COCO(truth)
    images = {image["file_name"]: image["id"] for image in coco.dataset["images"]}
    categories = sorted(category["id"] for category in coco.dataset["categories"])
    results = []
    for line in open(detections):
        report = json.loads(line)
        for found in report["detections"]:
            box = found["box"]
            results.append({
                "image_id": images[os.path.basename(report["image"]["name"])],
                "category_id": categories[found["class_id"]],
                "bbox": [box["x"], box["y"], box["width"], box["height"]],
                "score": found["confidence"],
            })
    evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
print(evaluation.stats[1])
