//! Files of results: what some detector found in the pictures of a data set.
//!
//! | format | is told by |
//! |---|---|
//! | COCO: a JSON list of `image_id`, `category_id`, `bbox`, `score`; Darknet's `coco_results.json` | a `[` |
//! | Ocelli: the JSON lines of `ocelli detect --json` | a `{` |
//! | comma-separated values: filename, class, score, xmin, ymin, xmax, ymax | a comma in the first line |
//! | Pascal VOC: a folder of `comp4_det_test_CLASS.txt`, or Darknet's `CLASS.txt` | names of files that are classes |
//! | YOLO: a folder of one text file a picture, with confidences | names of files that are pictures |

mod categories;
mod coco;
mod collector;
mod comma;
mod folder;
mod lines;
mod named;
mod pictures;
mod voc;
mod yolo;

pub use coco::parse as parse_coco;
pub use comma::parse as parse_csv;
pub use lines::parse as parse_lines;
pub use voc::parse as parse_voc;
pub use yolo::parse as parse_yolo;

use super::{ClassMap, ClassOverrides, Dataset, DatasetError, Findings};
use crate::average_precision::Prediction;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

/// What some detector found.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// The objects, in the order of the file, of files by name.
    pub predictions: Vec<Prediction>,
    /// What is wrong with the results, or doubtful.
    pub findings: Findings,
    /// The model's name, if the file says it.
    pub model: Option<String>,
    /// How names of classes were matched with the data set's, where the results have names.
    pub mapping: Option<ClassMap>,
}

/// Reads results for the pictures of `dataset`, in whatever format they are. `classes` says what names of classes mean.
///
/// # Errors
/// [`DatasetError`] where a file cannot be read, is of none of the formats, or has a line or record that cannot be
/// understood.
pub fn read(path: &Path, dataset: &Dataset, classes: &ClassOverrides) -> Result<Results, DatasetError> {
    if path.is_dir() {
        return folder::read(path, dataset, classes);
    }
    let failed = |error| DatasetError::file(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut start = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut start).map_err(failed)?;
    file.rewind().map_err(failed)?;
    // Marks of byte order are the JSON reader's to name.
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(DatasetError::malformed(path, None, "the file is empty: no results; none at all would be `[]`")),
        Some(b'[' | 0xef | 0xfe | 0xff) => coco::read(&mut file, bytes, path, dataset, classes),
        Some(b'{') => lines::read(&mut file, path, dataset, classes),
        Some(_) => text(path, dataset, classes),
    }
}

fn text(path: &Path, dataset: &Dataset, classes: &ClassOverrides) -> Result<Results, DatasetError> {
    let bytes = std::fs::read(path).map_err(|error| DatasetError::file(path, error))?;
    if voc::devkit_class(path).is_some() {
        return voc::parse(&bytes, path, dataset, classes);
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first.contains(&b',') || first.contains(&b';') {
        return comma::parse(&bytes, path, dataset, classes);
    }
    let reason = "no results that are known: expected a COCO list (`[`), Ocelli's JSON lines (`{`), comma-separated \
                  values with a header, or a folder of Pascal VOC's or YOLO's text files";
    Err(DatasetError::Unrecognised { path: path.to_owned(), reason: reason.into() })
}
