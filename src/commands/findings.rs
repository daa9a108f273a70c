//! Faults of data sets and results, for people to read.

use ocelli::dataset::{Fault, Findings, Id, Place, Severity};
use std::fmt::Write;
use std::path::Path;

/// "error" or "warning".
pub fn severity(fault: Fault) -> &'static str {
    match fault.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Every kind with its count, and the first places below it, `most` at most.
pub fn list(findings: &Findings, most: usize) -> String {
    let mut text = String::new();
    for (fault, finding) in findings.iter() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}: {} × {}", severity(fault), finding.count, fault.describe());
        let told = &finding.places[..finding.places.len().min(most)];
        for place in told {
            let _ = writeln!(text, "  {}", at(place));
        }
        if finding.count > told.len() {
            let _ = writeln!(text, "  … and {} more", finding.count - told.len());
        }
    }
    text
}

/// A place as people say it: editors and terminals know `file:line`. A picture has no lines.
fn at(place: &Place) -> String {
    let Place { file, index, id } = place;
    let extension = Path::new(file).extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let at = match extension.as_str() {
        "json" => format!("{file}, record {index}"),
        "txt" | "xml" | "csv" | "jsonl" => format!("{file}:{index}"),
        _ => file.clone(),
    };
    match id {
        Some(Id::Number(id)) => format!("{at} (id {id})"),
        Some(Id::Name(name)) => format!("{at} ({name})"),
        None => at,
    }
}
