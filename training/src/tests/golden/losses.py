"""Makes losses.json and losses.safetensors: the YOLO loss restated in PyTorch, truth by truth and box by box, in float64.

    python losses.py            # beside this file; needs torch and numpy

It follows the papers' formulas (named in training/src/losses/yolo/mod.rs) and shares nothing with the Rust code. Gradients
come from PyTorch's autograd. No number of it is near a threshold: a prediction whose IoU is within 1e-4 of the ignore
threshold stops the script.
"""

import json
import math
import pathlib
import struct

import numpy as np
import torch

W, H = 96, 64
STRIDES = [16, 32]
ANCHORS = [[[10.0, 13.0], [22.0, 17.0], [16.0, 30.0]], [[40.0, 28.0], [30.0, 58.0], [80.0, 50.0]]]
CLASSES = 3
torch.set_default_dtype(torch.float64)


def bce(logit, target):
    """-y ln s(x) - (1 - y) ln(1 - s(x)), the definition; logits here are small enough for it."""
    p = torch.sigmoid(logit)
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p))


def corners(cx, cy, w, h):
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def overlap(a, b):
    """IoU, union and sides of the hull of two (left, top, right, bottom)."""
    w = torch.clamp(torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0]), min=0)
    h = torch.clamp(torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1]), min=0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
    hull = torch.maximum(a[2], b[2]) - torch.minimum(a[0], b[0]), torch.maximum(a[3], b[3]) - torch.minimum(a[1], b[1])
    return w * h / union, union, hull


def predicted(t, scale, col, row, stride, anchor, clamp):
    x = torch.sigmoid(t[0]) * scale - (scale - 1) / 2
    y = torch.sigmoid(t[1]) * scale - (scale - 1) / 2
    tw, th = (torch.clamp(t[2], -6, 4), torch.clamp(t[3], -6, 4)) if clamp else (t[2], t[3])
    return (x + col) * stride, (y + row) * stride, torch.exp(tw) * anchor[0], torch.exp(th) * anchor[1]


def shape_iou(w, h, anchor):
    shared = min(w, anchor[0]) * min(h, anchor[1])
    return shared / (w * h + anchor[0] * anchor[1] - shared)


def positives(truths, shape):
    """{(output, anchor, row, col): truth}; a best anchor goes before another, a later truth before an earlier one."""
    found = {}
    for best_pass in (False, True):
        for truth in truths:
            x, y, w, h, _ = truth
            ious = {(o, a): shape_iou(w, h, ANCHORS[o][a]) for o in range(2) for a in range(3)}
            best = max(ious, key=ious.get)
            for (o, a), iou in ious.items():
                wanted = (o, a) == best if best_pass else (o, a) != best and shape is not None and iou > shape
                if wanted:
                    rows, cols = H // STRIDES[o], W // STRIDES[o]
                    row = min(int((y + h / 2) // STRIDES[o]), rows - 1)
                    col = min(int((x + w / 2) // STRIDES[o]), cols - 1)
                    found[(o, a, row, col)] = truth
    return found


def box_parts(form, t, scale, at, truth):
    o, a, row, col = at
    anchor, stride = ANCHORS[o][a], STRIDES[o]
    x, y, w, h, _ = truth
    in_cell = (x + w / 2) / stride - col, (y + h / 2) / stride - row
    importance = 2 - w * h / (W * H)
    if form == "paper":
        target = [torch.tensor((v + (scale - 1) / 2) / scale) for v in in_cell]
        # At 0 and 1 the definition is 0 * log(0) where t is far out; no t is, here.
        xy = bce(t[0], target[0]) + bce(t[1], target[1])
        wh = 0.5 * (t[2] - math.log(w / anchor[0])) ** 2 + 0.5 * (t[3] - math.log(h / anchor[1])) ** 2
        return {"xy": importance * xy, "wh": importance * wh}
    if form == "notes":
        bx, by, bw, bh = predicted(t, scale, col, row, stride, anchor, False)
        xy = (bx / stride - col - in_cell[0]) ** 2 + (by / stride - row - in_cell[1]) ** 2
        wh = (torch.sqrt(bw / W) - math.sqrt(w / W)) ** 2 + (torch.sqrt(bh / H) - math.sqrt(h / H)) ** 2
        return {"xy": xy, "wh": wh}
    bx, by, bw, bh = predicted(t, scale, col, row, stride, anchor, True)
    iou, union, hull = overlap(corners(bx, by, bw, bh), [torch.tensor(v) for v in (x, y, x + w, y + h)])
    if form == "giou":
        area = hull[0] * hull[1]
        return {"box": importance * (1 - (iou - (area - union) / area))}
    d2 = (bx - (x + w / 2)) ** 2 + (by - (y + h / 2)) ** 2
    v = 4 / math.pi**2 * (math.atan(w / h) - torch.atan(bw / bh)) ** 2
    alpha = (v / (1 - iou + v)).detach()
    return {"box": importance * (1 - (iou - d2 / (hull[0] ** 2 + hull[1] ** 2) - alpha * v))}


def loss(heads, truths, options, scales, kind):
    form = options.get("form", "paper")
    weight = options.get("box_weight", {"paper": 1, "notes": 5, "giou": 2, "ciou": 2}[form])
    ignore, smooth, focal = options.get("ignore", 0.5), options.get("label_smoothing", 0.0), options.get("focal")
    names = ["xy", "wh"] if form in ("paper", "notes") else ["box"]
    parts = {name: torch.zeros(()) for name in names + ["objectness", "class"]}
    counts = {"positive": 0, "ignored": 0}
    for n, of_picture in enumerate(truths):
        found = positives(of_picture, options.get("shape_iou"))
        counts["positive"] += len(found)
        for o, head in enumerate(heads):
            boxes = head[n].reshape(3, 5 + CLASSES, H // STRIDES[o], W // STRIDES[o])
            for a in range(3):
                for row in range(boxes.shape[2]):
                    for col in range(boxes.shape[3]):
                        t, at = boxes[a, :, row, col], (o, a, row, col)
                        truth = found.get(at)
                        if truth is not None:
                            for name, value in box_parts(form, t, scales[o], at, truth).items():
                                parts[name] = parts[name] + weight * value
                            one_hot = torch.zeros(CLASSES)
                            one_hot[truth[4]] = 1
                            if kind == "yolov2":
                                target = one_hot * (1 - smooth) + smooth / CLASSES
                                value = -(target * torch.log(torch.softmax(t[5:], 0))).sum()
                            else:
                                value = bce(t[5:], one_hot * (1 - smooth) + smooth / 2).sum()
                            parts["class"] = parts["class"] + value
                        else:
                            box = corners(*predicted(t.detach(), scales[o], col, row, STRIDES[o], ANCHORS[o][a], False))
                            most = 0.0
                            for x, y, w, h, _ in of_picture:
                                most = max(most, float(overlap(box, [torch.tensor(v) for v in (x, y, x + w, y + h)])[0]))
                            assert most == 0 or abs(most - ignore) > 1e-4, (most, ignore)
                            if most > ignore:
                                counts["ignored"] += 1
                                continue
                        value = bce(t[4], torch.tensor(1.0 if truth is not None else 0.0))
                        if focal is not None:
                            p = torch.sigmoid(t[4])
                            wrong = 1 - p if truth is not None else p
                            share = focal["alpha"] if truth is not None else 1 - focal["alpha"]
                            value = share * wrong ** focal["gamma"] * value
                        if form == "notes" and truth is None:
                            value = 0.5 * value
                        parts["objectness"] = parts["objectness"] + value
    return {name: value / len(truths) for name, value in parts.items()}, counts


TRUTHS = [
    [
        [8.0, 10.0, 11.0, 12.0, 0],
        # The same cell and anchor as the first: the later one wins.
        [9.0, 9.5, 10.0, 13.5, 2],
        # Centres on the right and on the bottom border, and on the corner.
        [85.0, 20.0, 22.0, 18.0, 1],
        [30.0, 49.0, 17.0, 30.0, 1],
        [76.0, 50.0, 40.0, 28.0, 0],
        # A centre on the border of two cells: the right one, at 0.
        [37.0, 4.0, 22.0, 18.0, 2],
        # With several positives it wants the box that is the first's best.
        [7.0, 8.0, 17.0, 15.0, 1],
    ],
    [],
    [[10.0, 6.0, 78.0, 52.0, 2], [50.0, 5.0, 30.0, 54.0, 0], [20.0, 20.0, 24.0, 16.0, 1], [60.0, 30.0, 9.0, 4.0, 0]],
]
NONE = [[], [], []]
SEVERAL = {"form": "ciou", "shape_iou": 0.35, "ignore": 0.4}
FOCAL = {"gamma": 2.0, "alpha": 0.25}
CASES = [
    ("paper", {}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("paper, several positives", {"shape_iou": 0.3, "ignore": 0.6, "box_weight": 1.5}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("paper, none ignored", {"ignore": 1.0}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("paper, smoothed", {"label_smoothing": 0.1}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("paper, focal", {"focal": FOCAL}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("paper, stretched", {}, TRUTHS, [1.2, 1.05], "yolov3"),
    ("paper, softmax", {"label_smoothing": 0.1}, TRUTHS, [1.0, 1.0], "yolov2"),
    ("paper, no truth", {}, NONE, [1.0, 1.0], "yolov3"),
    ("notes", {"form": "notes"}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("notes, focal, stretched", {"form": "notes", "focal": {"gamma": 0.5, "alpha": 0.6}}, TRUTHS, [1.2, 1.05], "yolov3"),
    ("giou", {"form": "giou", "ignore": 0.4}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("ciou", {"form": "ciou"}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("ciou, several positives", {**SEVERAL, "box_weight": 3.0}, TRUTHS, [1.0, 1.0], "yolov3"),
    ("ciou, stretched, smoothed, focal", {**SEVERAL, "label_smoothing": 0.2, "focal": FOCAL}, TRUTHS, [1.2, 1.05], "yolov3"),
    ("ciou, no truth", {"form": "ciou"}, NONE, [1.0, 1.0], "yolov3"),
]


def safetensors(arrays):
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in arrays.values())


def main():
    generator = np.random.default_rng(5)
    heads = []
    for stride in STRIDES:
        head = generator.normal(0, 0.6, (3, 3 * (5 + CLASSES), H // stride, W // stride)).astype(np.float32)
        head[:, 4 :: 5 + CLASSES] -= 1.5
        heads.append(head)
    # Positives far from their anchors, beyond the clamps of the IoU forms: t_w of the large box, t_h of the flat one.
    heads[1][2, 16 + 2, 1, 1] = 4.75
    heads[0][2, 3, 2, 4] = -6.5
    # Neighbours that predict a truth of another cell, and are ignored therefore: of the large box, of the one on a border.
    heads[1][2, 16 : 16 + 4, 0, 1] = [0.1, 2.5, 0.1, -0.1]
    heads[0][0, 8 : 8 + 4, 0, 2] = [2.5, 1.5, 0.05, 0.1]
    arrays = {f"head.{o}": head for o, head in enumerate(heads)}
    cases = []
    for index, (name, options, truths, scales, kind) in enumerate(CASES):
        leaves = [torch.tensor(head.astype(np.float64), requires_grad=True) for head in heads]
        parts, counts = loss(leaves, truths, options, scales, kind)
        sum(parts.values()).backward()
        if truths is TRUTHS and options.get("ignore", 0.5) < 1:
            assert counts["ignored"] > 0, name
        for o, leaf in enumerate(leaves):
            arrays[f"gradient.{index}.{o}"] = leaf.grad.numpy().astype(np.float32)
        values = {part: value.item() for part, value in parts.items()}
        print(name, counts, values)
        cases.append({"name": name, "options": options, "truths": truths, "scale_xy": scales, "head": kind, "parts": values})
    here = pathlib.Path(__file__).parent
    golden = {"network": [W, H], "anchors": ANCHORS, "classes": CLASSES, "cases": cases}
    (here / "losses.json").write_text(json.dumps(golden, indent=1) + "\n")
    (here / "losses.safetensors").write_bytes(safetensors(arrays))


if __name__ == "__main__":
    main()
