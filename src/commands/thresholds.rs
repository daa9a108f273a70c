//! What the file of `ocelli serve` says of single models: `[models.NAME.thresholds]`, as `label = value`.

use super::Usage;
use ocelli::catalog::Entry;
use ocelli::serve::ServedModel;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The tables `[models.NAME]`, by the model's name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct ModelTables {
    tables: BTreeMap<String, ModelTable>,
    /// The file that they stand in, for messages.
    #[serde(skip)]
    file: PathBuf,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelTable {
    /// For a label, the confidence that its detections have to exceed.
    #[serde(default)]
    thresholds: BTreeMap<String, f64>,
}

impl ModelTables {
    /// As they were read from `file`.
    pub fn of_file(self, file: Option<&Path>) -> Self {
        Self { file: file.unwrap_or(Path::new("")).to_owned(), ..self }
    }

    /// Refuses tables of models that are not served, and thresholds that no confidence could be compared with.
    pub fn check(&self, served: &[Entry]) -> Result<(), Usage> {
        for (name, table) in &self.tables {
            if served.iter().all(|entry| entry.name != *name) {
                let names: Vec<_> = served.iter().map(|entry| entry.name.as_str()).collect();
                let fault = format!("no model of this name is served; there are {}", names.join(", "));
                return Err(Usage(format!("{}: [models.{name:?}]: {fault}", self.file.display())));
            }
            // Written so that NaN is outside.
            let outside = |value: &f64| !(0.0..=1.0).contains(value);
            if let Some((label, value)) = table.thresholds.iter().find(|(_, value)| outside(value)) {
                return Err(self.fault(name, &format!("{label:?} = {value} is not in 0..=1")));
            }
        }
        Ok(())
    }

    /// The model of `entry`, with what its table says.
    pub fn apply(&self, model: ServedModel, entry: &Entry) -> Result<ServedModel, Usage> {
        let Some(table) = self.tables.get(&entry.name) else { return Ok(model) };
        #[expect(clippy::cast_possible_truncation, reason = "scores are no finer than this")]
        let thresholds = table.thresholds.iter().map(|(label, value)| (label.clone(), *value as f32)).collect();
        model.with_thresholds(thresholds).map_err(|unknown| {
            let path = entry.path().display();
            self.fault(&entry.name, &format!("{unknown} (`ocelli models show {path}` lists them)"))
        })
    }

    fn fault(&self, name: &str, fault: &str) -> Usage {
        Usage(format!("{}: [models.{name:?}.thresholds]: {fault}", self.file.display()))
    }
}
