//! Weights that a training begins with.

use super::RecipeError;
use crate::models::{DetectorConfig, darknet_weights};
use crate::weights::Weights;
use burn::tensor::Device;
use std::path::{Path, PathBuf};

/// The weights of the model that ships, as they were trained.
const SHIPPED: &[u8] = include_bytes!("../../../models/ocelli-bccd.safetensors");

/// Where a training begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// With random weights.
    Random,
    /// With the weights of the model that ships, as far as they fit.
    Shipped,
    /// With those of a file, as far as they fit.
    File(PathBuf),
}

impl Beginning {
    /// The weights; none for random ones. `seed` decides those that do not fit.
    ///
    /// # Errors
    /// [`RecipeError::File`], [`RecipeError::Weights`] and [`RecipeError::Malformed`].
    pub fn weights(&self, config: &DetectorConfig, seed: u64) -> Result<Option<Start>, RecipeError> {
        match self {
            Self::Random => Ok(None),
            Self::File(path) => Start::read(path, config, seed).map(Some),
            Self::Shipped => {
                let name = "the shipped model";
                let malformed = |reason: String| RecipeError::Malformed { origin: name.into(), reason };
                let (weights, _) = Weights::parse(SHIPPED, Path::new(name)).map_err(|e| malformed(e.to_string()))?;
                // Another width of the same network: nobody asked for these weights by name.
                Ok(Start::of(name, &weights, config, seed).ok())
            }
        }
    }
}

/// Weights for all of a network, and where they come from.
#[derive(Debug, Clone)]
pub struct Start {
    /// The weights: the file's where they fit, random ones elsewhere.
    pub weights: Weights,
    /// What was taken and what was not, in a line.
    pub description: String,
}

impl Start {
    /// From a file of an earlier training (.safetensors) or of Darknet; `seed` decides the rest.
    ///
    /// # Errors
    /// [`RecipeError::File`] and [`RecipeError::Weights`] if the file cannot be read, [`RecipeError::Malformed`] if nothing
    /// of it fits.
    fn read(path: &Path, config: &DetectorConfig, seed: u64) -> Result<Self, RecipeError> {
        let origin = path.display().to_string();
        let malformed = |reason: String| RecipeError::Malformed { origin: origin.clone(), reason };
        let bytes = std::fs::read(path).map_err(|source| RecipeError::File { path: path.into(), source })?;
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            let (file, _) = Weights::parse(&bytes, path)?;
            return Self::of(&origin, &file, config, seed).map_err(malformed);
        }
        let device = Device::flex();
        device.seed(seed);
        let (network, loaded) =
            darknet_weights::load(config.init(&device), &bytes).map_err(|e| malformed(e.to_string()))?;
        let description = match loaded.skipped.as_slice() {
            [] => format!("{origin}: all {} convolutions", loaded.convolutions),
            skipped => {
                format!("{origin}: {} convolutions; at random begin {}", loaded.convolutions, skipped.join(", "))
            }
        };
        Ok(Self { weights: Weights::of(&network), description })
    }

    /// From weights of a network of the same kind, which may have other classes or anchors; `seed` decides the rest.
    ///
    /// # Errors
    /// A sentence, if nothing fits.
    fn of(origin: &str, file: &Weights, config: &DetectorConfig, seed: u64) -> Result<Self, String> {
        let device = Device::flex();
        device.seed(seed);
        let mut weights = Weights::of(&config.init(&device));
        let mut random = Vec::new();
        for (name, own) in &mut weights.0 {
            match file.0.get(name) {
                Some(other) if other.shape() == own.shape() => *own = other.clone(),
                _ => random.push(name.clone()),
            }
        }
        let taken = weights.0.len() - random.len();
        if taken == 0 {
            return Err("none of its tensors fits the network".into());
        }
        let description = match random.as_slice() {
            [] => format!("{origin}: all {taken} tensors"),
            random => format!("{origin}: {taken} tensors; at random begin {}", random.join(", ")),
        };
        Ok(Self { weights, description })
    }
}
