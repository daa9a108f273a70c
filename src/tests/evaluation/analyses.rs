//! The analyses, against numbers worked out by hand.

use crate::cases::Case;
use ocelli::average_precision::coco::CocoOptions;
use ocelli::average_precision::{Prediction, Truth, devkit};
use ocelli::evaluate::{BootstrapOptions, Evaluation, Interval, MeasureOptions, Mistake};
use ocelli::geometry::BBox;

/// Picture, class, box as x, y, width, height.
type Thing = (u32, u32, [f64; 4]);

fn bbox([x, y, width, height]: [f64; 4]) -> BBox {
    BBox::new(x, y, width, height)
}

/// A case of two classes; predictions come with their scores.
fn case(images: usize, truths: &[Thing], predictions: &[(Thing, f64)]) -> Case {
    let truth = |(&(image, class, place), id): (&Thing, i64)| {
        let bbox = bbox(place);
        Truth { image, class, bbox, area: bbox.area(), crowd: false, ignore: false, id }
    };
    let prediction =
        |&((image, class, place), score): &(Thing, f64)| Prediction { image, class, bbox: bbox(place), score };
    Case {
        images,
        categories: vec![1, 2],
        truths: truths.iter().zip(1..).map(truth).collect(),
        predictions: predictions.iter().map(prediction).collect(),
    }
}

fn evaluate(case: &Case, confidence: f64) -> Evaluation {
    case.measure(None, &MeasureOptions { confidence: Some(confidence), ..MeasureOptions::default() })
}

const PLACE: [f64; 4] = [0.0, 0.0, 10.0, 10.0];

#[test]
fn a_prediction_of_exactly_the_confidence_is_left_out() {
    let found = evaluate(&case(1, &[(0, 0, PLACE)], &[((0, 0, PLACE), 0.5)]), 0.5);
    assert_eq!((found.operating_point.true_positives, found.operating_point.false_negatives), (0, 1));
    assert_eq!(found.confusion.matrix, [[0, 0, 1], [0, 0, 0], [0, 0, 0]]);
}

#[test]
fn confusion_needs_the_overlap_of_a_match_and_prefers_the_largest() {
    // A prediction of class 1 on a truth of class 0, with an IoU of exactly 0.5; another with less.
    let truths = [(0, 0, PLACE), (1, 0, PLACE)];
    let predictions = [((0, 1, [0.0, 0.0, 10.0, 5.0]), 0.9), ((1, 1, [0.0, 0.0, 10.0, 4.0]), 0.8)];
    assert_eq!(evaluate(&case(2, &truths, &predictions), 0.0).confusion.matrix, [[0, 1, 1], [0, 0, 0], [0, 1, 0]]);
    // The first one has the truth of class 0. The second one takes the nearer truth of the other class, which is then gone
    // for the third one, that is not near enough to the last truth.
    let down = |y| [0.0, y, 10.0, 10.0];
    let truths = [(0, 0, PLACE), (0, 1, down(2.0)), (0, 1, down(1.0))];
    let predictions = [((0, 0, PLACE), 0.9), ((0, 0, down(0.5)), 0.8), ((0, 0, down(-1.5)), 0.7)];
    let found = evaluate(&case(1, &truths, &predictions), 0.0);
    assert_eq!(found.confusion.matrix, [[1, 0, 0], [1, 0, 1], [1, 0, 0]]);
}

#[test]
fn an_overlap_of_exactly_the_threshold_matches_for_voc_and_not_for_darknet() {
    let means = |truth, prediction| {
        let case = case(1, &[(0, 0, truth)], &[((0, 0, prediction), 0.9)]);
        let found = devkit::evaluate(&case.comparison(false), 0.5);
        [found.voc2007.mean, found.voc2010.mean, found.darknet.mean]
            .map(|mean| mean.map(|mean| (mean * 1e9).round() / 1e9))
    };
    // With both ends included, 10 by 5 of 10 by 10 pixels; there are two classes, one of them without truths.
    assert_eq!(means([0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 4.0]), [Some(1.0), Some(1.0), Some(0.0)]);
    assert_eq!(means(PLACE, [0.0, 0.0, 10.0, 5.0])[2], Some(0.0));
    assert_eq!(means(PLACE, [0.0, 0.0, 10.0, 5.1])[2], Some(0.5));
}

#[test]
fn a_fourth_limit_counts_unless_quirks_are_copied() {
    // Only the fourth prediction is right: precision 1/4.
    let wrong = |place: f64| (0, 0, [100.0 * place, 0.0, 10.0, 10.0]);
    let predictions = [(wrong(1.0), 0.9), (wrong(2.0), 0.8), (wrong(3.0), 0.7), ((0, 0, PLACE), 0.6)];
    let case = case(1, &[(0, 0, PLACE)], &predictions);
    let figures = |pycocotools_quirks| {
        let coco = CocoOptions { max_detections: vec![1, 2, 3, 4], pycocotools_quirks, ..CocoOptions::default() };
        case.measure(None, &MeasureOptions { coco, ..MeasureOptions::default() }).coco
    };
    let (plain, copied) = (figures(false), figures(true));
    assert!(plain.get("AP50@4").is_some_and(|ap| (ap - 0.25).abs() < 1e-12), "{plain:?}");
    assert_eq!((plain.get("AR3"), plain.get("AR4")), (Some(0.0), Some(1.0)));
    assert_eq!((copied.get("AP50"), copied.get("AR3"), copied.get("AR4")), (Some(0.0), Some(0.0), None));
}

/// How many mistakes there are of a class mistake, a wrong place, both, a duplicate, background, a missed truth.
fn mistakes(truths: &[Thing], predictions: &[(Thing, f64)]) -> [usize; 6] {
    let found = evaluate(&case(1, truths, predictions), 0.0);
    let kinds =
        [Mistake::Class, Mistake::Location, Mistake::Both, Mistake::Duplicate, Mistake::Background, Mistake::Missed];
    kinds.map(|kind| found.errors.iter().find(|error| error.kind == kind).expect("each kind").count)
}

#[test]
fn overlaps_of_exactly_a_tenth_and_a_half_belong_to_the_nearer_kind() {
    let (tenth, half, none) = ([0.0, 0.0, 10.0, 1.0], [0.0, 0.0, 10.0, 5.0], [50.0, 0.0, 10.0, 10.0]);
    let truths = [(0, 0, PLACE)];
    // The truth of a place or class mistake is not missed besides.
    assert_eq!(mistakes(&truths, &[((0, 0, tenth), 0.9)]), [0, 1, 0, 0, 0, 0]);
    assert_eq!(mistakes(&truths, &[((0, 1, tenth), 0.9)]), [0, 0, 1, 0, 0, 1]);
    assert_eq!(mistakes(&truths, &[((0, 1, half), 0.9)]), [1, 0, 0, 0, 0, 0]);
    assert_eq!(mistakes(&truths, &[((0, 0, none), 0.9)]), [0, 0, 0, 0, 1, 1]);
    assert_eq!(mistakes(&truths, &[((0, 0, PLACE), 0.9), ((0, 0, half), 0.8)]), [0, 0, 0, 1, 0, 0]);
    // With both a truth of its class nearby and one of another class below it, the place is what is wrong.
    let two = [(0, 0, [0.0, 6.0, 10.0, 10.0]), (0, 1, PLACE)];
    assert_eq!(mistakes(&two, &[((0, 0, PLACE), 0.9)]), [0, 1, 0, 0, 0, 1]);
}

/// Truths and recall of the three slices of a kind.
fn slices(found: &Evaluation, by: &str) -> Vec<(usize, Option<f64>)> {
    found.slices.iter().filter(|slice| slice.by == by).map(|slice| (slice.truths, slice.recall)).collect()
}

#[test]
fn slices_begin_at_their_limits() {
    let boxes = [[0.0, 0.0, 32.0, 31.0], [0.0, 100.0, 32.0, 32.0], [0.0, 200.0, 96.0, 96.0], [300.0, 0.0, 16.0, 32.0]];
    let wide = [300.0, 200.0, 32.0, 16.0];
    let mut truths: Vec<Thing> = boxes.iter().map(|place| (0, 0, *place)).collect();
    let found = evaluate(&case(2, &truths, &[((0, 0, boxes[1]), 0.9)]), 0.0);
    // 992, 1024, 9216, 512 square pixels; 32 / 31, 1, 1 and 1/2 of width over height; four objects.
    assert_eq!(slices(&found, "size"), [(2, Some(0.0)), (1, Some(1.0)), (1, Some(0.0))]);
    assert_eq!(slices(&found, "aspect"), [(0, None), (4, Some(0.25)), (0, None)]);
    assert_eq!(slices(&found, "crowding"), [(4, Some(0.25)), (0, None), (0, None)]);
    truths.push((0, 0, wide));
    truths.extend((0..15).map(|number| (1, 1, [20.0 * f64::from(number), 0.0, 10.0, 10.0])));
    let found = evaluate(&case(2, &truths, &[((0, 0, boxes[1]), 0.9)]), 0.0);
    assert_eq!(slices(&found, "aspect"), [(0, None), (19, Some(1.0 / 19.0)), (1, Some(0.0))]);
    assert_eq!(slices(&found, "crowding"), [(0, None), (5, Some(0.2)), (15, Some(0.0))]);
}

#[test]
fn a_right_prediction_belongs_to_the_slice_of_its_truth() {
    let mut case = case(1, &[(0, 0, [0.0, 0.0, 40.0, 40.0])], &[((0, 0, [0.0, 0.0, 40.0, 40.0]), 0.9)]);
    // An outline covers less than its box of 1600 square pixels.
    case.truths[0].area = 900.0;
    let found = evaluate(&case, 0.0);
    assert_eq!(slices(&found, "size"), [(1, Some(1.0)), (0, None), (0, None)]);
    assert!(found.slices[0].ap50 > Some(0.999));
}

/// Twenty pictures of one truth each, of which the first ones are found.
fn twenty(found: u32) -> Case {
    let truths: Vec<Thing> = (0..20).map(|image| (image, 0, PLACE)).collect();
    let predictions: Vec<(Thing, f64)> =
        (0..found).map(|image| ((image, 0, PLACE), 1.0 - f64::from(image) / 100.0)).collect();
    case(20, &truths, &predictions)
}

fn resampled(case: &Case, other: Option<&Case>, replicates: usize, level: f64) -> Evaluation {
    let bootstrap = Some(BootstrapOptions { replicates, seed: 1, level });
    case.measure(other, &MeasureOptions { bootstrap, ..MeasureOptions::default() })
}

fn recall(intervals: &[Interval]) -> [f64; 3] {
    let interval = intervals.iter().find(|interval| interval.name == "AR100").expect("AR100");
    [interval.low, interval.value, interval.high].map(Option::unwrap)
}

fn assert_near(found: [f64; 3], wanted: [f64; 3]) {
    assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12), "{found:?} for {wanted:?}");
}

#[test]
fn resampled_recall_is_binomial() {
    // Ten of twenty are found: P(X ≤ 5) is 0.021 and P(X ≤ 6) 0.058 of the binomial distribution, on both sides of 0.035.
    let intervals = resampled(&twenty(10), None, 1000, 0.93).intervals.unwrap();
    assert_near(recall(&intervals.coco), [0.3, 0.5, 0.7]);
}

#[test]
fn bounds_between_two_replicates_are_interpolated() {
    let [all, half] = [1.0, 0.5].map(|level| recall(&resampled(&twenty(10), None, 2, level).intervals.unwrap().coco));
    let quarter = (all[2] - all[0]) / 4.0;
    assert!(quarter > 0.0, "both replicates have a recall of {}", all[0]);
    assert!((half[0] - all[0] - quarter).abs() < 1e-12 && (all[2] - half[2] - quarter).abs() < 1e-12);
}

#[test]
fn a_model_is_compared_with_another_one_on_the_same_draws() {
    let (half, all) = (twenty(10), twenty(20));
    let itself = resampled(&half, Some(&half), 200, 0.95).intervals.unwrap().against.unwrap();
    assert_eq!((recall(&itself.coco), itself.better), ([0.0; 3], Some(0.0)));
    let better = resampled(&all, Some(&half), 1000, 0.93).intervals.unwrap().against.unwrap();
    assert_near(recall(&better.coco), [0.3, 0.5, 0.7]);
    assert_eq!(better.better, Some(1.0));
    let worse = resampled(&half, Some(&all), 200, 0.95).intervals.unwrap().against.unwrap();
    assert_eq!(worse.better, Some(0.0));
}
