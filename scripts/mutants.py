#!/usr/bin/env python3
"""Plants mistakes in the evaluation, one at a time, and tells which test finds each: mutants.py [--list] [NAME …].

Without names, all of them; a name stands for every mutant whose name contains it. A copy of the sources is changed, in
target/mutants, never the working tree. What cannot be told from the original is left out, with the reason, at the end of
the list. Exits with 1 if a mistake survives, does not compile, or does not apply. Standard library only.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "target/mutants"
COPIED = ["Cargo.toml", "Cargo.lock", "src"]
CARGO = ["cargo", "test", "--quiet", "--no-default-features", "--test", "evaluation"]
TESTS = ["--", "pycocotools", "devkits", "analyses"]

MATCHING = "src/average_precision/matching.rs"
COMPARISON = "src/average_precision/comparison.rs"
MATCHES = "src/average_precision/coco/matches.rs"
CURVE = "src/average_precision/coco/curve.rs"
MEAN = "src/average_precision/coco/mean.rs"
OPTIONS = "src/average_precision/coco/options.rs"
SUMMARY = "src/average_precision/coco/summary.rs"
DEVKIT = "src/average_precision/devkit.rs"
OUTCOMES = "src/evaluate/outcomes.rs"
CALIBRATION = "src/evaluate/calibration.rs"
CONFUSION = "src/evaluate/confusion.rs"
MISTAKES = "src/evaluate/mistakes.rs"
SLICES = "src/evaluate/slices.rs"
BOOTSTRAP = "src/evaluate/bootstrap.rs"

# Name, file, and pairs of what stands there exactly once and what is to stand there instead.
MUTANTS = [
    # COCO: matching
    (
        "the first of equal IoUs instead of the last", MATCHING,
        "if ious[truth] >= best {", "if ious[truth] > best || chosen.is_none() && ious[truth] >= best {",
    ),
    (
        "an IoU of exactly the threshold is no match", MATCHING,
        "if ious[truth] >= best {", "if ious[truth] > best || chosen.is_some() && ious[truth] >= best {",
    ),
    ("an IoU of 1 - 1e-10 is not enough for 1", MATCHING, "f64 = 1.0 - 1e-10;", "f64 = 1.0;"),
    (
        "crowds by ordinary IoU", MATCHING,
        "if *crowd { bbox.coverage(truth) } else { bbox.iou(truth) }", "if *crowd { bbox.iou(truth) } else { bbox.iou(truth) }",
    ),
    ("a crowd is used up", MATCHING, "if self.taken[truth] && !self.crowd[truth] {", "if self.taken[truth] {"),
    ("a truth is never used up", MATCHING, "self.taken[truth] = true;", ""),
    (
        "ignored truths are tried in their place", MATCHING,
        "self.order.extend(flags.clone().filter(|(_, ignored)| !ignored));", "self.order.extend(flags.clone());",
        "self.order.extend(flags.filter(|(_, ignored)| *ignored));", "",
    ),
    ("an ignored truth of larger IoU is preferred", MATCHING, "if ignored && chosen", "if false && chosen"),
    # COCO: areas and limits
    ("ranges of areas without their upper end", OPTIONS, "area <= self.high", "area < self.high"),
    ("ranges of areas without their lower end", OPTIONS, "area >= self.low", "area > self.low"),
    ("a truth's area is its box's", MATCHES, "area.has(truth.area)", "area.has(truth.bbox.area())"),
    ("crowds count as truths", MATCHES, "truth.counts() && area.has", "area.has"),
    ("unmatched predictions outside an area count", MATCHES, "|area| !area.has(bbox.area())", "|area| area.low > bbox.area() && false"),
    (
        "unmatched predictions of areas with the same truths are ignored as there", MATCHES,
        "other.ignored & !self.matched", "self.ignored & !self.matched",
    ),
    (
        "areas with as many truths have the same truths", MATCHES,
        "counted(*earlier).eq(counted(area))", "counted(*earlier).filter(|c| *c).count() == counted(area).filter(|c| *c).count()",
    ),
    ("matched predictions: one too many within a limit", CURVE, "matched.rank as usize >= limit", "matched.rank as usize > limit"),
    ("unmatched predictions: one too many within a limit", CURVE, "(other.rank as usize) < limit", "(other.rank as usize) <= limit"),
    # COCO: order
    ("an unstable sort by score", COMPARISON, "keys.sort_unstable();", "keys.sort_unstable_by_key(|(score, ..)| *score);"),
    (
        "equal scores from the end of the file", COMPARISON,
        "keys.sort_unstable();", "keys.sort_unstable_by_key(|(score, class, index)| (*score, *class, !*index));",
    ),
    (
        "equal scores of different pictures in the order of the file", MATCHES,
        "if !ties.is_sorted_by_key(|index| image(*index)) {", "if false {",
    ),
    (
        "predictions of pooled classes in the order of the file", COMPARISON,
        "if pooled { prediction.class } else { 0 }", "if pooled && false { prediction.class } else { 0 }",
    ),
    (
        "truths of pooled classes in the order of the file", COMPARISON,
        "let mut truth_order = file_order(truths.len());\n        if pooled {", "let mut truth_order = file_order(truths.len());\n        if false {",
    ),
    # COCO: the curve and its means
    (
        "recall thresholds of i / 100", OPTIONS,
        "linspace(0.0, 1.0, 101)", "(0..101).map(|i| f64::from(i) / 100.0).collect()",
    ),
    (
        "IoU thresholds of 0.5 + i * 0.05", OPTIONS,
        "linspace(0.5, 0.95, 10)", "(0..10).map(|i| 0.5 + f64::from(i) * 0.05).collect()",
    ),
    ("a recall of exactly the threshold does not reach it", CURVE, "**recall <= reached", "**recall < reached"),
    ("precision is not raised to that of higher recalls", CURVE, "hit.precision = largest;", ""),
    ("precision without the epsilon", CURVE, "f64 = f64::EPSILON;", "f64 = 0.0;"),
    (
        "the score at recall 0 is that of the first right prediction", CURVE,
        "tell(best, first);", "tell(best, self.hits.first().map_or(0.0, |hit| hit.score));",
    ),
    ("the mean by a plain sum", MEAN, "pairwise_sum(values) / values", "values.iter().sum::<f64>() / values"),
    ("the mean with classes without truths as 0", SUMMARY, "vec![blank; areas];", "vec![blank; areas];\n        let classes = self.classes.len();",
     "let classes = found.present.iter().filter(|present| **present).count();\n            found.values",
     "found.values.resize(classes * thresholds * recalls.len(), 0.0);\n            found.values"),
    ("AP75 at the threshold of AP50", SUMMARY, "all.mean(Some(threshold))", "all.mean(Some(threshold.min(0)))"),
    ("AR of all areas at the largest limit", SUMMARY, "self.recall(tracer, limit, weight)", "self.recall(tracer, main, weight)"),
    # pycocotools' quirks
    ("quirk id-zero is not copied", MATCHES, "cell.truths[truth] as usize].id == 0", "cell.truths[truth] as usize].id == i64::MIN"),
    ("quirk repeated-id is not copied", MATCHES, "..**last.get(&truth.id).unwrap_or(truth)", "..**last.get(&i64::MIN).unwrap_or(truth)"),
    ("quirk ignore-overwritten is not copied", MATCHES, "Truth { ignore: false, ..", "Truth { .."),
    ("quirk ap-at-100 is not copied", SUMMARY, "recalls.contains(&100).then_some(100)", "recalls.last().copied()"),
    ("quirk third-limit is not copied", SUMMARY, "recalls.truncate(3);", ""),
    # Pascal VOC and Darknet
    ("VOC without + 1 pixel", DEVKIT, "Rules::Voc { 1.0 }", "Rules::Voc { 0.0 }"),
    ("VOC: an IoU of exactly the threshold is no match", DEVKIT, "*largest >= iou)", "*largest > iou)"),
    (
        "VOC and Darknet: the best of the free truths", DEVKIT,
        "let truths: Vec<(u32, BBox, bool)> =", "let mut truths: Vec<(u32, BBox, bool)> =",
        "tell(*index, Some(best).filter(", "truths.retain(|one| one.0 != best || !one.2);\n                    tell(*index, Some(best).filter(",
        "tell(*index, Some(best));", "truths.retain(|one| one.0 != best);\n                    tell(*index, Some(best));",
        "truths.iter().map(|(.., counts)| u32::from(*counts)).sum()", "cell.truths.iter().map(|index| u32::from(counts(*index))).sum()",
    ),
    ("VOC: a difficult object counts when found", DEVKIT, "Some(best).filter(|best| counts(*best))", "Some(best)"),
    ("VOC: what is on a difficult object is wrong", DEVKIT, "*largest >= iou)", "*largest >= iou).filter(|(_, best)| counts(*best))"),
    ("VOC and Darknet: difficult objects are to be found", DEVKIT, "u32::from(*counts)", "u32::from(*counts || !*counts)"),
    ("VOC and Darknet: a second hit does not count", DEVKIT, "Some(_) => {}", "Some(_) => ignored += 1,"),
    ("VOC and Darknet: the last of equal IoUs instead of the first", DEVKIT, "if next.0 > largest", "if next.0 >= largest"),
    ("VOC 2007: recalls of i * 0.1", DEVKIT, "if i <= 5 {", "if i <= 10 {"),
    ("VOC 2007: recalls of i / 10", DEVKIT, "f64::from(i) * 0.1 }", "f64::from(i) / 10.0 }", "1.0 - f64::from(10 - i) * 0.1", "f64::from(i) / 10.0"),
    ("VOC 2007: a recall of exactly the threshold does not reach it", DEVKIT, "point.recall >= from", "point.recall > from"),
    ("VOC 2010 and Darknet: precision is not raised", DEVKIT, "best = best.max(point.precision);", "best = point.precision;"),
    ("Darknet: an IoU of exactly the threshold matches", DEVKIT, "best.0 > iou", "best.0 >= iou"),
    ("Darknet: what is on a difficult object is wrong", DEVKIT, "} else if overlap(true).is_some_and(|best| beyond(&best)) {", "} else if false {"),
    ("Darknet: the mean over classes with truths", DEVKIT, "darknet.classes.len() as f64", "darknet.classes.iter().flatten().count() as f64"),
    # Analyses: operating point and calibration
    ("the highest confidence of equal F1", OUTCOMES, "cut.f1() >= best.f1()", "cut.f1() > best.f1()"),
    ("predictions of one score are kept apart", OUTCOMES, "next.score != outcome.score", "next.score <= outcome.score"),
    ("a prediction of exactly the confidence is kept", OUTCOMES, "outcome.score > confidence)", "outcome.score >= confidence)"),
    ("F1 with a weight of 1 for what is found", OUTCOMES, "ratio(2 * self.true_positives,", "ratio(self.true_positives,"),
    ("a score on the edge of a bin is in the lower one", CALIBRATION, "outcome.score >= edge", "outcome.score > edge"),
    ("edges of bins of i * 0.1", CALIBRATION, "bin as f64 / BINS as f64", "bin as f64 * 0.1"),
    ("calibration over bins alike", CALIBRATION, "Some(bin.count as f64 * (", "Some(all as f64 / BINS as f64 * ("),
    # Analyses: confusion and mistakes
    ("confusion without regard to matches within a class", CONFUSION, "outcomes.truth_of(outcome)", "outcomes.truth_of(outcome).filter(|_| false)"),
    ("confusion at any overlap", CONFUSION, "*iou >= outcomes.iou", "*iou > 0.0"),
    ("confusion with the least overlap", CONFUSION, "a.1.total_cmp(&b.1)", "b.1.total_cmp(&a.1)"),
    ("confusion of predictions and truths the other way round", CONFUSION, "matrix[row][comparison.row(prediction.class)]", "matrix[comparison.row(prediction.class)][row]"),
    ("class mistakes before place mistakes", MISTAKES, "(BACKGROUND..iou).contains(&own.0)", "(BACKGROUND..iou).contains(&own.0) && other.0 < iou"),
    ("an IoU of exactly 0.1 is background", MISTAKES, "(BACKGROUND..iou).contains(&own.0)", "own.0 > BACKGROUND && own.0 < iou"),
    ("an IoU of exactly 0.1 with another class is background", MISTAKES, "other.0 >= BACKGROUND", "other.0 > BACKGROUND"),
    ("an IoU of exactly the threshold is a wrong place", MISTAKES, "(BACKGROUND..iou)", "(BACKGROUND..=iou)"),
    ("a truth is found twice when places are mended", MISTAKES, "if !std::mem::replace(found, true) {", "if !*found {"),
    ("places are mended of truths that are found", MISTAKES, "(mut placed, mut classed) = (found.clone(), found)", "(mut placed, mut classed) = (vec![false; found.len()], found)"),
    ("class mistakes are mended in the wrong class", MISTAKES, "let class = comparison.row(comparison.truths[truth as usize].class);", "let class = comparison.row(comparison.predictions[outcome.prediction as usize].class);"),
    ("truths of place and class mistakes are missed", MISTAKES, "explained[truth as usize] = true;", ""),
    ("missed truths stay when mended", MISTAKES, "[comparison.row(comparison.truths[truth as usize].class)] -= 1", "[comparison.row(comparison.truths[truth as usize].class)] -= 0"),
    # Analyses: slices and resampling
    ("slices without their lower end", SLICES, "value >= ends[0]", "value > ends[0]"),
    ("a right prediction in the slice of its own box", SLICES, "self.outcomes.truth_of(outcome)", "self.outcomes.truth_of(outcome).filter(|_| false)"),
    ("resampled truths without weight", CURVE, ">> area & 1 == 1 { weight(truth.image) }", ">> area & 1 == 1 { 1 }"),
    ("resampled matches without weight", CURVE, "let weight = weight(matched.image);", "let weight = weight(matched.image).min(1);"),
    ("resampled errors without weight", CURVE, "let weight = weight(other.image);", "let weight = weight(other.image).min(1);"),
    ("pictures are drawn without replacement", BOOTSTRAP, "weights[picture as u32 as usize] += 1;", "weights[picture as u32 as usize] = 1;"),
    ("every replicate is the same", BOOTSTRAP, "random.set_stream(replicate as u64);", ""),
    ("bounds on one side", BOOTSTRAP, "at((1.0 - level) / 2.0)", "at(1.0 - level)"),
    ("bounds are not interpolated", BOOTSTRAP, "low + (high - low) * place.fract()", "low + (high - low) * 0.0"),
    (
        "models are compared on different draws", BOOTSTRAP,
        "found.push((replicate, (figures(matches), other.map(&mut figures))));",
        "let own = figures(matches);\n            draw(&mut weights, options.seed + 1, replicate);\n"
        "            let mut figures = |matches: &Matches| -> Draw {\n"
        "                let summary = matches.weighted_summary(&mut tracer, |image| weights[image as usize]);\n"
        "                summary.figures.into_iter().map(|(_, value)| value).collect()\n            };\n"
        "            found.push((replicate, (own, other.map(&mut figures))));",
    ),
    ("the difference the other way round", BOOTSTRAP, "Some((*own)? - (*other)?)", "Some((*other)? - (*own)?)"),
    ("equal models are better", BOOTSTRAP, "**difference > 0.0", "**difference >= 0.0"),
]  # fmt: skip

# Left out, since nothing can come of them:
# - the matcher takes predictions beyond the limit: they come last in their picture, and are not followed;
# - `<=` for `<` where ranks beyond the limit are marked: the matcher did not take that one, and curves look again;
# - no claim without an intersection (VOC): IoU thresholds are above 0;
# - `>` for `>=` where predictions are left out beforehand as below every threshold, with a threshold of 0 only.


def copy_sources():
    """A fresh copy; files that are the same keep their times, so that cargo builds only what differs."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        for path in [ROOT / name, *(ROOT / name).rglob("*")]:
            if path.is_file() and "__pycache__" not in path.parts:
                write(SCRATCH / path.relative_to(ROOT), path.read_bytes())


def write(path, content):
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def plant(text, pairs):
    """The text with its replacements, or None if anything does not stand there exactly once."""
    for old, new in zip(pairs[::2], pairs[1::2]):
        if text.count(old) != 1:
            return None
        text = text.replace(old, new)
    return text


def cargo(*arguments):
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(target),
        "CARGO_PROFILE_DEV_DEBUG": "none",
        "OCELLI_TEST_DATA": os.environ.get("OCELLI_TEST_DATA", str(ROOT / "../shared/data")),
        "OCELLI_TEST_CASES": str(SCRATCH / "cases"),
        "RUST_BACKTRACE": "0",
        "CI": "true",
    }
    return subprocess.run([*CARGO, *arguments], cwd=SCRATCH, env=environment, capture_output=True, text=True)


def verdict():
    """What becomes of the sources as they are, in words."""
    built = cargo("--no-run")
    if built.returncode:
        return "did not compile: " + next((line for line in built.stderr.splitlines() if line.startswith("error")), "?")
    run = cargo(*TESTS)
    if run.returncode == 0:
        return "SURVIVED"
    failed = re.findall(r"^---- (\S+) stdout ----$", run.stdout, re.MULTILINE)
    if not failed:
        return f"did not run: {(run.stderr or run.stdout).strip()[-300:]}"
    return f"killed by {failed[0]}" + (f" and {len(failed) - 1} more" if failed[1:] else "")


def main(names):
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant[0] for name in names)]
    shutil.rmtree(SCRATCH / "cases", ignore_errors=True)
    copy_sources()
    if (unchanged := verdict()) != "SURVIVED":
        print(f"the tests do not pass as it is: {unchanged}")
        return 1
    counts = {"killed": 0, "SURVIVED": 0, "did": 0}
    for name, file, *pairs in chosen:
        started = time.monotonic()
        text = (ROOT / file).read_text()
        planted = plant(text, pairs)
        found = "did not apply: the source has changed" if planted is None else None
        if planted is not None:
            write(SCRATCH / file, planted.encode())
            found = verdict()
            write(SCRATCH / file, text.encode())
        counts[found.split()[0]] += 1
        print(f"{name}: {found} ({time.monotonic() - started:.0f} s)", flush=True)
    if counts["did"]:
        print(f"{counts['did']} could not be tried")
    print(f"{counts['killed']} killed, {counts['SURVIVED']} survived")
    return 0 if counts["killed"] == len(chosen) else 1


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if "--list" in arguments:
        print("\n".join(f"{name} ({file})" for name, file, *_ in MUTANTS))
    else:
        sys.exit(main(arguments))
