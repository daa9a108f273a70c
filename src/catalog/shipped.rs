//! What is in the program itself: a model, and photographs of what it finds.

use super::Entry;

/// Name of the model in the program. A file of this name in a models folder takes its place.
pub const NAME: &str = "ocelli-bccd";

/// What it finds, in words that fit behind "finds".
pub const DOMAIN: &str = "blood cells";

/// The model in the program.
pub fn entry() -> Entry {
    Entry::embedded(NAME, include_bytes!("../../models/ocelli-bccd.onnx"))
}

/// A photograph of what the model finds.
#[derive(Debug)]
pub struct Sample {
    /// Its file's name.
    pub name: &'static str,
    /// The file, a JPEG.
    pub jpeg: &'static [u8],
}

/// Blood smears of BCCD's test split (MIT), which the model was not trained on.
pub static SAMPLES: [Sample; 3] = [
    Sample { name: "blood-31.jpg", jpeg: include_bytes!("../../models/samples/blood-31.jpg") },
    Sample { name: "blood-68.jpg", jpeg: include_bytes!("../../models/samples/blood-68.jpg") },
    Sample { name: "blood-135.jpg", jpeg: include_bytes!("../../models/samples/blood-135.jpg") },
];
