//! What can be wrong with a `.cfg` or a `.weights` file.

/// Why a Darknet network could not be read, filled or converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DarknetError {
    /// A line, or the sequence of sections, that is no cfg.
    #[error("cfg line {line}: {reason}")]
    Syntax {
        /// Line in the cfg, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that is missing, malformed, or does not fit the layers before it.
    #[error("cfg line {line}, {place}: {reason}")]
    Invalid {
        /// Line in the cfg, from 1: that of the key if it is there, of the section if not.
        line: usize,
        /// The section and, except for `[net]`, the number of its layer.
        place: String,
        /// What is wrong, with the key.
        reason: String,
    },
    /// Something that Darknet does and this converter does not.
    #[error("cfg line {line}, {place}: {what} is not supported")]
    Unsupported {
        /// Line in the cfg, from 1.
        line: usize,
        /// The section and, except for `[net]`, the number of its layer.
        place: String,
        /// Its name.
        what: String,
    },
    /// The weights file ends before its header does.
    #[error("the weights file has {found} bytes, which is too short for its header")]
    Header {
        /// Bytes in the file.
        found: usize,
    },
    /// The weights file ends within a number.
    #[error("the weights file has {bytes} bytes after its header, which is no whole number of 4-byte floats")]
    Ragged {
        /// Bytes after the header.
        bytes: usize,
    },
    /// The weights file ends within a layer.
    #[error(
        "the weights file ends in the middle of layer {layer} [{section}], which takes {wanted} floats; {found} are left"
    )]
    Truncated {
        /// Number of the layer.
        layer: usize,
        /// Its section.
        section: &'static str,
        /// Floats that the layer takes.
        wanted: usize,
        /// Floats that are left for it.
        found: usize,
    },
    /// The weights file goes on after the last layer.
    #[error(
        "the weights file holds {found} floats, but the layers of the cfg take {wanted}: it belongs to another cfg"
    )]
    Surplus {
        /// Floats that all layers take.
        wanted: usize,
        /// Floats in the file.
        found: usize,
    },
    /// A layer is to be exported before it has weights.
    #[error("layer {layer} [{section}] has no weights: the weights file ends before it")]
    Unfilled {
        /// Number of the layer.
        layer: usize,
        /// Its section.
        section: &'static str,
    },
    /// The labels are not those of this network.
    #[error("{found} labels for a network of {wanted} classes")]
    Labels {
        /// Labels that were given.
        found: usize,
        /// Classes of the network.
        wanted: usize,
    },
}
