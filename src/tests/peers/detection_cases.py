"""Random cases and what other definitions make of them: detection_cases.py OUT_DIR SEED_FROM SEED_TO.

Writes for each seed OUT_DIR/NNN/ with truth.json and results.json (COCO, `ignore` meaning difficult) and expected.json:
the IoU threshold `iou`, `voc2007` and `voc2010` of voc_devkit.py, `darknet` of darknet_map.py (`null` if scores may be
equal, for Darknet's sort is not stable), and `analysis` of analysis.py, which is of the same truths without `ignore`, in
plain.json. Even seeds may have equal scores. Prints what each case has, and counts it in OUT_DIR/coverage.json.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import analysis
import cases
import coverage
import darknet_map
import voc_devkit


def write_case(folder, seed):
    """Writes the case of a seed, and returns what it has."""
    folder.mkdir(parents=True, exist_ok=True)
    ties = seed % 2 == 0
    case = cases.Case(seed, ties=ties, coco=False)
    plain = json.loads(json.dumps(case.truth_file()))
    cases.difficult(case)
    truth, results = case.truth_file(), case.results
    iou = case.random.choice([0.5, 0.5, 0.3, 0.75])
    expected = {
        "iou": iou,
        **voc_devkit.evaluate(truth, results, iou),
        **({"darknet": None} if ties else darknet_map.evaluate(truth, results, iou)),
        "analysis": analysis.analyse(plain, results, seed),
    }
    for name, value in ("truth", truth), ("plain", plain), ("results", results), ("expected", expected):
        (folder / f"{name}.json").write_text(json.dumps(value))
    kinds = {f"{kind} mistake" for kind in expected["analysis"]["mistakes"]}
    return coverage.of_data(truth, results) | kinds | ({"missed"} if expected["analysis"]["missed"] else set())


def main(out, first, last):
    total = Counter()
    for seed in cases.seeds(first, last):
        has = write_case(Path(out) / f"{seed:03}", seed)
        total.update(has)
        print(f"{seed:03}: {', '.join(sorted(has))}")
    (Path(out) / "coverage.json").write_text(json.dumps(dict(sorted(total.items())), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    voc_devkit.check_by_hand()
    darknet_map.check_by_hand()
    main(*sys.argv[1:])
