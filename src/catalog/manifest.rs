//! The models that can be pulled: `models/manifest.toml`.

use crate::metadata::Resize;
use serde::Deserialize;

/// What the binary knows of models elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The models.
    #[serde(rename = "model")]
    pub models: Vec<PullableModel>,
}

/// A Darknet model elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullableModel {
    /// Its name here.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// How its pictures become inputs.
    pub resize: Resize,
    /// Terms under which the weights may be used.
    pub license: String,
    /// Where it is described.
    pub source: String,
    /// The network.
    pub cfg: RemoteFile,
    /// Its weights.
    pub weights: RemoteFile,
    /// Names of its classes, one a line.
    pub names: RemoteFile,
}

/// A file elsewhere, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    /// Its address.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    #[serde(flatten)]
    pub checksum: Checksum,
}

/// A checksum in lower-case hexadecimal, by its algorithm. Old files have only what was published in their day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// MD5: guards against damage, not against forgery.
    Md5(String),
    /// SHA-1.
    Sha1(String),
    /// SHA-256.
    Sha256(String),
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Names the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The manifest in the binary.
    ///
    /// # Errors
    /// As [`Self::parse`]; a test reads it.
    pub fn embedded() -> Result<Self, toml::de::Error> {
        Self::parse(include_str!("../../models/manifest.toml"))
    }
}
