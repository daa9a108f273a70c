//! Models converted from the test data, once for all tests.

use crate::data;
use ocelli::catalog::Catalog;
use ocelli::darknet::{ExportOptions, Network};
use ocelli::detector::Detector;
use ocelli::engine::{EngineKind, EngineOptions, Runtime};
use ocelli::metadata::Resize;
use std::path::{Path, PathBuf};

/// cfg and weights of a model, and whether it knows COCO's classes.
pub(crate) const MODELS: [(&str, &str, bool); 4] = [
    ("yolo-fastest-1.1-xl", "darknet/yolo-fastest/yolo-fastest-1.1-xl", true),
    ("yolo-fastest-1.1", "darknet/yolo-fastest/yolo-fastest-1.1", true),
    ("nano-coco", "darknet/mobilenet-yolo/MobileNetV2-YOLOv3-Nano-coco", true),
    ("yoloface-500k-v1", "darknet/mobilenet-yolo/yoloface-500k-v1/yoloface-500k", false),
];

/// Both engines.
pub(crate) const ENGINES: [EngineKind; 2] = [EngineKind::Native, EngineKind::Tract];

/// An engine, all else as it is by default.
pub(crate) fn engine(kind: EngineKind) -> EngineOptions {
    EngineOptions { kind, ..EngineOptions::default() }
}

/// Writes `name.onnx` of one of [`MODELS`] into `folder`, resized by stretching as the golden figures were.
pub(crate) fn convert(name: &str, folder: &Path) -> Option<PathBuf> {
    let data = data::folder()?;
    let (_, stem, coco) = MODELS.into_iter().find(|(known, ..)| *known == name).expect("a known model");
    let cfg = std::fs::read_to_string(data.join(format!("{stem}.cfg"))).expect("the cfg");
    let mut network = Network::parse(&cfg).expect("a network");
    network
        .read_weights(&std::fs::read(data.join(format!("{stem}.weights"))).expect("the weights"))
        .expect("its weights");
    let names = || std::fs::read_to_string(data.join("darknet/data/coco.names")).expect("the names");
    let labels = coco.then(|| names().lines().map(str::to_owned).collect());
    let options = ExportOptions { labels, resize: Resize::Stretch, license: None, source: None };
    let path = folder.join(format!("{name}.onnx"));
    network.to_onnx(options).expect("a model").write(&path).expect("a written model");
    Some(path)
}

/// One of [`MODELS`], ready to look at pictures.
pub(crate) fn detector(name: &str) -> Option<Detector> {
    detector_in(name, EngineOptions::default())
}

/// The same, in an engine.
pub(crate) fn detector_in(name: &str, options: EngineOptions) -> Option<Detector> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = convert(name, folder.path())?;
    let file = Catalog::default().find(&path.to_string_lossy()).expect("the model").open().expect("a model file");
    Some(file.into_detector(&Runtime::new(options), None).expect("a detector"))
}
