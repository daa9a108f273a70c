//! The HTML report is one file that needs nothing else.

use crate::sample::{HOSTILE, dataset, evaluation};
use base64::Engine as _;
use ocelli::evaluate::report::html;
use sha2::Digest as _;

/// A report on one picture of 500 × 400 pixels and one without a file.
fn report(classes: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    image::RgbImage::from_pixel(500, 400, image::Rgb([90, 120, 40])).save(&path).unwrap();
    let evaluation = evaluation(classes);
    let (dataset, predictions) = dataset(&evaluation, &path);
    let page = html(&evaluation, &dataset, &predictions);
    assert_eq!(page, html(&evaluation, &dataset, &predictions), "the same input gives the same bytes");
    page
}

/// What follows each `name="` up to the next quote.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    page.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_report_refers_to_nothing_outside_itself() {
    let page = report(80);
    for name in ["src", "href", "action", "data", "poster", "srcset"] {
        for value in attributes(&page, name) {
            assert!(value.starts_with('#') || value.starts_with("data:image/jpeg;base64,"), "{name}={value}");
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn a_report_says_nothing_that_a_name_made_it_say() {
    let page = report(3);
    assert_eq!(page.matches("<script").count(), 1, "the page's own script");
    assert!(!page.contains(HOSTILE));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_policy_allows_the_one_script_by_its_digest() {
    let page = report(3);
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(page.contains(&format!("sha256-{digest}")));
}

#[test]
fn every_link_in_the_page_leads_somewhere_and_ids_are_unique() {
    let page = report(3);
    let mut ids = attributes(&page, "id");
    for link in attributes(&page, "href").iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(ids.contains(&link), "#{link}");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn pictures_are_shrunk_and_those_that_cannot_be_read_are_named() {
    let page = report(3);
    let pictures: Vec<&str> = attributes(&page, "href").into_iter().filter(|link| link.starts_with("data:")).collect();
    assert_eq!(pictures.len(), 1, "one of three can be shown");
    let bytes = base64::engine::general_purpose::STANDARD.decode(pictures[0].split_once(',').unwrap().1).unwrap();
    let picture = image::load_from_memory(&bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (400, 320));
    assert_eq!(page.matches("This picture cannot be shown: it has no file").count(), 2);
}

#[test]
fn a_report_tells_what_was_measured() {
    let page = report(80);
    let figures = ["0.225", "0.451", "0.189", "0.410", "0.420", "1,234 truths", "14,244 detections", "at most 100"];
    let sections = ["Warnings", "Protocols", "Intervals", "Classes", "Operating point", "Errors", "Calibration"];
    for expected in figures.into_iter().chain(sections).chain(["class 79", "[models.&quot;yolo-fastest-1.1-xl&quot;"]) {
        assert!(page.contains(expected), "{expected} is missing");
    }
    assert!(!page.contains(">NaN"));
    assert!(page.len() < 2_000_000);
}

#[test]
fn an_evaluation_of_nothing_has_a_report_too() {
    let mut nothing = evaluation(1);
    nothing.classes.clear();
    nothing.coco.0.iter_mut().for_each(|(_, value)| *value = None);
    nothing.warnings.clear();
    nothing.errors.clear();
    nothing.slices.clear();
    nothing.intervals = None;
    nothing.curves = ocelli::evaluate::Curves::default();
    nothing.confusion.labels.clear();
    nothing.confusion.matrix.clear();
    nothing.calibration.bins.clear();
    nothing.worst.clear();
    let (dataset, _) = dataset(&nothing, std::path::Path::new("nowhere"));
    let page = html(&nothing, &dataset, &[]);
    assert!(page.contains("no data") && !page.contains("id=\"worst\""));
}
