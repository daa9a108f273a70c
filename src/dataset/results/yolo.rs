//! Results as YOLO tools save them: a file a picture, a line `class cx cy width height confidence` a box, relative to the
//! picture's size.

use super::Results;
use super::collector::{Collector, Record, finite};
use super::pictures::{Names, size};
use super::voc::lines;
use crate::dataset::{Dataset, DatasetError, Fault, Id, boxes};
use std::path::Path;

/// The results in these bytes, for the picture that `file` is called after. Classes are the data set's indices.
///
/// # Errors
/// [`DatasetError`] if a line is no result, or the picture's size is not known.
pub fn parse(bytes: &[u8], file: &Path, dataset: &Dataset) -> Result<Results, DatasetError> {
    let mut collector = Collector::new(dataset, 0);
    read(bytes, file, dataset, &Names::new(dataset), &mut collector)?;
    Ok(collector.finish())
}

/// Reads one file.
pub(super) fn read(
    bytes: &[u8],
    file: &Path,
    dataset: &Dataset,
    names: &Names,
    collector: &mut Collector,
) -> Result<(), DatasetError> {
    collector.file(file);
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let image = names.stem(&name);
    // Results for an unknown picture are faults, whatever their boxes.
    let (width, height) = match image.and_then(|index| dataset.images.get(index)) {
        None => (1, 1),
        Some(image) => size(image).ok_or_else(|| {
            let reason = format!("boxes are relative to the size of {}, which is not known", image.name);
            DatasetError::malformed(file, None, reason)
        })?,
    };
    for (index, text) in lines(bytes, file) {
        let text = text?;
        let numbers: Option<Vec<f64>> = text.split(' ').map(|word| word.parse().ok()).collect();
        let (class, [cx, cy, w, h], score) = match numbers.as_deref() {
            Some(&[class, cx, cy, w, h]) => (class, [cx, cy, w, h], Err(Fault::MissingScore)),
            Some(&[class, cx, cy, w, h, score]) => (class, [cx, cy, w, h], finite(score, Fault::BadScore)),
            _ => {
                let reason = format!("expected `class cx cy width height confidence`, found {text:?}");
                return Err(DatasetError::malformed(file, Some(index), reason));
            }
        };
        let (width, height) = (f64::from(width), f64::from(height));
        let bbox = boxes::valid([(cx - w / 2.0) * width, (cy - h / 2.0) * height, w * width, h * height]);
        let class = (0..dataset.labels.len()).find(|index| *index as f64 == class);
        let record = Record { index, image, class, bbox: bbox.ok_or(Fault::BadBox), score };
        collector.add(&record, || Id::Name(name.clone()));
    }
    Ok(())
}
