//! An evaluation as text: for a terminal, as Markdown, as CSV.

mod columns;
mod markdown;
mod terminal;

pub use markdown::markdown;
pub use terminal::{TerminalOptions, terminal};

use super::{ClassFigures, Evaluation};

/// The classes as CSV (RFC 4180 with plain line feeds): a header, then a line for each class in the data set's order.
/// Figures have full precision; one that does not exist is an empty field.
pub fn csv(evaluation: &Evaluation) -> String {
    // Writing to memory does not fail, and all records have the same length.
    write_csv(evaluation).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn write_csv(evaluation: &Evaluation) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["label", "truths", "AP", "AP50", "best_f1", "best_confidence", "precision", "recall"])?;
    for class in &evaluation.classes {
        let figures = [class.ap, class.ap50, class.best_f1, class.best_confidence, class.precision, class.recall];
        let fields = figures
            .map(|value| value.filter(|value| value.is_finite()).map_or_else(String::new, |value| value.to_string()));
        writer.write_record([class.label.clone(), class.truths.to_string()].into_iter().chain(fields))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The classes with the most truths first; of equally many, in the data set's order.
pub(super) fn by_truths(evaluation: &Evaluation) -> Vec<&ClassFigures> {
    let mut classes: Vec<&ClassFigures> = evaluation.classes.iter().collect();
    classes.sort_by_key(|class| std::cmp::Reverse(class.truths));
    classes
}

/// COCO's figures in rows that belong together: AP by threshold, AP by area, AR by limit, AR by area.
pub(super) fn coco_rows(evaluation: &Evaluation) -> Vec<Vec<(&str, Option<f64>)>> {
    let kind = |name: &str| {
        let rest = name.strip_prefix("AP").or_else(|| name.strip_prefix("AR")).unwrap_or(name);
        (name.starts_with("AR"), rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    let named: Vec<(&str, Option<f64>)> =
        evaluation.coco.0.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    named.chunk_by(|a, b| kind(a.0) == kind(b.0)).map(<[_]>::to_vec).collect()
}
