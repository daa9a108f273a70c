//! Contact sheets: what each augmentation does, to be looked at.

use super::compose::Composer;
use super::seed::{Random, mixed_seed};
use super::{Augmentation, DataError, DetectionData, LabelledBox};
use image::{Rgb, RgbImage};
use ocelli::detection::Detection;
use ocelli::draw::annotate;
use ocelli::letterbox::{PADDING, Size};

/// Pictures in a row of a sheet, and rows.
const SIDE: u32 = 3;
/// Pixels between two pictures.
const GAP: u32 = 6;

/// One sheet of nine pictures with their boxes for each part of an augmentation that is on, drawn in every picture; then
/// one for all of it together, as a training draws them. Names are in kebab case.
///
/// # Errors
/// [`DataError`] for a setting out of its range, or if a picture cannot be decoded.
pub fn gallery(
    data: &DetectionData,
    augmentation: &Augmentation,
    size: Size,
    seed: u64,
) -> Result<Vec<(&'static str, RgbImage)>, DataError> {
    augmentation.check().map_err(DataError::Settings)?;
    parts(augmentation).into_iter().map(|(name, settings)| Ok((name, sheet(data, &settings, size, seed)?))).collect()
}

/// Each part that is on, alone and always.
fn parts(all: &Augmentation) -> Vec<(&'static str, Augmentation)> {
    let none = Augmentation { min_visible: all.min_visible, min_side: all.min_side, ..Augmentation::default() };
    let colour = Augmentation { hue: all.hue, saturation: all.saturation, value: all.value, ..none.clone() };
    // Zoom and stretch are of use where the picture moves, too; alone they show more clearly.
    let filled = Augmentation { translate: all.translate, ..none.clone() };
    let candidates = [
        (true, "letterbox", none.clone()),
        (all.flip_horizontal > 0.0, "flip-horizontal", Augmentation { flip_horizontal: 1.0, ..none.clone() }),
        (all.flip_vertical > 0.0, "flip-vertical", Augmentation { flip_vertical: 1.0, ..none.clone() }),
        (all.quarter_turn > 0.0, "quarter-turn", Augmentation { quarter_turn: 1.0, ..none.clone() }),
        (all.zoom != none.zoom, "zoom", Augmentation { zoom: all.zoom, ..none.clone() }),
        (all.aspect > 0.0, "aspect", Augmentation { aspect: all.aspect, ..none.clone() }),
        (all.translate > 0.0, "translate", Augmentation { zoom: all.zoom, ..filled.clone() }),
        (all.crop > 0.0, "crop", Augmentation { crop: 1.0, crop_area: all.crop_area, ..none.clone() }),
        (colour != none, "colour", colour.clone()),
        (all.mosaic > 0.0, "mosaic", Augmentation { mosaic: 1.0, ..filled }),
        (all.mix_up > 0.0, "mix-up", Augmentation { mix_up: 1.0, ..none.clone() }),
        (!all.sizes.is_empty(), "sizes", Augmentation { sizes: all.sizes.clone(), ..none }),
        (true, "all", all.clone()),
    ];
    candidates.into_iter().filter(|(on, ..)| *on).map(|(_, name, settings)| (name, settings)).collect()
}

fn sheet(data: &DetectionData, settings: &Augmentation, size: Size, seed: u64) -> Result<RgbImage, DataError> {
    let mut pictures = Vec::new();
    for number in 0..(SIDE * SIDE) as usize {
        let mut random = Random::new(mixed_seed(seed, number));
        let turn = settings.sizes.get(number % settings.sizes.len().max(1));
        let input = turn.map_or(size, |[width, height]| Size { width: *width, height: *height });
        let composer = Composer { data, settings, input, several: true };
        let mut planes = vec![PADDING; 3 * input.width as usize * input.height as usize];
        let boxes = composer.compose(data.index_at(seed, number), &mut random, &mut planes)?;
        pictures.push(drawn(&planes, input, &boxes, data.labels()));
    }
    let width = pictures.iter().map(RgbImage::width).max().unwrap_or(0) + GAP;
    let height = pictures.iter().map(RgbImage::height).max().unwrap_or(0) + GAP;
    let mut sheet = RgbImage::from_pixel(SIDE * width - GAP, SIDE * height - GAP, Rgb([255; 3]));
    for (number, picture) in (0..).zip(&pictures) {
        let (x, y) = (number % SIDE * width, number / SIDE * height);
        image::imageops::replace(&mut sheet, picture, x.into(), y.into());
    }
    Ok(sheet)
}

/// Planes as a picture, with its boxes.
fn drawn(planes: &[f32], size: Size, boxes: &[LabelledBox], labels: &[String]) -> RgbImage {
    let (width, area) = (size.width as usize, size.width as usize * size.height as usize);
    let mut picture = RgbImage::from_fn(size.width, size.height, |x, y| {
        let at = y as usize * width + x as usize;
        Rgb([0, 1, 2].map(|channel| (planes[channel * area + at] * 255.0).round() as u8))
    });
    let detection = |labelled: &LabelledBox| Detection {
        label: labels.get(labelled.class_id).cloned().unwrap_or_default(),
        class_id: labelled.class_id,
        confidence: 1.0,
        bbox: labelled.bbox,
    };
    annotate(&mut picture, &boxes.iter().map(detection).collect::<Vec<_>>());
    picture
}
