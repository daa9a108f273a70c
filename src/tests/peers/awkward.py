"""Awkward things that are added to a case: one function each, which changes the case that it is given."""


def crowd(case):
    """Boxes of many objects, one of them inside another, with several detections and a single truth in them."""
    image, category = case.place()
    case.truth(image, category, [10, 10, 300, 200], 41_234.5, iscrowd=1)
    case.truth(image, category, [40, 40, 100, 100], iscrowd=1)
    inside = case.truth(image, category, [50, 50, 60, 60])["bbox"]
    for _ in range(case.random.randint(3, 8)):
        case.detection(
            image,
            category,
            case.random.choice([inside, [60, 60, 50, 40], [55.5, 48.25, 64, 60.125], [200, 100, 220, 90]]),
        )


def crowd_only(case):
    """A class whose only truth does not count."""
    image, category = case.random.choice(case.images), case.new_category()
    case.truth(image, category, [0, 0, 200, 200], iscrowd=1)
    case.detection(image, category, [10, 10, 50, 50])
    case.detection(image, category, [300, 300, 50, 50])


def iou_ties(case):
    """A detection halfway between two truths, of which another detection can have one only: which is taken shows.

    The two may be of different classes, which matters where classes do not.
    """
    for _ in range(3):
        image, category = case.place()
        x, y = 32 * case.random.randint(0, 9), 32 * case.random.randint(0, 9)
        other = case.random.choice([category, case.random.choice(case.categories)])
        case.truth(image, category, [x, y, 32, 32])
        case.truth(image, other, [x + 8, y, 32, 32])
        case.detection(image, category, [x + 4, y, 32, 32], 0.9)
        case.detection(image, category, [case.random.choice([x - 4, x + 12]), y, 32, 32], 0.6)


def equal_boxes(case):
    """Several truths in one place, and several detections there."""
    image, category = case.place()
    for area in case.random.sample([900, 1024, 2000, 9216, 10_000], 3):
        case.truth(image, category, [20, 30, 32, 32], area)
    for _ in range(case.random.randint(2, 5)):
        case.detection(image, category, [20, 30, 32, 32])


def exact_iou(case):
    """Overlaps of exactly k/20, and of pycocotools' ninth threshold, which is not quite 0.9, and just below it."""
    for twentieths in case.random.sample(range(6, 21), 8):
        image, category = case.place()
        x, y = case.random.randint(0, 500), case.random.randint(0, 400)
        case.truth(image, category, [x, y, 40, 20])
        case.detection(image, category, [x, y, 40, twentieths])
    for ratio in (0.8999999999999999, 0.8999999999999997):
        image, category = case.place()
        x = case.random.randint(0, 500)
        case.truth(image, category, [x, 0, 32, 32])
        case.detection(image, category, [x, 0, 32, 32 * ratio])


def boundary_areas(case):
    """Truths and detections, matched or not, of exactly 32², 96² and no area."""
    image, category = case.place()
    for side in (32, 96, 32, 96, 0):
        box = [case.random.randint(0, 500), case.random.randint(0, 300), side, side]
        if case.random.random() < 0.6:
            case.truth(image, category, box, side * side)
        case.detection(image, category, box)
        case.detection(image, category, [box[0] + 2, box[1], side, side])


def extreme_areas(case):
    """Areas at and above the end of COCO's last range."""
    image, category = case.place()
    case.truth(image, category, [0, 0, 100_000, 100_000], 1e10)
    case.truth(image, category, [5, 5, 50, 50], 10_000_000_001)
    case.detection(image, category, [0, 0, 100_000, 100_000])
    case.detection(image, category, [5, 5, 50, 50])
    case.detection(image, category, [-100_000, 0, 100_001, 100_000])


def many_detections(case):
    """More than 100 detections of a class in an image; those that are right come anywhere, also beyond the 100."""
    image, category = case.place()
    boxes = [[40 * i, 300, 36, 30] for i in range(10)]
    for box in boxes:
        case.truth(image, category, box)
    for _ in range(case.random.randint(101, 170)):
        case.detection(image, category, case.random.choice(boxes) if case.random.random() < 0.1 else case.box())


def recall_grid(case):
    """A class of 20, 50 or 100 truths, found one by one with errors between: recalls that fall on the 101 thresholds."""
    category, count = case.new_category(), case.random.choice([20, 20, 50, 100])
    for number in range(count):
        image = case.images[number % len(case.images)]
        box = [12 * (number % 40), 40 * (number // 40), 10, 30]
        case.truth(image, category, box)
        case.detection(image, category, box, 1 - number / 200)
        if case.random.random() < 0.4:
            case.detection(image, category, [box[0], 400, 10, 30], 1 - (number + 0.5) / 200)


def degenerate(case):
    """Boxes without width, height or both, alone and in others."""
    image, category = case.place()
    for box in ([50, 50, 0, 30], [50, 50, 30, 0], [60, 60, 0, 0]):
        case.truth(image, category, box)
        case.detection(image, category, box)
    case.truth(image, category, [45, 45, 40, 40])
    case.truth(image, category, [0, 0, 0, 100], iscrowd=1)
    case.detection(image, category, [45, 45, 40, 40])


def nearly_equal(case):
    """Overlaps that differ from 1 in the last digits only."""
    image, category = case.place()
    for _ in range(4):
        x, y, w, h = (case.random.uniform(1, 300) for _ in range(4))
        case.truth(image, category, [x, y, w, h])
        case.detection(
            image, category, [x, y, w * case.random.choice([1, 1 + 1e-15, 1 + 1e-11, 1 - 1e-11, 1 - 1e-9]), h]
        )


def empty_classes(case):
    """Classes with truths only, with detections only, with neither."""
    for _ in range(case.random.randint(1, 2)):
        case.truth(case.random.choice(case.images), case.new_category(), case.box())
    for _ in range(2):
        case.detection(case.random.choice(case.images), case.new_category(), case.box())
    case.new_category()


def empty_images(case):
    """Images with neither truths nor detections."""
    case.images += [id for id in case.random.sample(range(1, 1_000_000), 4) if id not in case.images]


def no_detections(case):
    case.results.clear()


def no_truths(case):
    case.annotations.clear()


def odd_scores(case):
    """Scores that are no probabilities; whole numbers."""
    for score in (0, 1, -1.5, 3.25, 1e-300, 0.1 + 0.2, 0.3, 1e300):
        image, category = case.place()
        near = [
            truth["bbox"]
            for truth in case.annotations
            if (truth["image_id"], truth["category_id"]) == (image, category)
        ]
        case.detection(image, category, case.random.choice(near or [case.box()]), score)


def stray_annotations(case):
    """Truths of images and classes that are not listed."""
    image, category = case.place()
    case.truth(1_000_001, category, case.box())
    case.truth(image, 95, case.box())


def annotation_id_zero(case):
    """Quirk: a match is noted as the truth's id, so whoever matches id 0 has matched nothing."""

    def step():
        if case.annotations:
            case.random.choice(case.annotations)["id"] = 0

    case.last_steps.append(step)


def duplicate_ids(case):
    """Quirk: for each annotation of a repeated id, the last one of that id in the file is taken."""

    def step():
        for annotation in case.random.sample(case.annotations, min(3, len(case.annotations))):
            annotation["id"] = case.random.choice(case.annotations)["id"]

    case.last_steps.append(step)


def unknown_category(case):
    """Quirk: detections of a class that is not listed do not count, not even if classes do not matter."""
    for _ in range(3):
        image, _ = case.place()
        case.detection(image, 95, case.box())


def ignore_flag(case):
    """Quirk: `ignore` is overwritten by `iscrowd`, so it means nothing."""
    for annotation in case.annotations[::3]:
        annotation["ignore"] = 1


QUIRKS = [annotation_id_zero, duplicate_ids, unknown_category, ignore_flag]
ONLY_COCO = [extreme_areas, odd_scores, stray_annotations, *QUIRKS]
RARE = [no_detections, no_truths, *QUIRKS]
FEATURES = [
    crowd,
    crowd_only,
    iou_ties,
    equal_boxes,
    exact_iou,
    boundary_areas,
    extreme_areas,
    many_detections,
    recall_grid,
    degenerate,
    nearly_equal,
    empty_classes,
    empty_images,
    odd_scores,
    stray_annotations,
    no_detections,
    no_truths,
    *QUIRKS,
]
