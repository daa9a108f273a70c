//! Faults of data sets and results, for people to read.

use ocelli::dataset::{Fault, Findings, Severity};
use std::fmt::Write;

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
            let _ = writeln!(text, "  {place}");
        }
        if finding.count > told.len() {
            let _ = writeln!(text, "  … and {} more", finding.count - told.len());
        }
    }
    text
}
