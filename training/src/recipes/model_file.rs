//! A trained detector as the file that is served.

use super::detection::Placed;
use super::{DetectionRecipe, RecipeError};
use crate::export::{DetectorExport, Precision, detector};
use crate::weights::{Weights, write_whole};
use ocelli::letterbox::Size;
use ocelli::picture::{Limits, decode};
use ocelli::tensor::Tensor;
use std::path::Path;

/// Photographs that every file is checked on, whatever it was trained for.
const PICTURES: [&[u8]; 2] =
    [include_bytes!("../../../models/samples/blood-31.jpg"), include_bytes!("../../../models/samples/blood-68.jpg")];

/// How a model file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// How weights are stored.
    pub precision: Precision,
    /// Whether the file leaves height and width open; else it says those of the training.
    pub open_sides: bool,
}

/// What came of an export.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Written {
    /// Size of the file.
    pub bytes: usize,
    /// Largest difference between the engine's outputs and the framework's own, over max(1, the largest output).
    pub error: f32,
}

/// Writes a training's weights as an ONNX file, once it is shown to give what the network gives.
///
/// # Errors
/// [`RecipeError::Export`], [`RecipeError::Malformed`] if the recipe has no classes or anchors, [`RecipeError::File`].
pub fn write_model(
    recipe: &DetectionRecipe,
    weights: &Weights,
    file: FileOptions,
    path: &Path,
) -> Result<Written, RecipeError> {
    let size = recipe.input.size();
    let options = DetectorExport {
        metadata: recipe.metadata()?,
        license: recipe.export.license.clone(),
        source: recipe.export.source.clone(),
        size,
        stride: recipe.model.size_multiple(),
        open_sides: file.open_sides,
        precision: file.precision,
    };
    let pictures: Vec<Tensor> = PICTURES.iter().filter_map(|bytes| placed(bytes, size)).collect();
    let (model, error) = detector(|device| recipe.model.init(device), weights, &options, &pictures)?;
    let bytes = model.to_bytes();
    write_whole(path, &bytes).map_err(|source| RecipeError::File { path: path.into(), source })?;
    Ok(Written { bytes: bytes.len(), error })
}

/// A photograph in the network's input.
fn placed(bytes: &[u8], size: Size) -> Option<Tensor> {
    let image = decode(bytes, &Limits::default()).ok()?.image;
    Some(Tensor::F32(Placed::new(&image, size).input))
}
