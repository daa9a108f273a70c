//! Ocelli: real-time object detection, as a library.
//!
//! ```text
//! bytes ─picture─► RgbImage ─letterbox─► Tensor f32 [1,3,h,w] ─engine─► raw heads [1, a·(5+C), rows, columns]
//!  ─head─► candidates (network pixels) ─nms─► candidates ─letterbox─► detections (picture pixels) ─► JSON | picture
//! ```
//!
//! [`detector::Detector`] is that line as one call. The modules below are in reading order; each uses only those above
//! it, and a test holds them to that.
//!
//! ```no_run
//! use ocelli::{catalog::Catalog, engine::{EngineOptions, Runtime}, nms::NmsOptions, picture::Limits};
//!
//! let runtime = Runtime::new(EngineOptions::default());
//! let detector = Catalog::default().find("yolo.onnx")?.open()?.into_detector(&runtime, None)?;
//! let bytes = std::fs::read("dog.jpg")?;
//! let sight = detector.detect(&bytes, Some("dog.jpg".into()), &Limits::default(), &NmsOptions::default())?;
//! for found in &sight.report.detections {
//!     println!("{} {:.0} %", found.label, found.confidence * 100.0);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod causes;
pub mod detection;
pub mod geometry;
pub mod mapped;
pub mod onnx;
pub mod ordered;
pub mod picture;
pub mod plot;
pub mod tensor;

pub mod average_precision;
pub mod head;
pub mod letterbox;
pub mod metadata;
pub mod nms;

pub mod darknet;
pub mod dataset;
pub mod draw;
pub mod engine;

pub mod catalog;
pub mod detector;

pub mod evaluate;
#[cfg(feature = "server")]
pub mod serve;
