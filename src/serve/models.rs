//! The models that are served, and what is told of them.

use super::error::Failure;
use super::pages;
use crate::catalog::{CatalogError, Entry, ModelFile};
use crate::detector::Detector;
use crate::engine::{Port, Precision, Runtime};
use crate::metadata::{HeadKind, Resize};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Finds objects.
    Detection,
    /// Anything else: its outputs are not interpreted.
    Raw,
}

/// Size of a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct InputSize {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// What is told of a model. Fields of detection are absent from a raw model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// What it does.
    pub task: Task,
    /// Whether it answers requests that name no model.
    pub default: bool,
    /// The engine that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The numbers that its convolutions compute with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Size of its input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<InputSize>,
    /// Name of each class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// For each label that has one, the confidence that its detections have to exceed when a request names none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, f32>,
    /// How its outputs encode boxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadKind>,
    /// For each output, [width, height] of its anchors in input pixels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Vec<[f32; 2]>>,
    /// How pictures become inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<Resize>,
    /// The network's outputs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Port>,
    /// Terms under which the weights may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where the weights come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Addresses on this server of pictures of what it finds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<String>,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// The models, as `GET /api/v1/models` lists them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ModelList {
    /// The default model first.
    pub models: Vec<ModelInfo>,
}

/// A label that a model does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{model}` knows no class `{label}`")]
pub struct UnknownClass {
    /// The model.
    pub model: String,
    /// The label.
    pub label: String,
}

/// A model that has been loaded.
pub struct ServedModel {
    /// What is told of it.
    pub info: ModelInfo,
    /// The thresholds that are told, by index of the class.
    class_confidences: BTreeMap<usize, f32>,
    /// Absent for a raw model.
    detector: Option<Detector>,
}

impl ServedModel {
    /// Loads a file and, if it is a detector, runs it once.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn load(entry: &Entry, runtime: &Runtime) -> Result<Self, CatalogError> {
        let file = entry.open()?;
        let mut info = info(&file);
        if info.task == Task::Raw {
            return Ok(Self { info, class_confidences: BTreeMap::new(), detector: None });
        }
        let detector = file.into_detector(runtime, None)?;
        let failed = |source| CatalogError::Detector { path: entry.path().into(), source };
        detector.warm_up().map_err(failed)?;
        info.engine = Some(detector.engine().name().into());
        info.precision = Some(detector.engine().precision());
        info.input = Some(InputSize { width: detector.size().width, height: detector.size().height });
        info.outputs = detector.engine().outputs().to_vec();
        Ok(Self { info, class_confidences: BTreeMap::new(), detector: Some(detector) })
    }

    /// With these confidences, each in 0..=1, for detections of these labels where a request names none.
    ///
    /// # Errors
    /// Names a label that the model does not have.
    pub fn with_thresholds(mut self, thresholds: BTreeMap<String, f32>) -> Result<Self, UnknownClass> {
        self.class_confidences =
            thresholds.iter().map(|(label, least)| Ok((self.class_id(label)?, *least))).collect::<Result<_, _>>()?;
        self.info.thresholds = thresholds;
        Ok(self)
    }

    /// For each class that has one, what a confidence has to exceed when a request names none.
    pub fn class_confidences(&self) -> &BTreeMap<usize, f32> {
        &self.class_confidences
    }

    /// The detector.
    ///
    /// # Errors
    /// 422 if the model is raw.
    pub fn detector(&self) -> Result<&Detector, Failure> {
        let raw = || format!("`{}` is no detector", self.info.name);
        self.detector.as_ref().ok_or_else(|| Failure::Parameter { field: "model".into(), detail: raw() })
    }

    fn class_id(&self, label: &str) -> Result<usize, UnknownClass> {
        let unknown = || UnknownClass { model: self.info.name.clone(), label: label.into() };
        self.info.labels.iter().position(|known| known == label).ok_or_else(unknown)
    }

    /// The indices of labels separated by commas.
    ///
    /// # Errors
    /// 422 naming the label that the model does not know.
    pub fn class_ids(&self, names: &str) -> Result<Vec<usize>, Failure> {
        let failure = |unknown: UnknownClass| Failure::Parameter {
            field: "classes".into(),
            detail: format!("{unknown}; GET /api/v1/models/{} lists them", unknown.model),
        };
        names.split(',').map(|name| self.class_id(name.trim()).map_err(failure)).collect()
    }
}

fn info(file: &ModelFile) -> ModelInfo {
    let detection = file.metadata.detection.as_ref();
    ModelInfo {
        name: file.entry.name.clone(),
        task: if detection.is_some() { Task::Detection } else { Task::Raw },
        default: false,
        engine: None,
        precision: None,
        input: None,
        labels: detection.map(|d| d.labels.clone()).unwrap_or_default(),
        thresholds: BTreeMap::new(),
        head: detection.map(|d| d.head),
        anchors: detection.map(|d| d.anchors.clone()).unwrap_or_default(),
        resize: detection.map(|d| d.resize),
        outputs: Vec::new(),
        license: file.metadata.license.clone(),
        source: file.metadata.source.clone(),
        samples: pages::samples(&file.entry),
        sha256: file.sha256.clone(),
    }
}
