//! What stands in the report's sections.

use super::figures;
use crate::evaluate::table::{by_truths, coco_rows};
use crate::evaluate::wording::{self, count, counted, figure, signed};
use crate::evaluate::{Evaluation, Intervals};
use maud::{Markup, html};

/// Model, data, how it was run, and the figures that people ask for first.
pub(super) fn header(evaluation: &Evaluation) -> Markup {
    let settings = &evaluation.settings;
    html! {
        header {
            h1 { (settings.model) }
            p.lead { "on " (wording::source(evaluation)) ": " (wording::data(evaluation)) "." }
            p.soft { (wording::how(evaluation)) "." }
            dl.headline {
                @for name in ["AP", "AP50", "AP75"] {
                    @if evaluation.coco.0.iter().any(|(known, _)| known == name) {
                        div {
                            dt { (name) }
                            dd { (figure(evaluation.coco.get(name))) }
                            @if let Some((level, low, high)) = interval(evaluation, name) {
                                dd.soft { (level) " %: " (low) " to " (high) }
                            }
                        }
                    }
                }
                div {
                    dt { "F1 above confidence " (evaluation.operating_point.confidence) }
                    dd { (figure(evaluation.operating_point.f1)) }
                    dd.soft {
                        "precision " (figure(evaluation.operating_point.precision))
                        ", recall " (figure(evaluation.operating_point.recall))
                    }
                }
            }
        }
    }
}

/// Level in percent, lower and upper bound.
fn interval(evaluation: &Evaluation, name: &str) -> Option<(String, String, String)> {
    let intervals = evaluation.intervals.as_ref()?;
    let interval = intervals.coco.iter().find(|interval| interval.name == name)?;
    Some((format!("{:.0}", intervals.level * 100.0), figure(interval.low), figure(interval.high)))
}

pub(super) fn warnings(evaluation: &Evaluation) -> Markup {
    html! {
        ul.warnings {
            @for warning in &evaluation.warnings { li { (wording::warning(warning)) } }
        }
    }
}

pub(super) fn protocols(evaluation: &Evaluation) -> Markup {
    html! {
        div.scroll { table {
            caption { "The same boxes, scored by each protocol, and why tools disagree" }
            thead { tr { th scope="col" { "Protocol" } th.number scope="col" { "mean AP" } th scope="col" { "Why it differs" } } }
            tbody {
                @for protocol in wording::protocols(evaluation) {
                    tr {
                        th scope="row" { (protocol.name) }
                        td.number { (figure(protocol.value)) }
                        td { (protocol.why) }
                    }
                }
            }
        } }
        div.scroll.spaced { table {
            caption { "The COCO summary in full" }
            tbody {
                @for row in coco_rows(evaluation) {
                    tr {
                        @for (name, value) in row { th scope="row" { (name) } td.number { (figure(value)) } }
                    }
                }
            }
        } }
    }
}

pub(super) fn intervals(intervals: &Intervals) -> Markup {
    html! {
        p {
            (format!("{:.0} % percentile intervals over {} of the pictures, seed {}.",
                intervals.level * 100.0, counted(intervals.replicates, "bootstrap replicate", "bootstrap replicates"), intervals.seed))
            " They tell how much the figures depend on which pictures happen to be in the data set."
        }
        div.pair {
            figure { (figures::intervals("Figures and their intervals", &intervals.coco, figure)) }
            @if let Some(difference) = &intervals.against {
                figure {
                    (figures::intervals("Difference to the other model", &difference.coco, signed))
                    figcaption {
                        "This model less " strong { (difference.other) } ", on the same resampled pictures. "
                        "Where the interval leaves out 0, the choice of pictures alone does not explain the difference. "
                        @if let Some(better) = difference.better {
                            (format!("This model's AP is higher in {:.1} % of the replicates.", better * 100.0))
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn classes(evaluation: &Evaluation) -> Markup {
    let columns = ["truths", "AP", "AP50", "best F1", "at confidence", "precision", "recall"];
    html! {
        div.scroll.tall tabindex="0" role="region" aria-label="Classes" { table.sortable {
            caption { "Precision and recall are those at the confidence of the best F1" }
            thead { tr { th scope="col" { "Class" } @for column in columns { th.number scope="col" { (column) } } } }
            tbody {
                @for class in by_truths(evaluation) {
                    tr {
                        th scope="row" { (class.label) }
                        td.number { (count(class.truths)) }
                        @for value in [class.ap, class.ap50, class.best_f1, class.best_confidence, class.precision, class.recall] {
                            td.number { (figure(value)) }
                        }
                    }
                }
            }
        } }
        details {
            summary { "Thresholds for the server's configuration" }
            p { "The confidence at which each class has its best F1, ready to paste. Chosen on these data, they flatter the figures on these data." }
            pre { code { (wording::thresholds(evaluation)) } }
        }
    }
}

pub(super) fn curves(evaluation: &Evaluation) -> Markup {
    html! {
        div.pair {
            figure {
                (figures::precision_recall(evaluation))
                figcaption { "Each class with its AP50. At each recall stands the best precision there or beyond, as AP takes it. Towards the upper right is better." }
            }
            figure {
                (figures::f1_confidence(evaluation))
                figcaption { "Each class with its best F1, which its dot marks: that confidence is its threshold above. The large dot is the operating point below." }
            }
        }
        @if let Some(named) = figures::named(evaluation) {
            p.soft { "Named are the " (named) " classes with the most truths; all others are faint. Where truths are few, a curve is a coarse stair." }
        }
        p.soft { "Predictions count as right from IoU " (evaluation.settings.iou) "." }
    }
}

pub(super) fn operating_point(evaluation: &Evaluation) -> Markup {
    let (point, confusion) = (&evaluation.operating_point, &evaluation.confusion);
    html! {
        p {
            "Predictions above confidence " strong { (point.confidence) } ", all classes together: "
            (count(point.true_positives)) " found, " (count(point.false_positives)) " false, " (count(point.false_negatives)) " missed. "
            "Precision " strong { (figure(point.precision)) } ", recall " strong { (figure(point.recall)) } ", F1 " strong { (figure(point.f1)) } ", "
            strong { (format!("{:.2}", point.false_positives_per_image)) } " false positives a picture."
        }
        figure.wide {
            (figures::confusion(confusion))
            figcaption {
                "Above confidence " (confusion.confidence) ", from IoU " (confusion.iou) ". A match within a class comes first, so that the diagonal holds "
                "the predictions found that are counted above; what is left over is matched across classes. The last column has the objects that nothing "
                "was matched with, the last row the predictions where nothing is. Shades are shares of a row."
            }
        }
    }
}

pub(super) fn errors(evaluation: &Evaluation) -> Markup {
    html! {
        p { (wording::errors(evaluation)) }
        div.pair {
            figure { (figures::errors(evaluation)) }
            div.scroll { table {
                caption { "Kinds of mistakes in the sense of TIDE (Bolya et al. 2020)" }
                thead { tr { th scope="col" { "Kind" } th.number scope="col" { "count" } th.number scope="col" { "ΔAP50" } th scope="col" { "What it is" } } }
                tbody {
                    @for error in &evaluation.errors {
                        @let (name, meaning) = wording::mistake(error.kind);
                        tr {
                            th scope="row" { (name) }
                            td.number { (count(error.count)) }
                            td.number { (signed(error.delta_ap50)) }
                            td { (meaning) }
                        }
                    }
                }
            } }
        }
    }
}

pub(super) fn slices(evaluation: &Evaluation) -> Markup {
    let mut kinds: Vec<&str> = evaluation.slices.iter().map(|slice| slice.by).collect();
    kinds.dedup();
    html! {
        div.pair {
            @for by in kinds { figure { (figures::slices(evaluation, by)) } }
            div.scroll { table {
                caption { "Parts of the data by themselves; recall at the operating point" }
                thead { tr {
                    th scope="col" { "By" } th scope="col" { "Part" } th.number scope="col" { "truths" }
                    th.number scope="col" { "AP50" } th.number scope="col" { "recall" }
                } }
                tbody {
                    @for slice in &evaluation.slices {
                        tr {
                            td { (slice.by) }
                            th scope="row" { (slice.label) }
                            td.number { (count(slice.truths)) }
                            td.number { (figure(slice.ap50)) }
                            td.number { (figure(slice.recall)) }
                        }
                    }
                }
            } }
        }
    }
}

pub(super) fn calibration(evaluation: &Evaluation) -> Markup {
    let calibration = &evaluation.calibration;
    html! {
        p {
            "Expected calibration error " strong { (figure(calibration.ece)) }
            ": the mean distance of confidence from the share that is right, weighted by the number of predictions. It is ruled by where most predictions are: the curve tells more."
        }
        div.pair {
            figure {
                (figures::reliability(calibration))
                figcaption { "Below the diagonal the model is surer than it should be, above it less sure." }
            }
            figure { (figures::confidences(calibration)) }
        }
    }
}
