//! Recipes as files: TOML, in which single settings can be changed from the command line.

use super::RECIPES;
use crate::data::{Augmentation, DataError};
use crate::export::ExportError;
use crate::losses::yolo::YoloLossOptions;
use crate::models::DetectorConfig;
use crate::train::TrainOptions;
use crate::weights::WeightsError;
use ocelli::letterbox::Size;
use ocelli::metadata::{DetectionMetadata, HeadKind, Resize};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Most pixels on a side of the input.
const LONGEST: u32 = 8192;
/// Most pictures in a batch.
const LARGEST_BATCH: usize = 1 << 16;

/// Why there is no such recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// No recipe of that name, and no file.
    #[error("no recipe is called {name}; there are {known}, or give a .toml file")]
    Unknown {
        /// The name.
        name: String,
        /// Names that there are.
        known: String,
    },
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The model file.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The text or a setting is wrong.
    #[error("{origin}: {reason}")]
    Malformed {
        /// Name of the recipe, or its file.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// `--set` without a value that can be read.
    #[error("--set {setting}: {reason}")]
    Setting {
        /// As given.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How to train a detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionRecipe {
    /// One line for people.
    pub description: String,
    /// Names of the classes; those of the data if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// The network.
    pub model: DetectorConfig,
    /// What it looks at.
    pub input: InputChoice,
    /// Which data.
    #[serde(default)]
    pub data: DataChoice,
    /// How pictures are changed.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// What is minimised.
    #[serde(default)]
    pub loss: YoloLossOptions,
    /// How.
    #[serde(default)]
    pub train: TrainOptions,
    /// What the model file says of itself.
    #[serde(default)]
    pub export: ExportChoice,
}

/// The network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputChoice {
    /// Pixels across, a multiple of 32.
    pub width: u32,
    /// Pixels down, a multiple of 32.
    pub height: u32,
    /// Pictures in a batch.
    pub batch: usize,
    /// Anchors of each output in pixels of the input; fitted to the data if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<Vec<Vec<[f32; 2]>>>,
}

impl InputChoice {
    /// Width and height.
    pub fn size(&self) -> Size {
        Size { width: self.width, height: self.height }
    }
}

/// Parts of a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataChoice {
    /// Split that is trained on; all that is not held out if the data set has no splits.
    pub train: String,
    /// Split that chooses the best weights; empty for none.
    pub validation: String,
    /// Part of the pictures that takes its place where the data set has no splits, 0..1.
    pub hold_out: f64,
    /// Overlap (IoU) from which two boxes are the same object, in evaluations.
    pub nms_iou: f32,
    /// More data sets to train on, of the same classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<MoreData>,
}

/// A data set that is mixed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreData {
    /// Where it is.
    pub path: PathBuf,
    /// Its share of the samples of an epoch, against 1 for the first data set.
    #[serde(default = "even")]
    pub weight: f64,
}

fn even() -> f64 {
    1.0
}

impl Default for DataChoice {
    fn default() -> Self {
        Self { train: "train".into(), validation: "val".into(), hold_out: 0.2, nms_iou: 0.45, also: Vec::new() }
    }
}

/// What goes into an exported file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportChoice {
    /// Licence of the weights.
    pub license: Option<String>,
    /// Where they come from.
    pub source: Option<String>,
}

impl DetectionRecipe {
    /// The recipe of that name, or of that file, with `settings` (`key.key=value`) changed.
    ///
    /// # Errors
    /// [`RecipeError`].
    pub fn find(name: &str, settings: &[String]) -> Result<Self, RecipeError> {
        if let Some((_, text)) = RECIPES.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text, settings);
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            let known: Vec<&str> = RECIPES.iter().map(|(known, _)| *known).collect();
            return Err(RecipeError::Unknown { name: name.into(), known: known.join(", ") });
        }
        Self::read(path, settings)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`RecipeError`].
    pub fn read(path: &Path, settings: &[String]) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::File { path: path.into(), source })?;
        Self::parse(&path.display().to_string(), &text, settings)
    }

    fn parse(origin: &str, text: &str, settings: &[String]) -> Result<Self, RecipeError> {
        let malformed = |reason: String| RecipeError::Malformed { origin: origin.into(), reason };
        let table: Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            malformed(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
        })?;
        let with = |count: usize| Self::changed(table.clone(), &settings[..count]);
        with(settings.len()).map_err(|reason| {
            // Some settings are right only together: the one after the last sound recipe is at fault.
            match (0..settings.len()).rev().find(|count| with(*count).is_ok()) {
                Some(count) => RecipeError::Setting { setting: settings[count].clone(), reason },
                None => malformed(reason),
            }
        })
    }

    /// The recipe of a table with `settings` changed, or what is wrong with it.
    fn changed(mut table: Table, settings: &[String]) -> Result<Self, String> {
        settings.iter().try_for_each(|setting| change(&mut table, setting))?;
        let recipe: Self = table.try_into().map_err(|error: toml::de::Error| in_words(&error.to_string()))?;
        recipe.check()?;
        Ok(recipe)
    }

    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// The setting and its range.
    pub fn check(&self) -> Result<(), String> {
        let InputChoice { width, height, batch, .. } = self.input;
        let multiple = self.model.size_multiple();
        let fits = |side: &u32| (multiple..=LONGEST).contains(side) && side.is_multiple_of(multiple);
        for [width, height] in [[width, height]].iter().chain(&self.augmentation.sizes) {
            if !fits(width) || !fits(height) {
                let rule = format!("width and height must be multiples of {multiple}, at most {LONGEST}");
                return Err(format!("an input of {width}×{height}: {rule}"));
            }
        }
        if !(1..=LARGEST_BATCH).contains(&batch) {
            return Err(format!("input.batch is {batch}, not in 1..={LARGEST_BATCH}"));
        }
        if !(0.0..1.0).contains(&self.data.hold_out) {
            return Err(format!("data.hold_out is {}, not in 0..1", self.data.hold_out));
        }
        if let Some(more) = self.data.also.iter().find(|more| !(more.weight > 0.0 && more.weight.is_finite())) {
            return Err(format!(
                "data.also: {} has weight {}, not a positive number",
                more.path.display(),
                more.weight
            ));
        }
        if !(0.0..=1.0).contains(&self.data.nms_iou) {
            return Err(format!("data.nms_iou is {}, not in 0..=1", self.data.nms_iou));
        }
        self.model.check().map_err(|reason| format!("model.{reason}"))?;
        self.check_anchors()?;
        self.augmentation.check()?;
        self.loss.check().map_err(|error| format!("loss.{error}"))?;
        self.train.check()
    }

    fn check_anchors(&self) -> Result<(), String> {
        let Some(anchors) = &self.input.anchors else { return Ok(()) };
        let (outputs, each) = (self.model.strides().len(), self.model.anchors_per_scale);
        if anchors.len() != outputs || anchors.iter().any(|anchors| anchors.len() != each) {
            return Err(format!("input.anchors must have {each} anchors for each of the {outputs} outputs"));
        }
        match anchors.iter().flatten().flatten().find(|side| !(side.is_finite() && **side > 0.0)) {
            Some(side) => Err(format!("input.anchors has a side of {side}, which must be positive")),
            None => Ok(()),
        }
    }

    /// What a model file says of itself, once the data have decided on classes and anchors.
    ///
    /// # Errors
    /// [`RecipeError::Malformed`] if they have not.
    pub fn metadata(&self) -> Result<DetectionMetadata, RecipeError> {
        let (Some(labels), Some(anchors)) = (&self.labels, &self.input.anchors) else {
            let reason = "it names no classes or no anchors: it is not the recipe of a training that has begun".into();
            return Err(RecipeError::Malformed { origin: self.description.clone(), reason });
        };
        Ok(DetectionMetadata {
            head: HeadKind::YoloV3,
            labels: labels.clone(),
            scale_xy: vec![1.0; anchors.len()],
            anchors: anchors.clone(),
            resize: Resize::Letterbox,
        })
    }

    /// The recipe as TOML, every setting named.
    ///
    /// # Errors
    /// [`RecipeError::Malformed`] if a setting has no form in TOML.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        let malformed = |e: toml::ser::Error| RecipeError::Malformed { origin: "recipe".into(), reason: e.to_string() };
        toml::to_string(self).map_err(malformed)
    }
}

/// An error of types for people: in one line, without Rust's names of numbers.
fn in_words(error: &str) -> String {
    let line = error.trim().replace('\n', " ");
    let whole = ["usize", "u32", "u64"].into_iter().map(|name| (name, "a whole number of at least 0"));
    let names = whole.chain(["f32", "f64"].map(|name| (name, "a number")));
    names.fold(line, |line, (name, words)| line.replace(&format!("expected {name}"), &format!("expected {words}")))
}

/// Puts `key.key=value` into a table; the value is TOML, or a text where it is none.
fn change(table: &mut Table, setting: &str) -> Result<(), String> {
    let (path, value) = setting.split_once('=').ok_or("it has no '=': write key=value, such as train.epochs=50")?;
    let value = match toml::from_str::<Table>(&format!("value = {value}")) {
        Ok(mut parsed) => parsed.remove("value").ok_or("the value is empty")?,
        Err(_) => Value::String(value.into()),
    };
    let mut keys: Vec<&str> = path.split('.').collect();
    let last = keys.pop().unwrap_or_default();
    let mut inner = table;
    for key in keys {
        let entry = inner.entry(key).or_insert_with(|| Value::Table(Table::new()));
        inner = entry.as_table_mut().ok_or_else(|| format!("{key} has no settings below it"))?;
    }
    inner.insert(last.into(), value);
    Ok(())
}
