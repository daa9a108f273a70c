//! Gates pass, miss, and say why.

use crate::sample::evaluation;
use ocelli::evaluate::gates::{Baseline, Gate, GateError, check};
use std::path::PathBuf;

fn sentences(gates: &[&str]) -> Vec<String> {
    let gates: Vec<Gate> = gates.iter().map(|text| Gate::parse(text).unwrap()).collect();
    check(&evaluation(3), &gates).iter().map(ToString::to_string).collect()
}

fn baseline(text: &str) -> Result<Baseline, GateError> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("old.json");
    std::fs::write(&path, text).unwrap();
    Baseline::read(&path)
}

fn falls(coco: &str, max_drop: f64) -> Vec<String> {
    let baseline = baseline(&format!(r#"{{"data":{{}},"coco":{coco},"classes":[]}}"#)).unwrap();
    baseline.check(&evaluation(3), max_drop).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn a_figure_that_reaches_its_gate_passes() {
    assert!(
        sentences(&["AP50=0.450965", "AP=0.2", "ARl=0.44", "voc2007=0.41", "f1=0.4", "recall=0", "precision=0.4"])
            .is_empty()
    );
}

#[test]
fn a_missed_gate_says_by_how_much() {
    assert_eq!(sentences(&["AP50=0.6", "AP=0.1"]), ["AP50 is 0.451; at least 0.6 is asked for"]);
    assert_eq!(sentences(&["AP50=0.451"]), ["AP50 is 0.450965; at least 0.451 is asked for"]);
}

#[test]
fn a_figure_without_a_value_misses_its_gate() {
    assert_eq!(sentences(&["darknet=0"]), ["darknet has no value on these data; at least 0 is asked for"]);
    let mut evaluation = evaluation(3);
    evaluation.operating_point.f1 = Some(f64::NAN);
    assert_eq!(check(&evaluation, &[Gate::parse("f1=0").unwrap()]).len(), 1);
}

#[test]
fn a_figure_that_is_not_measured_misses_its_gate_and_names_those_that_are() {
    let missed = sentences(&["AP60=0.1"]);
    assert!(missed[0].starts_with("AP60 is not measured") && missed[0].contains("AP50, AP75, APs"), "{missed:?}");
}

#[test]
fn gates_of_another_form_are_refused_with_what_would_be_right() {
    for (text, expected) in [
        ("AP50", "write NAME=VALUE"),
        ("mAP=0.5", "known are AP, AP50"),
        ("ap50=0.5", "known are AP, AP50"),
        ("APP50=0.5", "known are AP, AP50"),
        ("=0.5", "known are AP, AP50"),
        ("AP50=60", "a fraction from 0 to 1"),
        ("AP50=NaN", "a fraction from 0 to 1"),
        ("AP50=", "a fraction from 0 to 1"),
        ("AP50=-0.1", "a fraction from 0 to 1"),
    ] {
        let error = Gate::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_drop_beyond_the_limit_is_told_in_points() {
    let expected = "AP50 fell by 1.9 points, from 0.470 to 0.451; at most 0.5 are allowed";
    assert_eq!(falls(r#"{"AP":0.226,"AP50":0.47,"AP75":0.1,"AR1":0.9}"#, 0.5), [expected]);
    assert!(falls(r#"{"AP":0.226,"AP50":0.47,"AP75":0.1}"#, 2.0).is_empty());
}

#[test]
fn a_drop_of_exactly_the_limit_is_allowed() {
    // In binary fractions, (0.234990 − 0.224990) · 100 is a little off 1.
    assert!(falls(r#"{"AP":0.23499}"#, 1.0).is_empty());
    assert_eq!(
        falls(r#"{"AP":0.234991}"#, 1.0),
        ["AP fell by 1.0001 points, from 0.235 to 0.225; at most 1 are allowed"]
    );
}

#[test]
fn a_rise_is_no_drop() {
    assert!(falls(r#"{"AP":0.1,"AP50":0.1,"AP75":0.1}"#, 0.0).is_empty());
}

#[test]
fn a_figure_that_lost_its_value_is_missed_and_one_that_never_had_any_is_passed_over() {
    let baseline = baseline(r#"{"coco":{"AP":0.3,"AP50":null,"AP75":0.1}}"#).unwrap();
    let mut now = evaluation(3);
    now.coco.0[0].1 = None;
    let missed = baseline.check(&now, 0.5).unwrap();
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].sentence, "AP was 0.300 in the baseline and has no value now");
}

#[test]
fn nothing_in_common_is_a_miss() {
    let baseline = baseline(r#"{"coco":{"AP75":0.3}}"#).unwrap();
    let mut now = evaluation(3);
    now.coco.0.retain(|(name, _)| name == "AP");
    assert!(baseline.check(&now, 0.5).unwrap()[0].sentence.contains("nothing was compared"));
}

#[test]
fn an_evaluation_is_its_own_baseline() {
    let json = serde_json::to_string(&evaluation(3)).unwrap();
    assert!(baseline(&json).unwrap().check(&evaluation(3), 0.0).unwrap().is_empty());
}

#[test]
fn files_that_are_no_baseline_are_refused_by_name() {
    let missing = Baseline::read(std::path::Path::new("nowhere.json")).unwrap_err().to_string();
    assert!(missing.starts_with("baseline nowhere.json: "), "{missing}");
    for (text, expected) in [
        ("{", "expected what `ocelli evaluate --json` wrote"),
        ("{}", "missing field `coco`"),
        (r#"{"coco":{"AR1":0.5,"AP":null}}"#, "no AP, AP50 or AP75"),
    ] {
        let error = baseline(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let drop = baseline(r#"{"coco":{"AP":0.5}}"#).unwrap().check(&evaluation(3), f64::NAN).unwrap_err();
    assert!(matches!(drop, GateError::NoDrop { .. }));
}
