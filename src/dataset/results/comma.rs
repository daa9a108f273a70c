//! Results as comma-separated values, one box a line, with a header.

use super::Results;
use super::collector::finite;
use super::named::Named;
use crate::dataset::{ClassOverrides, Dataset, DatasetError, Fault, boxes};
use csv::{ReaderBuilder, StringRecord, Trim};
use std::path::Path;

/// What each column may be called, whatever the case.
const COLUMNS: [&[&str]; 7] = [
    &["filename", "file_name", "file", "image", "image_name", "image_id", "path"],
    &["class", "label", "class_name", "category", "name"],
    &["score", "confidence", "conf"],
    &["xmin", "x_min", "x1", "left"],
    &["ymin", "y_min", "y1", "top"],
    &["xmax", "x_max", "x2", "right"],
    &["ymax", "y_max", "y2", "bottom"],
];

/// The results in these bytes; `file` is for messages. Commas or semicolons separate; xmax − xmin is the width.
///
/// # Errors
/// [`DatasetError`] if a column is missing, a line is broken, or an override of `classes` names an unknown class.
pub fn parse(bytes: &[u8], file: &Path, dataset: &Dataset, classes: &ClassOverrides) -> Result<Results, DatasetError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = if header.contains(&b',') { b',' } else { b';' };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(Trim::All).from_reader(bytes);
    let columns = columns(reader.headers().map_err(|error| failed(&error, file))?, file)?;
    let mut named = Named::new(dataset);
    named.file(file);
    for row in reader.records() {
        let row = row.map_err(|error| failed(&error, file))?;
        let line = row.position().map_or(0, csv::Position::line) as usize;
        let [picture, class, score, corners @ ..] = columns.map(|column| row.get(column).unwrap_or_default());
        if picture.is_empty() || class.is_empty() {
            return Err(DatasetError::malformed(file, Some(line), "no picture or no class"));
        }
        let (picture, label) = (named.picture(picture), named.label(class));
        named.add(line, picture, label, bbox(corners), self::score(score));
    }
    named.finish(true, classes)
}

fn bbox(corners: [&str; 4]) -> Result<crate::geometry::BBox, Fault> {
    if corners.iter().any(|corner| corner.is_empty()) {
        return Err(Fault::MissingBox);
    }
    // What is no number is no finite one either.
    let [xmin, ymin, xmax, ymax] = corners.map(|corner| corner.parse().unwrap_or(f64::NAN));
    boxes::valid([xmin, ymin, xmax - xmin, ymax - ymin]).ok_or(Fault::BadBox)
}

fn score(text: &str) -> Result<f64, Fault> {
    match text {
        "" | "null" => Err(Fault::MissingScore),
        _ => text.parse().map_err(|_| Fault::BadScore).and_then(|score| finite(score, Fault::BadScore)),
    }
}

/// Where each of [`COLUMNS`] is.
fn columns(header: &StringRecord, file: &Path) -> Result<[usize; 7], DatasetError> {
    let mut found = [0; 7];
    for (place, names) in found.iter_mut().zip(COLUMNS) {
        let column = header.iter().position(|column| names.iter().any(|name| column.eq_ignore_ascii_case(name)));
        *place = column.ok_or_else(|| {
            let (wanted, there) = (names.join(", "), header.iter().collect::<Vec<_>>().join(", "));
            DatasetError::malformed(file, Some(1), format!("no column called {wanted}; there are: {there}"))
        })?;
    }
    Ok(found)
}

fn failed(error: &csv::Error, file: &Path) -> DatasetError {
    let line = error.position().map(|position| position.line() as usize);
    DatasetError::malformed(file, line, error.to_string())
}
