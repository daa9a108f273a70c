"""Random truths and detections by seed, in COCO's JSON: made to be awkward, for comparisons with other implementations.

A case is a plain scene with a few awkward things added. Seed n always has the nth of them (modulo their number) and any
other with some chance, so a few dozen seeds have them all. Nothing here is measured: coverage.py counts what a case has.
"""

import random

from awkward import FEATURES, ONLY_COCO, RARE

IMAGE = (640, 480)
# Areas on and right beside the limits of COCO's sizes.
BOUNDARY_AREAS = [
    0,
    1024,
    9216,
    1e10,
    1023.9999999999999,
    1024.0000000000002,
    9215.999999999998,
    9216.000000000002,
    10000000000.000002,
]


class Case:
    """A scene: images, categories, annotations (truths) and results (detections) as COCO writes them.

    Without `ties`, all scores differ. Without `coco`, there is nothing that means something to COCO only: its quirks,
    areas at the limits, scores that are no probabilities.
    """

    def __init__(self, seed, ties=True, coco=True):
        self.random = rng = random.Random(seed)
        self.style = rng.choice(["lattice", "integer", "rounded", "fraction", "tiny"])
        self.scores = rng.choice(["few", "few", "rounded", "distinct"]) if ties else "distinct"
        self.areas = rng.choice(["box", "mask", "boundary"] if coco else ["box", "mask"])
        count = rng.choice([1, 3, 5, 8, 12, 20, 26])
        self.images = rng.sample(range(1, 1_000_000), count)
        self.categories = rng.sample(range(1, 91), rng.randint(1, 5))
        self.annotations, self.results = [], []
        self.last_steps = []  # that need the annotations' ids
        for image in self.images:
            self.scene(image)
        features = [feature for feature in FEATURES if coco or feature not in ONLY_COCO]
        for index, feature in enumerate(features):
            if index == seed % len(features) or rng.random() < (0.03 if feature in RARE else 0.15):
                feature(self)
        self.finish()
        if not ties:
            self.part_scores()

    # --- Parts of a scene ---------------------------------------------------------------------------------------------

    def box(self):
        rng = self.random
        if (
            self.style == "lattice"
        ):  # few places and sizes: the same overlaps again and again, and areas of 1024 and 9216
            return [
                16 * rng.randint(0, 8),
                16 * rng.randint(0, 6),
                rng.choice([16, 32, 32, 64, 96]),
                rng.choice([16, 32, 32, 64, 96]),
            ]
        if self.style == "integer":
            return [rng.randint(0, 500), rng.randint(0, 400), rng.randint(1, 140), rng.randint(1, 140)]
        if self.style == "tiny":
            return [
                rng.uniform(0, 3),
                rng.uniform(0, 3),
                rng.choice([1e-13, 1e-3, 0.5, 1.0]) * rng.random(),
                rng.choice([1e-3, 0.5, 1.0]) * rng.random(),
            ]
        box = [rng.uniform(0, 500), rng.uniform(0, 400), 4 + rng.expovariate(1 / 50), 4 + rng.expovariate(1 / 50)]
        return [round(side, 2) for side in box] if self.style == "rounded" else box

    def jittered(self, box):
        """A box near another one."""
        rng = self.random
        if rng.random() < 0.2:
            return list(box)
        x, y, w, h = box
        if self.style == "lattice":
            return [
                x + rng.choice([-16, 0, 0, 16]),
                y + rng.choice([-8, 0, 0, 8]),
                w,
                rng.choice([h, h, h / 2, 3 * h / 4]),
            ]
        spread = rng.choice([0.02, 0.08, 0.25])
        moved = [
            x + rng.gauss(0, spread) * w,
            y + rng.gauss(0, spread) * h,
            w * rng.uniform(1 - spread, 1 + spread),
            h * rng.uniform(1 - spread, 1 + spread),
        ]
        if self.style == "integer":
            return [round(moved[0]), round(moved[1]), max(1, round(moved[2])), max(1, round(moved[3]))]
        return [round(side, 2) for side in moved] if self.style == "rounded" else moved

    def score(self):
        if self.scores == "few":
            return self.random.choice([0.1, 0.3, 0.3, 0.5, 0.7, 0.9])
        return round(self.random.random(), 2) if self.scores == "rounded" else self.random.random()

    def area(self, box):
        if self.areas == "boundary" and self.random.random() < 0.6:
            return self.random.choice(BOUNDARY_AREAS)
        return box[2] * box[3] * (1 if self.areas == "box" else self.random.uniform(0.3, 1))

    def truth(self, image, category, box, area=None, **more):
        area = self.area(box) if area is None else area
        annotation = {
            "id": 0,
            "image_id": image,
            "category_id": category,
            "bbox": list(box),
            "area": area,
            "iscrowd": 0,
        }
        self.annotations.append(annotation | more)
        return self.annotations[-1]

    def detection(self, image, category, box, score=None):
        score = self.score() if score is None else score
        self.results.append({"image_id": image, "category_id": category, "bbox": list(box), "score": score})

    def scene(self, image):
        rng = self.random
        for _ in range(rng.choice([0, 1, 2, 4, 8])):
            category, box = rng.choice(self.categories), self.box()
            self.truth(image, category, box)
            for _ in range(rng.choice([0, 1, 1, 1, 2, 4])):
                said = category if rng.random() < 0.85 else rng.choice(self.categories)
                self.detection(image, said, self.jittered(box))
        for _ in range(rng.choice([0, 0, 1, 3, 6])):
            self.detection(image, rng.choice(self.categories), self.box())

    def place(self):
        """An image and a category of the scene."""
        return self.random.choice(self.images), self.random.choice(self.categories)

    def new_category(self):
        self.categories.append(self.random.choice([id for id in range(1, 91) if id not in self.categories]))
        return self.categories[-1]

    def finish(self):
        """Numbers the annotations, and shuffles everything: nothing may depend on the order of ids."""
        rng = self.random
        # COCO's own ids need more than 32 bits.
        start = rng.choice([1, 900_100_000_000])
        for annotation, id in zip(self.annotations, rng.sample(range(start, start + 10_000), len(self.annotations))):
            annotation["id"] = id
        for step in self.last_steps:
            step()
        for records in (self.images, self.categories, self.annotations, self.results):
            rng.shuffle(records)

    def part_scores(self):
        """Makes all scores different, equal ones by little."""
        seen = set()
        for result in self.results:
            while result["score"] in seen:
                result["score"] -= 1e-6 * self.random.random()
            seen.add(result["score"])

    def truth_file(self):
        return {
            "images": [
                {"id": id, "width": IMAGE[0], "height": IMAGE[1], "file_name": f"{id:012}.jpg"} for id in self.images
            ],
            "annotations": self.annotations,
            "categories": [{"id": id, "name": f"class {id}"} for id in self.categories],
        }


def difficult(case):
    """Marks some truths as not counting, as Pascal VOC's `difficult` does."""
    for annotation in case.annotations:
        if case.random.random() < 0.2:
            annotation["ignore"] = 1


def parameters(case):
    """pycocotools' parameters for a case: mostly the default ones."""
    rng = case.random
    grids = [
        [0.5],
        [0.75],
        [0.3, 0.35],
        [0.5, 0.9],
        [0.999999999999],
        [1.0],
        [0.1, 0.5, 0.95, 1.0],
        [k / 20 for k in range(10, 20)],
    ]
    areas = [
        ([[0, 1e10]], ["all"]),
        ([[0, 1e10], [0, 500], [500, 2000], [2000, 1e10]], ["all", "small", "medium", "large"]),
        ([[1024, 9216], [9216, 9216]], ["medium", "exactly"]),
    ]
    default = ([[0, 1e10], [0, 1024], [1024, 9216], [9216, 1e10]], ["all", "small", "medium", "large"])
    ranges, labels = rng.choice(areas) if rng.random() < 0.2 else default
    return {
        "iou_thresholds": rng.choice(grids) if rng.random() < 0.4 else None,
        "recall_thresholds": rng.choice([[0, 0.25, 0.5, 0.75, 1], [0.35], [i / 10 for i in range(11)], [0.5, 1.5]])
        if rng.random() < 0.1
        else None,
        "max_detections": rng.choice([[1, 3, 7], [1, 10, 100, 300], [5], [2, 50]])
        if rng.random() < 0.3
        else [1, 10, 100],
        "areas": ranges,
        "area_labels": labels,
        "use_cats": rng.random() >= 0.2,
    }


def seeds(first, last):
    """The seeds from the first up to, and without, the last; both as arguments give them."""
    return range(int(first), int(last))
