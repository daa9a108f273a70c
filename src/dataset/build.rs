//! A data set grows picture by picture and box by box; what is wrong with them is counted here, alike for all formats
//! but COCO, whose ids make a difference.

use super::boxes::{self, Suspicions};
use super::{Dataset, Fault, Findings, Format, Image, Place, pictures};
use crate::average_precision::Truth;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A data set in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub images: Vec<Image>,
    truths: Vec<Truth>,
    pub findings: Findings,
    names: HashSet<String>,
    boxes: HashSet<(usize, usize, [u64; 4])>,
    suspicions: Suspicions,
}

/// An object of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    /// Index of its picture, as [`Builder::image`] gave it.
    pub image: usize,
    /// Index of its class.
    pub class: usize,
    /// x, y, width, height in pixels; not yet known to be sound.
    pub bbox: [f64; 4],
    /// Whether it is found does not count.
    pub ignore: bool,
}

impl Builder {
    /// Adds a picture, and gives its index. The size is what the data set says; what it leaves open comes from the
    /// picture's header if `measure`. A second one of the same name is left out.
    pub fn image(
        &mut self,
        name: &str,
        path: Option<PathBuf>,
        declared: Option<(u32, u32)>,
        measure: bool,
        place: impl Fn() -> Place,
    ) -> Option<usize> {
        if !self.names.insert(name.to_owned()) {
            self.findings.add(Fault::DuplicateImage, place);
            return None;
        }
        if path.is_none() {
            self.findings.add(Fault::MissingPicture, &place);
        }
        let said = declared.filter(|(width, height)| *width > 0 && *height > 0);
        if declared.is_some() && said.is_none() {
            self.findings.add(Fault::SizeMismatch, &place);
        }
        let size = said.or_else(|| path.as_deref().filter(|_| measure).and_then(pictures::size));
        let index = self.images.len();
        self.images.push(Image { id: index as i64, name: name.to_owned(), path, size });
        Some(index)
    }

    /// Adds an object, unless its box is none.
    pub fn object(&mut self, object: Object, place: impl Fn() -> Place) {
        let Object { image, class, bbox, ignore } = object;
        let Some(picture) = self.images.get(image) else { return };
        let Some(bbox) = boxes::valid(bbox) else {
            self.findings.add(Fault::BadBox, place);
            return;
        };
        if bbox.width == 0.0 || bbox.height == 0.0 {
            self.findings.add(Fault::ZeroAreaBox, &place);
        }
        if boxes::outside(&bbox, picture) {
            self.findings.add(Fault::BoxOutside, &place);
        }
        let key = (image, class, [bbox.x, bbox.y, bbox.width, bbox.height].map(f64::to_bits));
        if !self.boxes.insert(key) {
            self.findings.add(Fault::DuplicateBox, &place);
        }
        self.suspicions.look(&bbox, picture, place);
        // Numbered from 1: pycocotools takes a match with annotation 0 for none.
        let id = self.truths.len() as i64 + 1;
        let (image, class) = (image as u32, class as u32);
        self.truths.push(Truth { image, class, bbox, area: bbox.area(), crowd: false, ignore, id });
    }

    /// The data set, with its class names.
    pub fn finish(mut self, path: &Path, format: Format, split: Option<String>, labels: Vec<String>) -> Dataset {
        self.suspicions.tell(Fault::NormalisedBox, &mut self.findings);
        let category_ids = (0..labels.len() as i64).collect();
        let Self { images, truths, findings, .. } = self;
        Dataset { path: path.to_owned(), format, split, labels, category_ids, images, truths, findings }
    }
}

/// A place in a file.
pub(super) fn place(file: &Path, index: usize, id: Option<&str>) -> Place {
    Place { file: file.display().to_string(), index, id: id.map(|id| super::Id::Name(id.to_owned())) }
}
