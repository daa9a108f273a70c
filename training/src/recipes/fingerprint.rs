//! Which data a training saw.

use super::{Prepared, RecipeError};
use crate::weights::write_whole;
use ocelli::dataset::Dataset;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};

/// Its name in a training's folder.
const FILE: &str = "data.json";

/// The data of a training, so that another one can be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Where the data set was.
    pub path: PathBuf,
    /// What is trained on.
    pub train: Part,
    /// What is mixed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Part>,
    /// What chooses the best weights, if anything.
    pub validation: Option<Part>,
}

/// A part of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name, where it has one.
    pub split: Option<String>,
    /// How many pictures.
    pub pictures: usize,
    /// How many objects.
    pub objects: usize,
    /// SHA-256 over names, bytes and boxes of all pictures, in order.
    pub sha256: String,
}

impl Fingerprint {
    /// Reads every picture's bytes.
    ///
    /// # Errors
    /// [`RecipeError::File`] naming a picture that cannot be read.
    pub fn of(path: &Path, prepared: &Prepared) -> Result<Self, RecipeError> {
        let validation = prepared.validation.as_ref().map(Part::of).transpose()?;
        let also = prepared.also.iter().map(|(data, _)| Part::of(data)).collect::<Result<_, _>>()?;
        Ok(Self { path: path.into(), train: Part::of(&prepared.train)?, also, validation })
    }

    /// Reads that of a training's folder.
    ///
    /// # Errors
    /// [`RecipeError`].
    pub fn read(folder: &Path) -> Result<Self, RecipeError> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| RecipeError::File { path: path.clone(), source })?;
        let malformed =
            |e: serde_json::Error| RecipeError::Malformed { origin: path.display().to_string(), reason: e.to_string() };
        serde_json::from_str(&text).map_err(malformed)
    }

    /// Writes it into a training's folder.
    ///
    /// # Errors
    /// [`RecipeError`].
    pub fn write(&self, folder: &Path) -> Result<(), RecipeError> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        write_whole(&path, text.as_bytes()).map_err(|source| RecipeError::File { path, source })
    }

    /// Refuses other data than those of the beginning.
    ///
    /// # Errors
    /// [`RecipeError::Malformed`] that says which part differs.
    pub fn check(&self, first: &Self) -> Result<(), RecipeError> {
        let sum = |part: &Option<Part>| part.as_ref().map(|part| part.sha256.clone());
        let differs = if self.train.sha256 != first.train.sha256 {
            "the pictures that are trained on"
        } else if self.also != first.also {
            "the pictures that are mixed in"
        } else if sum(&self.validation) != sum(&first.validation) {
            "the pictures for validation"
        } else {
            return Ok(());
        };
        let reason = format!("{differs} are not those that the training began with");
        Err(RecipeError::Malformed { origin: self.path.display().to_string(), reason })
    }
}

impl Part {
    fn of(dataset: &Dataset) -> Result<Self, RecipeError> {
        let mut all = Sha256::new();
        for image in &dataset.images {
            all.update(image.name.as_bytes());
            let Some(path) = &image.path else { continue };
            let bytes = std::fs::read(path).map_err(|source| RecipeError::File { path: path.clone(), source })?;
            all.update(Sha256::digest(&bytes));
        }
        for truth in &dataset.truths {
            let [x, y, width, height] = [truth.bbox.x, truth.bbox.y, truth.bbox.width, truth.bbox.height];
            for value in [f64::from(truth.image), f64::from(truth.class), x, y, width, height] {
                all.update(value.to_le_bytes());
            }
        }
        let sha256 = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let (pictures, objects) = (dataset.images.len(), dataset.truths.len());
        Ok(Self { split: dataset.split.clone(), pictures, objects, sha256 })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Part| {
            let name = part.split.as_deref().unwrap_or("all of it");
            format!("{name}: {} pictures, {} objects", part.pictures, part.objects)
        };
        write!(f, "{}: {}", self.path.display(), part(&self.train))?;
        self.also.iter().try_for_each(|more| write!(f, "; mixed in {}", part(more)))?;
        self.validation.as_ref().map_or(Ok(()), |validation| write!(f, "; {}", part(validation)))
    }
}
