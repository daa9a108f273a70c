//! Plain restatements of the VOC devkit, of Darknet's `detector map` and of the analyses, beside the real ones.

use crate::cases::{Case, for_each, json, number};
use ocelli::average_precision::coco::{CocoOptions, Matches, Tracer};
use ocelli::average_precision::devkit;
use ocelli::evaluate::{Evaluation, MeasureOptions, Mistake};
use serde_json::Value;
use std::path::Path;

fn assert_near(found: Option<f64>, wanted: &Value, at: &dyn Fn() -> String) {
    match (found, wanted.as_f64()) {
        (None, None) => {}
        (Some(found), Some(wanted)) if (found - wanted).abs() <= 1e-12 => {}
        _ => panic!("{}: {found:?} for {wanted}", at()),
    }
}

fn check_protocols(folder: &Path) {
    let (case, expected) = (Case::read(folder, "truth.json"), json(&folder.join("expected.json")));
    let (comparison, iou) = (case.comparison(false), number(&expected["iou"]));
    let found = devkit::evaluate(&comparison, iou);
    for (name, found) in [("voc2007", found.voc2007), ("voc2010", found.voc2010), ("darknet", found.darknet)] {
        let wanted = &expected[name];
        if wanted.is_null() {
            continue;
        }
        // Darknet gives 0 to a class without truths, which has no figure of its own here and counts in the mean all the same.
        let nothing = (name == "darknet").then_some(0.0);
        for (ap, id) in found.classes.iter().zip(&case.categories) {
            let at = || format!("{} {name} {id}", folder.display());
            assert_near(ap.or(nothing), &wanted["classes"][id.to_string()], &at);
        }
        assert_near(found.mean.or(nothing), &wanted["mean"], &|| format!("{} {name}", folder.display()));
    }
}

#[test]
fn voc_and_darknet_equal_plain_restatements_of_their_programs() {
    for_each("detection_cases.py", 0..120, check_protocols);
}

fn evaluate(case: &Case, confidence: Option<f64>) -> Evaluation {
    case.measure(None, &MeasureOptions { confidence, ..MeasureOptions::default() })
}

fn check_analysis(folder: &Path) {
    let (case, expected) = (Case::read(folder, "plain.json"), json(&folder.join("expected.json")));
    let wanted = &expected["analysis"];
    // All predictions are kept once, so that counts are those of all.
    let (all, best) = (evaluate(&case, Some(-1.0)), evaluate(&case, None));
    check_best(folder, &best, &case, wanted);
    assert_near(all.calibration.ece, &wanted["calibration"]["ece"], &|| format!("{} ECE", folder.display()));
    let mistakes = wanted["mistakes"].as_array().expect("mistakes");
    for error in &all.errors {
        let name = format!("{:?}", error.kind).to_lowercase();
        let count = match error.kind {
            Mistake::Missed => wanted["missed"].as_array().expect("ids").len(),
            _ => mistakes.iter().filter(|kind| **kind == name.as_str()).count(),
        };
        assert_eq!(error.count, count, "{} {name}", folder.display());
        // Where scores are equal, the order of pictures decides there, and that of the file here.
        if !expected["darknet"].is_null() {
            let at = || format!("{} mended {name}", folder.display());
            assert_near(error.delta_ap50, &wanted["delta_AP50"][&name], &at);
        }
    }
    check_resamples(folder, &case, wanted);
}

/// The best F1 is the restatement's, and its confidence lies below the scores that it keeps.
fn check_best(folder: &Path, found: &Evaluation, case: &Case, wanted: &Value) {
    let check = |at: &dyn Fn() -> String, wanted: &Value, f1, confidence: Option<f64>, precision, recall| {
        assert_near(f1, &wanted["best_f1"], at);
        assert_near(precision, &wanted["precision"], at);
        assert_near(recall, &wanted["recall"], at);
        let (Some(confidence), Some(least)) = (confidence, wanted["best_confidence"].as_f64()) else { return };
        assert!(confidence < least, "{}: {confidence} for {least}", at());
    };
    for figures in &found.classes {
        let at = || format!("{} class {}", folder.display(), figures.label);
        let (f1, confidence) = (figures.best_f1, figures.best_confidence);
        check(&at, &wanted["classes"][&figures.label], f1, confidence, figures.precision, figures.recall);
    }
    let point = &found.operating_point;
    if !wanted["overall"]["best_f1"].is_null() {
        let at = || format!("{} overall", folder.display());
        check(&at, &wanted["overall"], point.f1, Some(point.confidence), point.precision, point.recall);
    }
    // The confidence, given by hand, keeps the same predictions.
    assert_eq!(evaluate(case, Some(point.confidence)).operating_point, *point, "{}", folder.display());
}

/// Weighing matches gives what pycocotools says of a data set with copies of the pictures.
fn check_resamples(folder: &Path, case: &Case, wanted: &Value) {
    let matches = Matches::new(&case.comparison(false), CocoOptions::default()).expect("options");
    for resample in wanted["resamples"].as_array().into_iter().flatten() {
        let weights = &resample["multiplicities"];
        let weight = |image: u32| weights[image as usize].as_u64().expect("a count") as u32;
        let summary = matches.weighted_summary(&mut Tracer::default(), weight);
        for ((name, found), wanted) in summary.figures.iter().zip(resample["stats"].as_array().expect("numbers")) {
            let at = || format!("{} {name} of {weights}", folder.display());
            assert_near(Some(found.unwrap_or(-1.0)), wanted, &at);
        }
    }
}

#[test]
fn best_f1_calibration_mistakes_and_resamples_equal_plain_restatements() {
    for_each("detection_cases.py", 0..120, check_analysis);
}

#[test]
fn the_confusion_matrix_agrees_with_precision_and_recall() {
    for_each("detection_cases.py", 0..60, |folder| {
        let case = Case::read(folder, "plain.json");
        let found = evaluate(&case, None);
        let (point, matrix) = (&found.operating_point, &found.confusion.matrix);
        let background = matrix.len() - 1;
        let right: usize = (0..background).map(|class| matrix[class][class]).sum();
        let truths: usize = matrix[..background].iter().flatten().sum();
        let predictions: usize = matrix.iter().map(|row| row[..background].iter().sum::<usize>()).sum();
        assert_eq!(found.confusion.confidence, point.confidence);
        assert_eq!(right, point.true_positives, "{}", folder.display());
        assert_eq!(truths, point.true_positives + point.false_negatives, "{}", folder.display());
        assert_eq!(predictions, point.true_positives + point.false_positives, "{}", folder.display());
        // The pictures with mistakes hold exactly those, where none is cut off.
        if found.worst.len() < 12 {
            let wrong: usize = found.worst.iter().map(|image| image.false_positives.len()).sum();
            let missed: usize = found.worst.iter().map(|image| image.false_negatives.len()).sum();
            assert_eq!((wrong, missed), (point.false_positives, point.false_negatives), "{}", folder.display());
        }
    });
}
