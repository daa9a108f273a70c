//! Data sets of labelled pictures, whatever their format: [`open()`] gives one [`Dataset`], [`check()`] looks at every
//! picture of it, [`convert`] writes it down in another format.

mod boxes;
mod build;
mod check;
pub mod classes;
pub mod coco;
mod coco_folder;
pub mod convert;
pub mod csv;
pub mod darknet;
mod error;
mod finding;
mod json;
mod open;
mod pictures;
mod relative;
pub mod results;
mod split;
mod text;
pub mod voc;
pub mod yolo;

pub use check::check;
pub use classes::{ClassMap, ClassOverrides};
pub use error::DatasetError;
pub use finding::{Fault, Finding, Findings, Id, Place, Severity};
pub use open::{OpenOptions, open};

use crate::average_precision::Truth;
use serde::Serialize;
use std::path::PathBuf;

/// How a data set is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// COCO JSON: `images`, `annotations`, `categories`.
    Coco,
    /// Pascal VOC: one XML file a picture, `ImageSets`.
    Voc,
    /// YOLO: one text file a picture, boxes relative to its size, classes in `data.yaml`.
    Yolo,
    /// Darknet: a `.data` file or a list of pictures; labels as YOLO's.
    Darknet,
    /// Comma-separated values, one box a line.
    Csv,
}

impl Format {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 5] = [Self::Coco, Self::Voc, Self::Yolo, Self::Darknet, Self::Csv];

    /// Its name in options and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coco => "coco",
            Self::Voc => "voc",
            Self::Yolo => "yolo",
            Self::Darknet => "darknet",
            Self::Csv => "csv",
        }
    }
}

/// A picture of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Its number: COCO's `id`; elsewhere its place in the list, from 0.
    pub id: i64,
    /// Its name as the data set has it: a file name, or a path below the data set's folder of pictures.
    pub name: String,
    /// Where it is; `None` if no such file was found.
    pub path: Option<PathBuf>,
    /// Width and height in pixels; `None` where the data set does not say and the picture has not been looked at.
    pub size: Option<(u32, u32)>,
}

/// Labelled pictures.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The file or folder that was opened.
    pub path: PathBuf,
    /// How it is written down.
    pub format: Format,
    /// The split that was taken, where there are splits.
    pub split: Option<String>,
    /// Name of each class.
    pub labels: Vec<String>,
    /// COCO's category id of each class; elsewhere the class's index.
    pub category_ids: Vec<i64>,
    /// The pictures: COCO's by rising id, others in the data set's order.
    pub images: Vec<Image>,
    /// The objects, in the data set's order; `image` and `class` are indices into `images` and `labels`.
    pub truths: Vec<Truth>,
    /// What is wrong with it, or doubtful.
    pub findings: Findings,
}
