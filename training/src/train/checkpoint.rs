//! A training on disk: one safetensors file, so that it is there whole or not at all.

use super::TrainError;
use crate::weights::{Weights, WeightsError};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// Key of the state among the file's texts.
const STATE: &str = "ocelli.state";

/// Where a training stands, apart from its tensors. Batches, dropout and augmentation draw from generators that are
/// seeded anew for each step from `seed` and the step's number, so these two are the state of all randomness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What is trained, as text; another one is refused.
    pub identity: String,
    /// Steps done.
    pub step: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Best value of the metric that decides.
    pub best: Option<f64>,
    /// Evaluations since then.
    pub stale: usize,
}

/// A training as saved.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Where it stands.
    pub state: State,
    /// The network.
    pub model: Weights,
    /// The average of its weights.
    pub average: Weights,
    /// The optimizer's moments.
    pub moments: Weights,
}

impl Checkpoint {
    /// Writes it in place of an older one.
    ///
    /// # Errors
    /// [`TrainError::Weights`]; the older one is untouched then.
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let mut all = Weights::default();
        for (part, weights) in [("model", &self.model), ("average", &self.average), ("optimizer", &self.moments)] {
            all.0.extend(weights.0.iter().map(|(name, data)| (format!("{part}/{name}"), data.clone())));
        }
        let state = serde_json::to_string(&self.state).map_err(|e| malformed(path, &e.to_string()))?;
        Ok(all.write(path, &HashMap::from([(STATE.into(), state)]))?)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`TrainError::Weights`] if the file is missing, cut short, or no checkpoint.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let (all, texts) = Weights::read(path)?;
        let state = texts.get(STATE).ok_or_else(|| malformed(path, "it is no checkpoint: it has no state"))?;
        let state = serde_json::from_str(state).map_err(|e| malformed(path, &format!("its state: {e}")))?;
        let mut parts: HashMap<String, Weights> = HashMap::new();
        for (name, data) in all.0 {
            if let Some((part, name)) = name.split_once('/') {
                parts.entry(part.into()).or_default().0.insert(name.into(), data);
            }
        }
        let mut take = |part: &str| parts.remove(part).unwrap_or_default();
        Ok(Self { state, model: take("model"), average: take("average"), moments: take("optimizer") })
    }
}

fn malformed(path: &Path, reason: &str) -> TrainError {
    WeightsError::Malformed { path: path.into(), reason: reason.into() }.into()
}
