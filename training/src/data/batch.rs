//! Batches: functions of the data, the settings, the seed and a number.

use super::compose::Composer;
use super::seed::{Random, mixed_seed};
use super::{At, Augmentation, Batch, DataError, DetectionData, LabelledBox};
use ndarray::{Array4, Axis, s};
use ocelli::letterbox::{Letterbox, PADDING, Size};
use ocelli::metadata::Resize;
use std::ops::Range;

/// Streams of random numbers that must not be each other's.
const SAMPLES: usize = 0;
const SIZES: usize = 1;

/// A batch for training: the same arguments give the same bytes, in any thread.
///
/// An epoch visits every picture once, in an order from the seed; see [`DetectionData::index_at`] for several data sets.
/// `size` is the network's input; [`size_at`] tells that of this batch. What pictures do not cover has the letterbox's
/// padding, whatever becomes of their colours.
///
/// # Errors
/// [`DataError::Settings`] for a setting out of its range, [`DataError::Picture`] if a picture cannot be decoded.
pub fn batch(
    data: &DetectionData,
    augmentation: &Augmentation,
    size: Size,
    at: At,
    batch_size: usize,
) -> Result<Batch, DataError> {
    augmentation.check().map_err(DataError::Settings)?;
    let input = size_at(augmentation, size, at);
    check_input(input)?;
    let done = at.batch as f64 / at.batches.max(1) as f64;
    let composer = Composer { data, settings: augmentation, input, several: done < augmentation.mosaic_until };
    let batch_seed = mixed_seed(mixed_seed(at.seed, SAMPLES), at.batch);
    let mut images = filled(batch_size, input);
    let mut boxes = Vec::with_capacity(batch_size);
    let planes = 3 * input.width as usize * input.height as usize;
    // A new array's memory is of one piece.
    for (place, planes) in images.as_slice_mut().into_iter().flat_map(|all| all.chunks_exact_mut(planes)).enumerate() {
        let index = data.index_at(at.seed, at.batch * batch_size + place);
        boxes.push(composer.compose(index, &mut Random::new(mixed_seed(batch_seed, place)), planes)?);
    }
    Ok(Batch { images, boxes })
}

/// An input has pixels.
pub(super) fn check_input(Size { width, height }: Size) -> Result<(), DataError> {
    let none = || DataError::Settings(format!("an input of {width} × {height} pixels has none"));
    if width == 0 || height == 0 { Err(none()) } else { Ok(()) }
}

/// Size of the pictures of a batch: one of the sizes that take turns, or `size` where there are none.
pub fn size_at(augmentation: &Augmentation, size: Size, at: At) -> Size {
    let turn = at.batch / augmentation.size_every.max(1);
    let chosen = Random::new(mixed_seed(mixed_seed(at.seed, SIZES), turn)).below(augmentation.sizes.len());
    augmentation.sizes.get(chosen).map_or(size, |[width, height]| Size { width: *width, height: *height })
}

/// Pictures as the server sees them: letterboxed, unchanged, in the data's order, with all their objects.
///
/// # Errors
/// [`DataError`] if there is no such picture, or it cannot be decoded.
pub fn letterboxed(data: &DetectionData, indices: Range<usize>, size: Size) -> Result<Batch, DataError> {
    let mut images = filled(indices.len(), size);
    let mut boxes = Vec::with_capacity(indices.len());
    for (index, mut planes) in indices.zip(images.axis_iter_mut(Axis(0))) {
        let (picture, labelled) = data.borrow(index)?;
        let own = Size { width: picture.width(), height: picture.height() };
        let letterbox = Letterbox::new(Resize::Letterbox, own, size);
        planes.assign(&letterbox.apply(&picture).slice(s![0, .., .., ..]));
        let project = |labelled: &LabelledBox| LabelledBox { bbox: letterbox.project(&labelled.bbox), ..*labelled };
        boxes.push(labelled.iter().map(project).collect());
    }
    Ok(Batch { images, boxes })
}

fn filled(count: usize, size: Size) -> Array4<f32> {
    Array4::from_elem((count, 3, size.height.max(1) as usize, size.width.max(1) as usize), PADDING)
}
