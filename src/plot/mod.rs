//! Figures as SVG: curves, bars, and a heat map of counts.
//!
//! Each figure is one `<svg>` element, which stands by itself as a file and goes as it is into a page. Its letters and
//! axes take the colour of the text around them (`currentColor`); palette and background are the CSS variables
//! `--plot-1` … `--plot-5` and `--plot-paper`, which follow light and dark. It has no ids, so any number of figures may
//! share a page; it needs no script and no font, and refers to nothing outside.
//!
//! The palette is Okabe and Ito's, which people with any kind of colour vision can tell apart
//! (<https://jfly.uni-koeln.de/color/>).
//!
//! ```
//! use ocelli::plot::{Axis, Curves, Ink, Key, Series};
//! let loss = Series::new("loss", vec![(0.0, 3.1), (100.0, 1.2), (200.0, 0.9)], Ink::Palette(0));
//! let figure = Curves {
//!     title: "Training".into(),
//!     x: Axis::new("step"),
//!     y: Axis::new("loss"),
//!     series: vec![loss],
//!     markers: Vec::new(),
//!     key: Key::AtEnds,
//! };
//! assert!(figure.svg().starts_with("<svg"));
//! ```

mod axis;
mod bars;
mod curves;
mod heat_map;
mod svg;

pub use axis::{Axis, thousands};
pub use bars::{Bar, Bars, Shape};
pub use curves::{Curves, Key, Marker, Series};
pub use heat_map::HeatMap;
pub use svg::Ink;
