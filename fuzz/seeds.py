"""Writes the first corpus of each fuzz target, from the small files below: python3 fuzz/seeds.py"""

import json
import pathlib

BOX = {"image_id": 4, "category_id": 1, "bbox": [8, 8.5, 16, 3.2e1], "score": 0.5}
TRUTH = {"id": 7, "image_id": 4, "category_id": 18, "bbox": [10, 20.5, 30, 40], "area": 600.25, "iscrowd": 0,
         "ignore": 1, "segmentation": [[10, 20.5, 40, 20.5, 40, 60.5]]}
CROWD = {"id": 8, "image_id": 4, "category_id": 18, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 1,
         "segmentation": {"counts": "a]\"b", "size": [9, 9]}}
REPORT = {"model": "yolo", "image": {"name": "a.jpg", "width": 256, "height": 512},
          "detections": [{"label": "dog", "class_id": 1, "confidence": 0.75,
                          "box": {"x": 1.5, "y": 2, "width": 3, "height": 4}}], "timings_ms": {"total": 1.5}}


def data_set(*annotations):
    return json.dumps({"info": {"year": 2017}, "images": [{"id": 4, "file_name": "a.jpg", "width": 256, "height": 512}],
                       "annotations": annotations, "categories": [{"id": 18, "name": "dög"}]})


SEEDS = {
    "truth_coco": [data_set(TRUTH), data_set(TRUTH, CROWD, TRUTH), data_set({**TRUTH, "bbox": [float("nan"), 1, 2, 3]})],
    "results_coco": ["[]", json.dumps([BOX]), json.dumps([BOX, {**BOX, "score": None}], indent=1),
                     json.dumps([{**BOX, "score": float("nan")}, {**BOX, "image_id": "a"}, {**BOX, "category_id": 47.0}]),
                     json.dumps([{**BOX, "bbox": [-1e-3, 12345678901234567890, 1e300, float("-inf")]}])],
    "results_lines": [json.dumps(REPORT), '{"ocelli_run": {}}\n' + json.dumps(REPORT) + "\n" + json.dumps(REPORT)],
    "results_voc": ["a 0.5 0 0 16 32\nb_0 1e-1 8 8 16.5 32\r\n\n", "a nan 0 0 inf 32\n"],
    "results_yolo": ["0 0.5 0.5 0.1 0.1 0.9\n1 0.25 0.5 0.1 0.2 1\n", "2 0.5 0.5 0.1 0.1\n"],
    "results_csv": ["filename,class,score,xmin,ymin,xmax,ymax\na.jpg,dog,0.5,0,0,16,32\nb_0.jpg,\"cup\",,1,2,3,4\n",
                    "image;label;confidence;x1;y1;x2;y2\na;person;1;0;0;16;32\n"],
    "truth_voc": ["<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size><object><name>dög"
                  "</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3.5</xmax><ymax>4</ymax></bndbox>"
                  "</object></annotation>", "a 1\nb -1\r\n"],
    "truth_yolo": ["path: .\ntrain: [a, b.txt]\nval: images/val # here\nnc: 2\nnames:\n  0: cat\n  1: 'dog: big'\n",
                   "val: c\nnames: [no, 5, null]\n"],
    "truth_labels": ["0 0.5 0.5 0.2 0.5\n1 0.1 0.25 0.5 0.25 0.3 0.75\r\n\n2 1e300 nan inf -0\n"],
    "truth_darknet": ["# data\nclasses= 80\ntrain  = a.txt\nvalid = b.txt\nnames = data/coco.names\n"],
    "truth_csv": ["filename,width,height,class,xmin,ymin,xmax,ymax\n\"a, \"\"b\"\".jpg\",650,417,cat,81,88,522,408\nb,,,,,,,\n",
                  "image;label;x;y;w;h\na;dog;1;2;3;4\n"],
    "class_map": ["# a comment\nsofa = couch\n\"dog\" = 'hound' # why\n", "b = c"],
}

for target, seeds in SEEDS.items():
    folder = pathlib.Path(__file__).parent / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"seed{number}").write_text(seed, encoding="utf-8", newline="")
