//! A detector in this process as what is evaluated.

use super::RunSettings;
use super::run::{Look, RunError, RunHeader};
use crate::dataset::Image;
use crate::detector::{Detector, DetectorError};
use crate::nms::NmsOptions;
use crate::picture::Limits;

/// What a run with this detector is a run of; `sha256` is that of its file.
pub fn header(detector: &Detector, sha256: String, settings: RunSettings) -> RunHeader {
    let (model, labels) = (detector.name().to_owned(), detector.metadata().labels.clone());
    RunHeader { model, sha256, labels, settings }
}

/// Lets the detector look at a picture's bytes.
///
/// # Errors
/// [`RunError::Detector`]; a picture that cannot be decoded is no error.
pub fn look(detector: &Detector, settings: &RunSettings, image: &Image, bytes: &[u8]) -> Result<Look, RunError> {
    let RunSettings { confidence, nms_iou, max_detections } = *settings;
    let options = NmsOptions { confidence, iou: nms_iou, max_detections, ..NmsOptions::default() };
    match detector.detect(bytes, Some(image.name.clone()), &Limits::default(), &options) {
        Ok(sight) => Ok(Look::Seen(Box::new(sight.report))),
        Err(DetectorError::Picture(_)) => Ok(Look::Unreadable),
        Err(error) => Err(RunError::Detector { image: image.name.clone(), reason: error.to_string() }),
    }
}
