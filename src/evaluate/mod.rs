//! How good a detector is on a data set: [`run`] runs it (`local` one in this process), [`measure()`] compares what it found with what is there, [`table`]
//! and [`report`] show the [`Evaluation`], and [`gates`] judge it.

mod bootstrap;
mod calibration;
mod confusion;
#[cfg(feature = "server")]
pub mod endpoint;
mod figures;
pub mod gates;
pub mod local;
mod measure;
mod mistakes;
mod outcomes;
pub mod report;
pub mod run;
mod slices;
pub mod table;
pub mod wording;

pub use bootstrap::BootstrapOptions;
pub use figures::{
    Calibration, CalibrationBin, ClassFigures, Confusion, CurvePoint, Curves, DataFigures, Difference, ErrorFigures,
    Evaluation, Figures, ImageMistakes, Interval, Intervals, MeanFigure, Mistake, OperatingPoint, RunSettings,
    Settings, SliceFigures, Warning,
};
pub use measure::{MeasureOptions, Predictions, measure};
