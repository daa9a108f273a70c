//! What can be trained by name: a network with its data, augmentation, loss and schedule, each in one small file.

mod detection;
mod file;
mod fingerprint;
mod held_out;
mod model_file;
mod prepared;
mod sizes;
mod start;

pub use detection::DetectionTask;
pub use file::{DataChoice, DetectionRecipe, ExportChoice, InputChoice, MoreData, RecipeError};
pub use fingerprint::{Fingerprint, Part};
pub use held_out::hold_out;
pub use model_file::{FileOptions, Written, write_model};
pub use prepared::Prepared;
pub use start::{Beginning, Start};

/// Name and text of each recipe that comes with the program.
pub const RECIPES: [(&str, &str); 3] = [
    ("bccd", include_str!("../../recipes/bccd.toml")),
    ("raccoon", include_str!("../../recipes/raccoon.toml")),
    ("transfer", include_str!("../../recipes/transfer.toml")),
];
