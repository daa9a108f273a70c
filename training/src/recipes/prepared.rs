//! The data of a training, before any picture is decoded.

use super::{DetectionRecipe, RecipeError, hold_out};
use crate::data::DataError;
use ocelli::dataset::{Dataset, DatasetError, Fault, Finding, OpenOptions, Severity, open};
use std::path::Path;

/// What a validation part is called, or like.
const USUAL: &str = "val";

/// A recipe's data.
#[derive(Debug)]
pub struct Prepared {
    /// What is trained on.
    pub train: Dataset,
    /// More of it, with the weight of each source against 1 for the first.
    pub also: Vec<(Dataset, f64)>,
    /// What chooses the best weights, if anything.
    pub validation: Option<Dataset>,
}

impl Prepared {
    /// Opens a folder of labelled pictures: its own splits, or parts of the whole where it has none.
    ///
    /// # Errors
    /// [`RecipeError::Data`]; [`RecipeError::Malformed`] with the first place where labels cannot be meant as they are
    /// written.
    pub fn open(path: &Path, recipe: &DetectionRecipe) -> Result<Self, RecipeError> {
        let choice = &recipe.data;
        let part = |name: &str| open(path, &OpenOptions { format: None, split: Some(name.into()) });
        let train = source(path, &choice.train)?;
        let also = choice.also.iter().map(|more| Ok((source(&more.path, &choice.train)?, more.weight)));
        let also = also.collect::<Result<Vec<_>, RecipeError>>()?;
        if choice.validation.is_empty() {
            return Ok(Self { train, also, validation: None });
        }
        let (train, validation) = match part(&choice.validation) {
            // Under another name there is one: it was mistyped, or has to be chosen.
            Err(error @ DatasetError::Unrecognised { .. }) if choice.validation != USUAL && part(USUAL).is_ok() => {
                return Err(DataError::from(error).into());
            }
            Err(DatasetError::Unrecognised { .. }) => {
                let (train, held) = hold_out(&train, choice.hold_out, recipe.train.seed);
                (train, Some(held).filter(|held| !held.images.is_empty()))
            }
            other => {
                let validation = other.map_err(DataError::from)?;
                refuse(&validation)?;
                (train, Some(validation))
            }
        };
        Ok(Self { train, also, validation })
    }

    /// All that is trained on, with weights.
    pub fn sources(&self) -> impl Iterator<Item = (&Dataset, f64)> {
        std::iter::once((&self.train, 1.0)).chain(self.also.iter().map(|(data, weight)| (data, *weight)))
    }

    /// What is doubtful about the data, a sentence for each kind.
    pub fn doubts(&self) -> Vec<String> {
        let parts = self.sources().map(|(data, _)| data).chain(&self.validation);
        // Two parts of one whole have the same.
        parts.flat_map(told).fold(Vec::new(), |mut doubts, doubt| {
            if !doubts.contains(&doubt) {
                doubts.push(doubt);
            }
            doubts
        })
    }
}

/// What is trained on of a data set: its split of that name, or the whole where it has none.
fn source(path: &Path, split: &str) -> Result<Dataset, RecipeError> {
    let train = match open(path, &OpenOptions { format: None, split: Some(split.into()) }) {
        Err(DatasetError::Unrecognised { reason, .. }) => whole(path, &reason)?,
        other => other.map_err(DataError::from)?,
    };
    refuse(&train)?;
    Ok(train)
}

/// A data set without splits; `reason` says why it has not the split that was asked for.
fn whole(path: &Path, reason: &str) -> Result<Dataset, RecipeError> {
    let refused = |reason: String| RecipeError::Malformed { origin: path.display().to_string(), reason };
    match open(path, &OpenOptions::default()) {
        Ok(whole) if whole.split.is_none() => Ok(whole),
        Ok(_) => Err(refused(format!("{reason}; choose one with --set data.train=NAME"))),
        Err(DatasetError::Unrecognised { .. }) => Err(refused(reason.into())),
        Err(error) => Err(DataError::from(error).into()),
    }
}

/// Refuses data without pictures, and labels that are mistakes: who trains on the rest would not learn of it.
fn refuse(data: &Dataset) -> Result<(), RecipeError> {
    let origin = data.path.display().to_string();
    if data.images.is_empty() {
        let part = data.split.as_ref().map_or_else(String::new, |split| format!(" in its part {split}"));
        return Err(RecipeError::Malformed { origin, reason: format!("there are no pictures{part}") });
    }
    let is_mistake = |fault: Fault| fault.severity() == Severity::Error || fault == Fault::UnknownLabel;
    let Some((fault, finding)) = data.findings.iter().find(|(fault, _)| is_mistake(*fault)) else { return Ok(()) };
    let origin = finding.places.first().map_or(origin, ToString::to_string);
    let what = fault.describe().trim_end_matches("; left out");
    Err(RecipeError::Malformed { origin, reason: format!("{what} ({} in all)", finding.count) })
}

/// A sentence for each kind of fault, with its first place.
fn told(data: &Dataset) -> Vec<String> {
    let sentence = |(fault, finding): (Fault, &Finding)| {
        let first = finding.places.first().map_or_else(String::new, |place| format!(", first {place}"));
        format!("{} × {}{first}", finding.count, fault.describe())
    };
    data.findings.iter().map(sentence).collect()
}
