//! The pipeline as one call: bytes of a picture in, detections out.

use crate::detection::{Detection, DetectionReport, ImageInfo, Timings};
use crate::engine::{Engine, EngineError};
use crate::head::{self, Candidate, HeadError};
use crate::letterbox::{Letterbox, Size};
use crate::metadata::DetectionMetadata;
use crate::nms::{NmsOptions, suppress};
use crate::picture::{self, Limits, Picture, PictureError};
use crate::tensor::Tensor;
use image::RgbImage;
use std::time::Instant;

/// Why a picture could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// The network cannot serve as a detector.
    #[error("the model is no detector: {reason}")]
    Unfit {
        /// Why.
        reason: String,
    },
    /// The bytes are no picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The network could not be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its outputs are not the heads that the metadata describes.
    #[error(transparent)]
    Head(#[from] HeadError),
}

/// A network with what is needed to turn its outputs into detections.
pub struct Detector {
    name: String,
    metadata: DetectionMetadata,
    engine: Box<dyn Engine>,
    size: Size,
}

/// The boxes of one picture before suppression: the thresholds can still be chosen.
#[derive(Debug, Clone)]
pub struct Candidates {
    /// In network pixels, each above the lowest confidence that was asked for.
    pub boxes: Vec<Candidate>,
    /// How the picture lies in the network's input.
    pub letterbox: Letterbox,
}

/// All that came of one picture.
#[derive(Debug, Clone)]
pub struct Sight {
    /// What is told.
    pub report: DetectionReport,
    /// The picture itself.
    pub image: RgbImage,
    /// The boxes before suppression.
    pub candidates: Candidates,
}

impl Detector {
    /// A detector from a prepared network of one input, float32 `[1, 3, height, width]`.
    ///
    /// # Errors
    /// [`DetectorError::Unfit`] if inputs or outputs are others, [`DetectorError::Head`] if the outputs' shapes
    /// contradict the metadata.
    pub fn new(name: String, engine: Box<dyn Engine>, metadata: DetectionMetadata) -> Result<Self, DetectorError> {
        let unfit = |reason: String| DetectorError::Unfit { reason };
        let [input] = engine.inputs() else {
            return Err(unfit(format!("it has {} inputs", engine.inputs().len())));
        };
        let (&[1, 3, height, width], "float32") = (&input.shape[..], input.dtype.as_str()) else {
            let reason = format!("its input is {} {:?}, not float32 [1, 3, height, width]", input.dtype, input.shape);
            return Err(unfit(reason));
        };
        let side = |length| u32::try_from(length).map_err(|_| unfit(format!("an input side of {length} pixels")));
        let size = Size { width: side(width)?, height: side(height)? };
        Ok(Self { name, metadata, engine, size })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its file says of it.
    pub fn metadata(&self) -> &DetectionMetadata {
        &self.metadata
    }

    /// Size of the network's input.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The network.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// Looks at a picture file's bytes. `name` is passed on to the report.
    ///
    /// # Errors
    /// [`DetectorError`], of which [`DetectorError::Picture`] is the sender's fault.
    pub fn detect(
        &self,
        bytes: &[u8],
        name: Option<String>,
        limits: &Limits,
        options: &NmsOptions,
    ) -> Result<Sight, DetectorError> {
        self.detect_keeping(bytes, name, limits, options, options.lowest_confidence())
    }

    /// As [`Self::detect`], but keeps every candidate above `floor`, so that a lower confidence can be chosen later.
    ///
    /// # Errors
    /// As [`Self::detect`].
    pub fn detect_keeping(
        &self,
        bytes: &[u8],
        name: Option<String>,
        limits: &Limits,
        options: &NmsOptions,
        floor: f32,
    ) -> Result<Sight, DetectorError> {
        let mut clock = Clock::start();
        let Picture { image, warnings } = picture::decode(bytes, limits)?;
        let decode = clock.lap();
        let letterbox =
            Letterbox::new(self.metadata.resize, Size { width: image.width(), height: image.height() }, self.size);
        let input = Tensor::F32(letterbox.apply(&image));
        let preprocess = clock.lap();
        let outputs = self.engine.run(vec![input])?;
        let inference = clock.lap();
        let maps: Vec<_> = outputs.iter().filter_map(|(_, tensor)| tensor.as_f32()).map(|map| map.view()).collect();
        let floor = floor.min(options.lowest_confidence());
        let boxes = head::decode(&maps, &self.metadata, self.size, floor)?;
        let candidates = Candidates { boxes, letterbox };
        let detections = self.select(&candidates, options);
        let postprocess = clock.lap();
        let report = DetectionReport {
            model: self.name.clone(),
            image: ImageInfo { name, width: image.width(), height: image.height() },
            detections,
            timings_ms: Timings { decode, preprocess, inference, postprocess, ..Timings::default() }.summed(),
            warnings,
            handle: None,
        };
        Ok(Sight { report, image, candidates })
    }

    /// The detections among candidates, in the picture's pixels, by falling confidence.
    pub fn select(&self, candidates: &Candidates, options: &NmsOptions) -> Vec<Detection> {
        let detection = |candidate: &Candidate| Detection {
            label: self.metadata.labels[candidate.class_id].clone(),
            class_id: candidate.class_id,
            confidence: candidate.confidence,
            bbox: candidates.letterbox.restore(&candidate.bbox),
        };
        suppress(&candidates.boxes, options).iter().map(detection).collect()
    }

    /// Runs the network once on a grey picture, so that the first real one finds memory and threads ready.
    ///
    /// # Errors
    /// What a real picture would meet: [`DetectorError::Engine`] or [`DetectorError::Head`].
    pub fn warm_up(&self) -> Result<(), DetectorError> {
        let shape = [1, 3, self.size.height as usize, self.size.width as usize];
        let outputs = self.engine.run(vec![Tensor::filled(&shape, 0.5)])?;
        let maps: Vec<_> = outputs.iter().filter_map(|(_, tensor)| tensor.as_f32()).map(|map| map.view()).collect();
        head::decode(&maps, &self.metadata, self.size, 1.0).map(drop).map_err(DetectorError::from)
    }
}

/// Milliseconds from lap to lap, to the microsecond.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let elapsed = now.duration_since(std::mem::replace(&mut self.0, now));
        (elapsed.as_secs_f64() * 1e6).round() / 1000.0
    }
}
