//! What a detector says of a picture, and its JSON: `serve` and `detect` write it, `evaluate` reads it back.

use crate::geometry::BBox;
use serde::{Deserialize, Serialize};

/// One object found in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Detection {
    /// The class's name, as the model file gives it.
    pub label: String,
    /// The class's index in the model's labels, from 0.
    pub class_id: usize,
    /// Objectness × class probability, in 0..=1.
    pub confidence: f32,
    /// Where, in pixels of the picture as a person sees it, clipped to the picture.
    #[serde(rename = "box")]
    pub bbox: BBox,
}

/// The picture that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ImageInfo {
    /// File name, or the name that the client gave; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Pixels across, after the EXIF orientation.
    pub width: u32,
    /// Pixels down, after the EXIF orientation.
    pub height: u32,
}

/// Milliseconds spent on one picture, step by step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Timings {
    /// Waiting for a worker.
    pub queue: f64,
    /// Bytes to pixels.
    pub decode: f64,
    /// Pixels to the network's input tensor.
    pub preprocess: f64,
    /// The network itself.
    pub inference: f64,
    /// Decoding heads, suppression, and mapping boxes back to the picture.
    pub postprocess: f64,
    /// The sum of the others.
    pub total: f64,
}

impl Timings {
    /// With the total of the steps, to the microsecond.
    #[must_use]
    pub fn summed(self) -> Self {
        let total = self.queue + self.decode + self.preprocess + self.inference + self.postprocess;
        Self { total: (total * 1000.0).round() / 1000.0, ..self }
    }
}

/// Everything said of one picture: one line of `ocelli detect --json`, one answer of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct DetectionReport {
    /// Name of the model.
    pub model: String,
    /// The picture.
    pub image: ImageInfo,
    /// The objects, by falling confidence.
    pub detections: Vec<Detection>,
    /// Where the time went.
    pub timings_ms: Timings,
    /// What the sender should know about the picture, such as that only the first frame was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
    /// Names the candidates kept on the server for a short while, if the request asked for that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handle: Option<String>,
}
