//! A folder of files that a test makes.

use image::{ImageFormat, RgbImage};
use ocelli::dataset::{Dataset, DatasetError, Fault, OpenOptions, open};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// It vanishes with its owner.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(&path, content).expect("written");
        path
    }

    /// A picture, black, in the format of the name's extension.
    pub(crate) fn picture(&self, name: &str, width: u32, height: u32) -> PathBuf {
        let format = ImageFormat::from_path(name).expect("a format");
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::new(width, height).write_to(&mut bytes, format).expect("encoded");
        self.write(name, bytes.into_inner())
    }

    pub(crate) fn open(&self, below: &str, split: Option<&str>) -> Result<Dataset, DatasetError> {
        let options = OpenOptions { format: None, split: split.map(ToOwned::to_owned) };
        open(&self.path().join(below), &options)
    }

    /// The data set of the whole folder.
    pub(crate) fn dataset(&self) -> Dataset {
        self.open("", None).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What is wrong with a data set, by kind.
pub(crate) fn faults(dataset: &Dataset) -> Vec<(Fault, usize)> {
    dataset.findings.iter().map(|(fault, finding)| (fault, finding.count)).collect()
}

/// The first place of a fault: the file below the folder, line or index, name.
pub(crate) fn first(files: &Files, dataset: &Dataset, wanted: Fault) -> (String, usize) {
    let finding = dataset.findings.iter().find(|(fault, _)| *fault == wanted).expect("the fault").1;
    let place = &finding.places[0];
    let below = Path::new(&place.file).strip_prefix(files.path()).expect("a file of the folder");
    (below.to_string_lossy().into_owned(), place.index)
}

/// A VOC file: a picture of 100 × 80 pixels with objects of label, corners and further elements.
pub(crate) fn voc(objects: &[(&str, [f64; 4], &str)]) -> String {
    let object = |(label, [left, top, right, bottom], more): &(&str, [f64; 4], &str)| {
        format!(
            "<object>\n<name>{label}</name>{more}<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax>\
             <ymax>{bottom}</ymax></bndbox></object>\n"
        )
    };
    let objects: String = objects.iter().map(object).collect();
    format!("<annotation>\n<size><width>100</width><height>80</height></size>\n{objects}</annotation>\n")
}
