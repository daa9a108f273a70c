//! The report's figures, as what `plot` draws.

use crate::evaluate::wording::{count, figure, mistake, signed};
use crate::evaluate::{Calibration, ClassFigures, Confusion, CurvePoint, Evaluation, Interval};
use crate::plot::{Axis, Bar, Bars, Curves, HeatMap, Ink, Key, Marker, Series, Shape};
use maud::{Markup, PreEscaped};

/// Most classes that have a line style and a name of their own.
const NAMED: usize = 10;

/// Precision over recall.
pub(super) fn precision_recall(evaluation: &Evaluation) -> Markup {
    let curves = Curves {
        title: "Precision and recall".into(),
        x: Axis::share("recall"),
        y: Axis::share("precision"),
        series: series(evaluation, interpolated, |class| class.ap50),
        markers: Vec::new(),
        key: Key::Below,
    };
    PreEscaped(curves.svg())
}

/// The curve whose area AP is: at each recall, the best precision there or at any higher recall. The raw one is a saw.
fn interpolated(curve: &[CurvePoint]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for point in curve.iter().rev().filter(|point| point.recall.is_finite() && point.precision.is_finite()) {
        let best = points.last().map_or(0.0, |last| last.1);
        if points.is_empty() {
            points.push((point.recall, point.precision));
        } else if point.precision > best {
            points.extend([(point.recall, best), (point.recall, point.precision)]);
        }
    }
    points.extend(points.last().map(|last| (0.0, last.1)));
    points
}

/// F1 over confidence: a stair, since nothing changes between the confidences of two predictions.
fn f1(curve: &[CurvePoint]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for point in curve {
        points.extend(points.last().map(|(_, surer)| (point.confidence, *surer)));
        points.push((point.confidence, point.f1()));
    }
    points
}

/// F1 over confidence, with the best of each named class and the operating point marked.
pub(super) fn f1_confidence(evaluation: &Evaluation) -> Markup {
    let mut markers: Vec<Marker> = picked(evaluation)
        .into_iter()
        .filter_map(|(index, ink, _)| {
            let class = evaluation.classes.get(index).filter(|_| ink != Ink::Faint)?;
            Some(Marker { point: (class.best_confidence?, class.best_f1?), label: String::new(), ink })
        })
        .collect();
    markers.extend(operating_point(evaluation));
    let curves = Curves {
        title: "F1 and confidence".into(),
        x: Axis::share("confidence above which predictions are kept"),
        y: Axis::share("F1"),
        series: series(evaluation, f1, |class| class.best_f1),
        markers,
        key: Key::Below,
    };
    PreEscaped(curves.svg())
}

/// Where all classes are cut together, in the numbers of the page's head: the curve is thinned and might miss them.
fn operating_point(evaluation: &Evaluation) -> Option<Marker> {
    let point = &evaluation.operating_point;
    let label = format!("F1 {} above {}", figure(point.f1), point.confidence);
    Some(Marker { point: (point.confidence, point.f1?), label, ink: Ink::Text })
}

/// All classes together, and each class; the figure that a class is known by stands after its name.
fn series(
    evaluation: &Evaluation,
    points: impl Fn(&[CurvePoint]) -> Vec<(f64, f64)>,
    value: impl Fn(&ClassFigures) -> Option<f64>,
) -> Vec<Series> {
    let mut all = vec![Series::new("all classes together", points(&evaluation.curves.overall), Ink::Text)];
    for (index, ink, dashed) in picked(evaluation) {
        let (Some(class), Some(curve)) = (evaluation.classes.get(index), evaluation.curves.classes.get(index)) else {
            continue;
        };
        let label = format!("{} {}", class.label, figure(value(class)));
        all.push(Series { dashed, ..Series::new(label, points(curve), ink) });
    }
    all
}

/// Classes with truths, those with the most first, with how they are drawn: five in solid colours, five in broken ones,
/// and the others faint. Curves of many truths are the ones that tell something.
fn picked(evaluation: &Evaluation) -> Vec<(usize, Ink, bool)> {
    let mut ranked: Vec<(usize, usize)> =
        evaluation.classes.iter().map(|class| class.truths).enumerate().filter(|(_, truths)| *truths > 0).collect();
    ranked.sort_by_key(|(_, truths)| std::cmp::Reverse(*truths));
    let half = NAMED / 2;
    let style = |rank: usize| match rank {
        _ if rank < half => (Ink::Palette(rank), false),
        _ if rank < NAMED => (Ink::Palette(rank - half), true),
        _ => (Ink::Faint, false),
    };
    ranked.into_iter().enumerate().map(|(rank, (index, _))| (index, style(rank).0, style(rank).1)).collect()
}

/// How many classes are named in the curves, if not all are.
pub(super) fn named(evaluation: &Evaluation) -> Option<usize> {
    (picked(evaluation).len() > NAMED).then_some(NAMED)
}

/// Which classes are taken for which.
pub(super) fn confusion(confusion: &Confusion) -> Markup {
    let map = HeatMap {
        title: "Confusion matrix".into(),
        rows: "truths".into(),
        columns: "predictions".into(),
        labels: &confusion.labels,
        rest: "background".into(),
        counts: &confusion.matrix,
    };
    PreEscaped(map.svg())
}

/// Precision over confidence; on the diagonal, confidence is probability.
pub(super) fn reliability(calibration: &Calibration) -> Markup {
    let bins = calibration.bins.iter().filter_map(|bin| Some((bin.confidence?, bin.precision?))).collect();
    let diagonal = Series { dashed: true, ..Series::new("perfect", vec![(0.0, 0.0), (1.0, 1.0)], Ink::Text) };
    let curves = Curves {
        title: "Reliability".into(),
        x: Axis::share("mean confidence"),
        y: Axis::share("share that is right"),
        series: vec![diagonal, Series { dots: true, ..Series::new("measured", bins, Ink::Palette(0)) }],
        markers: Vec::new(),
        key: Key::Below,
    };
    PreEscaped(curves.svg())
}

/// How many predictions each bin of confidence has.
pub(super) fn confidences(calibration: &Calibration) -> Markup {
    let bars = calibration.bins.iter().map(|bin| Bar {
        label: format!("{:.2} to {:.2}", bin.from, bin.to),
        value: Some(bin.count as f64),
        interval: None,
        text: count(bin.count),
        ink: Ink::Palette(0),
    });
    bar_figure("Predictions by confidence", "predictions", Shape::Bar, None, bars.collect())
}

/// What mistakes cost.
pub(super) fn errors(evaluation: &Evaluation) -> Markup {
    let bars = evaluation.errors.iter().map(|error| Bar {
        label: mistake(error.kind).0.into(),
        value: error.delta_ap50,
        interval: None,
        text: signed(error.delta_ap50),
        ink: Ink::Palette(1),
    });
    bar_figure("What mistakes cost", "rise of AP50 if these alone were mended", Shape::Bar, None, bars.collect())
}

/// AP50 of one way to part the data.
pub(super) fn slices(evaluation: &Evaluation, by: &str) -> Markup {
    let bars = evaluation.slices.iter().filter(|slice| slice.by == by).map(|slice| Bar {
        label: slice.label.clone(),
        value: slice.ap50,
        interval: None,
        text: figure(slice.ap50),
        ink: Ink::Palette(0),
    });
    // One scale for all of them, so that they can be compared.
    bar_figure(&format!("By {by}"), "AP50", Shape::Bar, Some((0.0, 1.0)), bars.collect())
}

/// Estimates with their intervals.
pub(super) fn intervals(title: &str, intervals: &[Interval], number: impl Fn(Option<f64>) -> String) -> Markup {
    let bars = intervals.iter().map(|interval| Bar {
        label: interval.name.clone(),
        value: interval.value,
        interval: interval.low.zip(interval.high),
        text: format!("{}  [{}, {}]", number(interval.value), number(interval.low), number(interval.high)),
        ink: Ink::Palette(0),
    });
    bar_figure(title, "", Shape::Dot, None, bars.collect())
}

fn bar_figure(title: &str, label: &str, shape: Shape, range: Option<(f64, f64)>, bars: Vec<Bar>) -> Markup {
    PreEscaped(Bars { title: title.into(), label: label.into(), shape, range, bars, key: Vec::new() }.svg())
}
