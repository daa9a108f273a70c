//! Which objects of a data set one can learn from.

use super::DataError;
use image::RgbImage;
use ocelli::average_precision::Truth;
use ocelli::dataset::{Dataset, Image};
use ocelli::geometry::BBox;
use ocelli::letterbox::{Letterbox, Size};
use ocelli::metadata::Resize;
use ocelli::picture::{Limits, PictureError, decode};
use std::path::Path;

/// What was found in data sets, and what was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Pictures.
    pub pictures: usize,
    /// Pictures among them without any object to learn from.
    pub without_objects: usize,
    /// Objects to learn from.
    pub boxes: usize,
    /// Boxes over many objects: left out.
    pub crowds: usize,
    /// Objects that their data set marks as difficult or to be ignored: left out.
    pub ignored: usize,
    /// Boxes without area, or with a coordinate that is no finite number: left out.
    pub without_area: usize,
    /// Boxes wholly outside of their picture: left out.
    pub outside: usize,
    /// Pictures of another size than their data set says.
    pub contradicted: usize,
}

impl Census {
    /// The part of an object's box in its picture, counted; `None` if it is left out, counted too.
    pub(super) fn take(&mut self, truth: &Truth, picture: Size) -> Option<BBox> {
        let bbox = truth.bbox;
        let clipped = bbox.clip(picture.width.into(), picture.height.into());
        let has_area = |bbox: &BBox| bbox.width > 0.0 && bbox.height > 0.0 && bbox.area().is_finite();
        let reason = if truth.crowd {
            &mut self.crowds
        } else if truth.ignore {
            &mut self.ignored
        } else if !(has_area(&bbox) && bbox.x.is_finite() && bbox.y.is_finite()) {
            &mut self.without_area
        } else if !has_area(&clipped) {
            &mut self.outside
        } else {
            self.boxes += 1;
            return Some(clipped);
        };
        *reason += 1;
        None
    }
}

/// Width and height of every usable box of a data set in pixels of a network's input, after the letterbox. Pictures are
/// decoded only where the data set does not say their size.
///
/// # Errors
/// [`DataError::Picture`] for a picture whose size cannot be had; [`DataError::Empty`] if there is no usable box.
pub fn box_sizes(dataset: &Dataset, network: Size) -> Result<(Vec<[f64; 2]>, Census), DataError> {
    let mut census = Census { pictures: dataset.images.len(), ..Census::default() };
    let sizes = dataset.images.iter().map(size_of).collect::<Result<Vec<Size>, DataError>>()?;
    let mut used = vec![false; sizes.len()];
    let mut boxes = Vec::new();
    for truth in &dataset.truths {
        let Some(size) = sizes.get(truth.image as usize) else { continue };
        if let Some(bbox) = census.take(truth, *size) {
            let placed = Letterbox::new(Resize::Letterbox, *size, network).project(&bbox);
            boxes.push([placed.width, placed.height]);
            used[truth.image as usize] = true;
        }
    }
    census.without_objects = used.iter().filter(|used| !**used).count();
    if boxes.is_empty() {
        return Err(DataError::Empty { path: dataset.path.clone(), reason: "there is no box to learn from".into() });
    }
    Ok((boxes, census))
}

fn size_of(image: &Image) -> Result<Size, DataError> {
    if let Some((width, height)) = image.size {
        return Ok(Size { width, height });
    }
    let picture = picture(image)?;
    Ok(Size { width: picture.width(), height: picture.height() })
}

/// A picture of a data set, upright.
pub(crate) fn picture(image: &Image) -> Result<RgbImage, DataError> {
    let path = path_of(image)?;
    decoded(path, &read(path)?)
}

/// Where a picture is.
pub(super) fn path_of(image: &Image) -> Result<&Path, DataError> {
    let missing = || DataError::Picture { path: image.name.clone().into(), reason: "there is no such picture".into() };
    image.path.as_deref().ok_or_else(missing)
}

/// The picture that a file's bytes hold.
pub(super) fn decoded(path: &Path, bytes: &[u8]) -> Result<RgbImage, DataError> {
    let failed = |error: PictureError| DataError::Picture { path: path.into(), reason: error.to_string() };
    Ok(decode(bytes, &Limits::default()).map_err(failed)?.image)
}

/// A file's bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    std::fs::read(path).map_err(|error| DataError::Picture { path: path.into(), reason: error.to_string() })
}
