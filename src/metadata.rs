//! What a model file says of itself, in the `ocelli.*` keys of an ONNX file's `metadata_props`.
//!
//! | key | value |
//! |---|---|
//! | `ocelli.task` | `detection`, or `raw` for anything else |
//! | `ocelli.head` | `yolov3`, `yolov2` |
//! | `ocelli.labels` | JSON array of strings |
//! | `ocelli.anchors` | JSON: for each output a list of [width, height] pairs in input pixels |
//! | `ocelli.resize` | `letterbox`, `stretch` |
//! | `ocelli.scale_xy` | JSON: for each output Darknet's `scale_x_y`; 1 where it is absent |
//! | `ocelli.license`, `ocelli.source` | free text |

use crate::onnx::Model;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Why the metadata of a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("metadata key `{key}`: {reason}")]
pub struct MetadataError {
    /// The key at fault.
    pub key: &'static str,
    /// What is wrong with its value.
    pub reason: String,
}

/// How a picture is brought to the network's input size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum Resize {
    /// Keep the aspect ratio and pad with grey (Darknet's `detector test`).
    Letterbox,
    /// Fill the input, whatever becomes of the aspect ratio (Darknet's `detector map`, OpenCV's `blobFromImage`).
    Stretch,
}

/// How an output tensor encodes boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum HeadKind {
    /// Independent logistic for each class (Redmon & Farhadi 2018, <https://arxiv.org/abs/1804.02767>).
    YoloV3,
    /// Softmax over the classes (Redmon & Farhadi 2016, <https://arxiv.org/abs/1612.08242>).
    YoloV2,
}

/// What a detection model's file says of its head.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionMetadata {
    /// How outputs encode boxes.
    pub head: HeadKind,
    /// Name of each class.
    pub labels: Vec<String>,
    /// For each output, [width, height] of its anchors in input pixels.
    pub anchors: Vec<Vec<[f32; 2]>>,
    /// For each output, how far a centre may leave its cell: 1 is the plain logistic.
    pub scale_xy: Vec<f32>,
    /// How pictures become inputs.
    pub resize: Resize,
}

/// What a model file says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata {
    /// Absent for a `raw` model, whose outputs are not interpreted.
    pub detection: Option<DetectionMetadata>,
    /// Terms under which the weights may be used.
    pub license: Option<String>,
    /// Where the weights come from.
    pub source: Option<String>,
}

impl Metadata {
    /// Reads the metadata of a file. A file without `ocelli.task` is a raw model.
    ///
    /// # Errors
    /// Names the key that is missing, malformed or contradicts another.
    pub fn read(model: &Model) -> Result<Self, MetadataError> {
        let detection = match model.property(TASK) {
            None | Some("raw") => None,
            Some("detection") => Some(DetectionMetadata::read(model)?),
            Some(other) => return Err(error(TASK, format!("`{other}` is neither `detection` nor `raw`"))),
        };
        let text = |key| model.property(key).map(str::to_owned);
        Ok(Self { detection, license: text(LICENSE), source: text(SOURCE) })
    }

    /// Writes the metadata into a file's properties.
    pub fn write(&self, model: &mut Model) {
        match &self.detection {
            None => model.set_property(TASK, "raw"),
            Some(detection) => {
                model.set_property(TASK, "detection");
                model.set_property(HEAD, json(&detection.head).trim_matches('"'));
                model.set_property(LABELS, json(&detection.labels));
                model.set_property(ANCHORS, json(&detection.anchors));
                model.set_property(SCALE_XY, json(&detection.scale_xy));
                model.set_property(RESIZE, json(&detection.resize).trim_matches('"'));
            }
        }
        for (key, value) in [(LICENSE, &self.license), (SOURCE, &self.source)] {
            if let Some(value) = value {
                model.set_property(key, value);
            }
        }
    }
}

impl DetectionMetadata {
    fn read(model: &Model) -> Result<Self, MetadataError> {
        let required = |key| model.property(key).ok_or_else(|| error(key, "missing".into()));
        let word = |key| required(key).map(|value| format!("{value:?}"));
        let anchors: Vec<Vec<[f32; 2]>> = parse(ANCHORS, required(ANCHORS)?)?;
        let scale_xy = match model.property(SCALE_XY) {
            Some(value) => parse(SCALE_XY, value)?,
            None => vec![1.0; anchors.len()],
        };
        let metadata = Self {
            head: parse(HEAD, &word(HEAD)?)?,
            labels: parse(LABELS, required(LABELS)?)?,
            resize: parse(RESIZE, &word(RESIZE)?)?,
            anchors,
            scale_xy,
        };
        metadata.check().map(|()| metadata)
    }

    fn check(&self) -> Result<(), MetadataError> {
        if self.labels.is_empty() {
            return Err(error(LABELS, "no label".into()));
        }
        if self.anchors.is_empty() || self.anchors.iter().any(Vec::is_empty) {
            return Err(error(ANCHORS, "an output without an anchor".into()));
        }
        if let Some(anchor) =
            self.anchors.iter().flatten().find(|a| !a.iter().all(|side| side.is_finite() && *side > 0.0))
        {
            return Err(error(ANCHORS, format!("{anchor:?} is no width and height")));
        }
        if self.scale_xy.len() != self.anchors.len() {
            let (found, wanted) = (self.scale_xy.len(), self.anchors.len());
            return Err(error(SCALE_XY, format!("{found} values for {wanted} outputs")));
        }
        Ok(())
    }
}

const TASK: &str = "ocelli.task";
const HEAD: &str = "ocelli.head";
const LABELS: &str = "ocelli.labels";
const ANCHORS: &str = "ocelli.anchors";
const RESIZE: &str = "ocelli.resize";
const SCALE_XY: &str = "ocelli.scale_xy";
const LICENSE: &str = "ocelli.license";
const SOURCE: &str = "ocelli.source";

fn error(key: &'static str, reason: String) -> MetadataError {
    MetadataError { key, reason }
}

fn parse<T: DeserializeOwned>(key: &'static str, value: &str) -> Result<T, MetadataError> {
    serde_json::from_str(value).map_err(|e| error(key, e.to_string()))
}

/// Strings, numbers and lists of them always serialise.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
