//! Gates for continuous integration: figures that must be reached, and an earlier result that must not be lost.

use super::Evaluation;
use super::wording::figure;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Figures beside COCO's that a gate may name.
const OTHERS: [&str; 6] = ["voc2007", "voc2010", "darknet", "precision", "recall", "f1"];

/// What messages say of the names.
const KNOWN: &str = "AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl (and AP or AR of any other threshold, \
limit or area that is measured), voc2007, voc2010, darknet, precision, recall, f1";

/// Figures that are compared with a baseline.
const COMPARED: [&str; 3] = ["AP", "AP50", "AP75"];

/// Drops are sums and differences of binary fractions: 0.612 − 0.603 is a little more than 0.009. In points.
const ROUNDING: f64 = 1e-9;

/// Why a gate cannot be set up. A gate that is set up and missed is a [`Missed`].
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// Not NAME=VALUE.
    #[error("{text:?} is no gate; write NAME=VALUE, such as AP50=0.6")]
    NoAssignment {
        /// What was given.
        text: String,
    },
    /// No figure has that name.
    #[error("{name:?} is no figure of an evaluation; known are {KNOWN}")]
    UnknownFigure {
        /// What was given.
        name: String,
    },
    /// The value is no fraction.
    #[error("{name}={value}: the value must be a fraction from 0 to 1, such as 0.6 for 60 %")]
    NoFraction {
        /// The figure.
        name: String,
        /// What was given.
        value: String,
    },
    /// The largest drop is no number of points.
    #[error("the largest drop must be a number of points (hundredths) from 0 to 100, not {given}")]
    NoDrop {
        /// What was given.
        given: f64,
    },
    /// The baseline cannot be read.
    #[error("baseline {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The baseline is no evaluation.
    #[error("baseline {path}: {source}; expected what `ocelli evaluate --json` wrote")]
    NoEvaluation {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The baseline has none of the figures that are compared.
    #[error("baseline {path}: it has no AP, AP50 or AP75 to compare with")]
    NothingToCompare {
        /// Which.
        path: PathBuf,
    },
}

/// A figure and the least value that it must have.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The figure's name.
    pub name: String,
    /// The least value, as a fraction.
    pub least: f64,
}

impl Gate {
    /// Reads `NAME=VALUE`, such as `AP50=0.6`.
    ///
    /// # Errors
    /// [`GateError`]: the text has another form, the name is of no figure, or the value is no fraction.
    pub fn parse(text: &str) -> Result<Self, GateError> {
        let (name, value) = text.split_once('=').ok_or_else(|| GateError::NoAssignment { text: text.into() })?;
        let (name, value) = (name.trim(), value.trim());
        if !OTHERS.contains(&name) && !is_coco(name) {
            return Err(GateError::UnknownFigure { name: name.into() });
        }
        match value.parse::<f64>() {
            Ok(least) if (0.0..=1.0).contains(&least) => Ok(Self { name: name.into(), least }),
            _ => Err(GateError::NoFraction { name: name.into(), value: value.into() }),
        }
    }
}

/// AP or AR, then thresholds, a limit or an area: which of them are measured depends on the evaluation's settings.
fn is_coco(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("AP").or_else(|| name.strip_prefix("AR")) else { return false };
    let (rest, label) = rest.split_once('[').unwrap_or((rest, "]"));
    let standard = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ".:@".contains(c));
    label.ends_with(']') && matches!(standard, "" | "s" | "m" | "l")
}

/// A gate that was missed: shown as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The figure's name.
    pub name: String,
    /// Why, for whoever reads the log.
    pub sentence: String,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// The gates that are missed, in their order. A figure that does not exist misses its gate.
pub fn check(evaluation: &Evaluation, gates: &[Gate]) -> Vec<Missed> {
    gates.iter().filter_map(|gate| check_one(evaluation, gate)).collect()
}

fn check_one(evaluation: &Evaluation, gate: &Gate) -> Option<Missed> {
    let Gate { name, least } = gate;
    let missed = |sentence| Some(Missed { name: name.clone(), sentence });
    match look_up(evaluation, name) {
        Found::Value(value) if value >= *least => None,
        Found::Value(value) => missed(format!("{name} is {}; at least {least} is asked for", exact(value, *least))),
        Found::NoValue => missed(format!("{name} has no value on these data; at least {least} is asked for")),
        Found::Nothing => {
            let measured: Vec<&str> = evaluation.coco.0.iter().map(|(name, _)| name.as_str()).chain(OTHERS).collect();
            missed(format!("{name} is not measured with these settings; measured are {}", measured.join(", ")))
        }
    }
}

/// Three decimals, or all of them where three would look like the limit.
fn exact(value: f64, limit: f64) -> String {
    let short = figure(Some(value));
    if short == figure(Some(limit)) { value.to_string() } else { short }
}

/// What an evaluation says of a figure.
enum Found {
    Value(f64),
    NoValue,
    Nothing,
}

fn look_up(evaluation: &Evaluation, name: &str) -> Found {
    let value = match name {
        "voc2007" => evaluation.voc2007.mean,
        "voc2010" => evaluation.voc2010.mean,
        "darknet" => evaluation.darknet.mean,
        "precision" => evaluation.operating_point.precision,
        "recall" => evaluation.operating_point.recall,
        "f1" => evaluation.operating_point.f1,
        _ => match evaluation.coco.0.iter().find(|(known, _)| known == name) {
            Some((_, value)) => *value,
            None => return Found::Nothing,
        },
    };
    value.filter(|value| value.is_finite()).map_or(Found::NoValue, Found::Value)
}

/// What is needed of an earlier result.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Baseline {
    coco: BTreeMap<String, Option<f64>>,
}

impl Baseline {
    /// Reads what `ocelli evaluate --json` wrote.
    ///
    /// # Errors
    /// [`GateError`]: the file cannot be read, is no evaluation, or has none of AP, AP50 and AP75.
    pub fn read(path: &Path) -> Result<Self, GateError> {
        let bytes = std::fs::read(path).map_err(|source| GateError::File { path: path.into(), source })?;
        let read: Self =
            serde_json::from_slice(&bytes).map_err(|source| GateError::NoEvaluation { path: path.into(), source })?;
        if COMPARED.iter().all(|name| read.figure(name).is_none()) {
            return Err(GateError::NothingToCompare { path: path.into() });
        }
        Ok(read)
    }

    /// Those of AP, AP50 and AP75 that fell by more than `max_drop` points (hundredths). Figures that one side does not
    /// measure are passed over; one that had a value and has none now is missed.
    ///
    /// # Errors
    /// [`GateError::NoDrop`]: `max_drop` is not in 0..=100.
    pub fn check(&self, evaluation: &Evaluation, max_drop: f64) -> Result<Vec<Missed>, GateError> {
        if !(0.0..=100.0).contains(&max_drop) {
            return Err(GateError::NoDrop { given: max_drop });
        }
        let before = COMPARED.iter().filter_map(|name| Some((*name, self.figure(name)?)));
        let measured: Vec<_> = before
            .map(|(name, before)| (name, before, look_up(evaluation, name)))
            .filter(|(_, _, now)| !matches!(now, Found::Nothing))
            .collect();
        if measured.is_empty() {
            let sentence =
                "none of AP, AP50 and AP75 is in both the baseline and this evaluation: nothing was compared";
            return Ok(vec![Missed { name: "AP".into(), sentence: sentence.into() }]);
        }
        Ok(measured.into_iter().filter_map(|(name, before, now)| fallen(name, before, &now, max_drop)).collect())
    }

    fn figure(&self, name: &str) -> Option<f64> {
        self.coco.get(name).copied().flatten()
    }
}

fn fallen(name: &str, before: f64, now: &Found, max_drop: f64) -> Option<Missed> {
    let missed = |sentence| Some(Missed { name: name.into(), sentence });
    let &Found::Value(now) = now else {
        return missed(format!("{name} was {} in the baseline and has no value now", figure(Some(before))));
    };
    let points = (before - now) * 100.0;
    if points <= max_drop + ROUNDING {
        return None;
    }
    let (from, to) = (figure(Some(before)), figure(Some(now)));
    missed(format!(
        "{name} fell by {} points, from {from} to {to}; at most {max_drop} are allowed",
        drop(points, max_drop)
    ))
}

/// One decimal, or as many as it takes to be told from the limit.
fn drop(points: f64, limit: f64) -> String {
    let differs = |text: &String| text.parse::<f64>().is_ok_and(|shown| shown > limit);
    (1..=9).map(|decimals| format!("{points:.decimals$}")).find(differs).unwrap_or_else(|| points.to_string())
}
