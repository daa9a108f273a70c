//! An evaluation for a comment on a pull request.

use super::{by_truths, coco_rows};
use crate::evaluate::Evaluation;
use crate::evaluate::wording::{self, count, figure, signed};

/// Headline figures, protocols, the difference to another model where there is one, and the classes folded away.
pub fn markdown(evaluation: &Evaluation) -> String {
    let settings = &evaluation.settings;
    let mut text = format!("### {} on {}\n\n", escape(&settings.model), escape(&wording::source(evaluation)));
    text.push_str(&format!("{}. {}.\n", wording::data(evaluation), wording::how(evaluation)));
    for row in coco_rows(evaluation) {
        let (names, values): (Vec<String>, Vec<String>) =
            row.iter().map(|(name, value)| (escape(name), figure(*value))).unzip();
        table(&mut text, &names, 0, [values]);
    }
    let protocols = wording::protocols(evaluation)
        .into_iter()
        .map(|protocol| vec![protocol.name.to_owned(), protocol.why, figure(protocol.value)]);
    table(&mut text, &["protocol", "why it differs", "mean AP"].map(str::to_owned), 2, protocols);
    text.push_str(&format!("\nOperating point: {}.\n", wording::operating_point(evaluation)));
    difference(&mut text, evaluation);
    for warning in &evaluation.warnings {
        text.push_str(&format!("\n**Warning**: {}\n", escape(&wording::warning(warning))));
    }
    let classes = counted_classes(evaluation);
    text.push_str(&format!("\n<details><summary>{classes}</summary>\n"));
    let header = ["class", "truths", "AP", "AP50", "best F1", "at confidence"].map(str::to_owned);
    let rows = by_truths(evaluation).into_iter().map(|class| {
        let figures = [class.ap, class.ap50, class.best_f1, class.best_confidence].map(figure);
        [escape(&class.label), count(class.truths)].into_iter().chain(figures).collect()
    });
    table(&mut text, &header, 1, rows);
    text.push_str("\n</details>\n");
    text
}

fn counted_classes(evaluation: &Evaluation) -> String {
    wording::counted(evaluation.classes.len(), "class", "classes")
}

fn difference(text: &mut String, evaluation: &Evaluation) {
    let Some(intervals) = &evaluation.intervals else { return };
    let (heading, figures, number): (_, _, fn(Option<f64>) -> String) = match &intervals.against {
        Some(difference) => (format!("against {}", escape(&difference.other)), &difference.coco, signed),
        None => ("figure".into(), &intervals.coco, figure),
    };
    let level = format!("{:.0} % interval", intervals.level * 100.0);
    let rows = figures.iter().map(|interval| {
        let bounds = format!("{} to {}", number(interval.low), number(interval.high));
        vec![escape(&interval.name), number(interval.value), bounds]
    });
    table(text, &[heading, "value".into(), level], 1, rows);
}

/// A table, whose columns from `numbers` on are set to the right.
fn table(text: &mut String, header: &[String], numbers: usize, rows: impl IntoIterator<Item = Vec<String>>) {
    let rules: Vec<&str> = (0..header.len()).map(|column| if column < numbers { "---" } else { "---:" }).collect();
    text.push_str(&format!("\n| {} |\n| {} |\n", header.join(" | "), rules.join(" | ")));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
}

/// Text that Markdown leaves as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
