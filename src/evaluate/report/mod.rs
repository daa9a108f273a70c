//! An evaluation as one HTML file: figures, tables and the worst pictures, all in it.
//!
//! The page asks nothing of any network: its Content-Security-Policy lets it load only what it carries. Its one script
//! sorts the table of classes; without it, everything is still there.

mod figures;
mod gallery;
mod sections;

use super::Evaluation;
use super::wording;
use crate::average_precision::Prediction;
use crate::dataset::Dataset;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("sort.js");

/// The report. The same input gives the same bytes; pictures are read from the data set's paths, and those that cannot
/// be read are named.
pub fn html(evaluation: &Evaluation, dataset: &Dataset, predictions: &[Prediction]) -> String {
    let title = format!("{} on {}", evaluation.settings.model, wording::source(evaluation));
    let parts = parts(evaluation, dataset, predictions);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (sections::header(evaluation))
                nav aria-label="Contents" {
                    @for part in &parts { a href={ "#" (part.id) } { (part.title) } }
                }
                main {
                    @for part in &parts {
                        section id=(part.id) aria-labelledby={ (part.id) "-title" } {
                            h2 id={ (part.id) "-title" } { (part.title) }
                            (part.body)
                        }
                    }
                }
                footer { "Ocelli " (env!("CARGO_PKG_VERSION")) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// Only what the page itself carries: its pictures as data, its styles, and the one script by its digest.
fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
}

/// A section of the page.
struct Part {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

/// The sections for which there is something to say, in the order of the questions that people ask.
fn parts(evaluation: &Evaluation, dataset: &Dataset, predictions: &[Prediction]) -> Vec<Part> {
    let part = |id, title, body| Part { id, title, body };
    let mut parts = Vec::new();
    if !evaluation.warnings.is_empty() {
        parts.push(part("warnings", "Warnings", sections::warnings(evaluation)));
    }
    parts.push(part("protocols", "Protocols", sections::protocols(evaluation)));
    if let Some(intervals) = &evaluation.intervals {
        parts.push(part("intervals", "Intervals", sections::intervals(intervals)));
    }
    parts.push(part("classes", "Classes", sections::classes(evaluation)));
    parts.push(part("curves", "Curves", sections::curves(evaluation)));
    parts.push(part("operating-point", "Operating point", sections::operating_point(evaluation)));
    if !evaluation.errors.is_empty() {
        parts.push(part("errors", "Errors", sections::errors(evaluation)));
    }
    if !evaluation.slices.is_empty() {
        parts.push(part("slices", "Slices", sections::slices(evaluation)));
    }
    parts.push(part("calibration", "Calibration", sections::calibration(evaluation)));
    if !evaluation.worst.is_empty() {
        parts.push(part("worst", "Worst pictures", gallery::gallery(evaluation, dataset, predictions)));
    }
    parts
}
