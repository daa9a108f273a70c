//! Boxes and labels on pixels: the annotated picture of `detect --save` and of the API's `format=image`.
//!
//! Sizes follow the picture, so that a thumbnail and a camera's full frame are equally readable. The surest detections
//! are drawn last and choose the place of their label first.

use crate::detection::Detection;
use crate::geometry::BBox;
use ab_glyph::FontRef;
use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_rect_mut, draw_text_mut, text_size};
use imageproc::rect::Rect;
use std::sync::LazyLock;

/// Roboto Medium, cut down to the Latin, Greek and Cyrillic scripts; other scripts show as empty boxes.
///
/// `None` can only follow from a damaged file in the source tree: boxes are then drawn without labels.
static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("assets/labels.ttf")).ok());

/// Draws every detection in place: a frame in the class's colour, and a tag such as "dog 96 %".
///
/// Boxes are cut at the picture's edge; those wholly outside, without area, or with a coordinate that is not finite are
/// left out. A picture too small for letters gets frames alone.
pub fn annotate(image: &mut RgbImage, detections: &[Detection]) {
    let (Ok(width), Ok(height)) = (i32::try_from(image.width()), i32::try_from(image.height())) else { return };
    let style = Style::for_picture(width, height);
    let mut visible: Vec<(&Detection, Rect)> =
        detections.iter().filter_map(|found| Some((found, pixels(&found.bbox, width, height)?))).collect();
    visible.sort_by(|(a, _), (b, _)| b.confidence.total_cmp(&a.confidence));

    for (found, area) in visible.iter().rev() {
        draw_frame(image, *area, style.line, class_color(found.class_id));
    }
    let Some(font) = FONT.as_ref() else { return };
    for tag in place_tags(&visible, &style, font, width, height).iter().rev() {
        draw_filled_rect_mut(image, tag.area, tag.color);
        let (x, y) = (tag.area.left() + style.padding_x, tag.area.top() + style.padding_y);
        draw_text_mut(image, text_color(tag.color), x, y, style.letters, font, &tag.text);
    }
}

/// One steady colour a class: the same `class_id` has the same colour in any picture and any run.
///
/// Hues advance by the golden ratio of a turn, which keeps any number of first classes far apart; three tiers of
/// lightness part the classes whose hues come close. `serve/playground.html` computes the same colours in `classColor`:
/// a change here is a change there.
pub fn class_color(class_id: usize) -> Rgb<u8> {
    const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;
    const SATURATION: f64 = 0.85;
    const LIGHTNESS: [f64; 3] = [0.55, 0.66, 0.45];
    let hue = (0.58 + class_id as f64 * GOLDEN_RATIO).fract();
    let lightness = LIGHTNESS[class_id % LIGHTNESS.len()];
    // HSL to RGB in the closed form of CSS Color 4, section 7.1.
    let reach = SATURATION * lightness.min(1.0 - lightness);
    let channel = |offset: f64| {
        let k = (offset + hue * 12.0) % 12.0;
        let value = lightness - reach * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (value * 255.0).round() as u8
    };
    Rgb([channel(0.0), channel(8.0), channel(4.0)])
}

/// Black or white, whichever stands out more from `fill` by the contrast ratio of WCAG 2.
fn text_color(fill: Rgb<u8>) -> Rgb<u8> {
    let [red, green, blue] = fill.0.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    // At this relative luminance, black and white have the same contrast ratio.
    if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 { Rgb([0; 3]) } else { Rgb([255; 3]) }
}

/// Sizes in pixels.
struct Style {
    /// Thickness of a frame.
    line: u32,
    /// Height of a line of text, from the highest ascender to the lowest descender.
    letters: f32,
    /// From the tag's left and right edges to its text.
    padding_x: i32,
    /// From the tag's top and bottom edges to its text.
    padding_y: i32,
}

impl Style {
    /// Grows with the geometric mean of the sides, which keeps a long narrow picture from getting letters taller than
    /// itself.
    fn for_picture(width: i32, height: i32) -> Self {
        let side = (f64::from(width) * f64::from(height)).sqrt();
        let letters = (side * 0.031).max(11.0).round();
        Self {
            line: (side / 260.0).round().max(1.0) as u32,
            letters: letters as f32,
            padding_x: (letters * 0.3).round() as i32,
            padding_y: (letters * 0.06).round() as i32,
        }
    }
}

/// The whole pixels that a box covers in a picture of `width` × `height`, at least one; `None` where there are none.
fn pixels(bbox: &BBox, width: i32, height: i32) -> Option<Rect> {
    if ![bbox.x, bbox.y, bbox.right(), bbox.bottom()].iter().all(|edge| edge.is_finite()) {
        return None;
    }
    let clipped = bbox.clip(f64::from(width), f64::from(height));
    if clipped.width <= 0.0 || clipped.height <= 0.0 {
        return None;
    }
    let left = (clipped.x.round() as i32).min(width - 1);
    let top = (clipped.y.round() as i32).min(height - 1);
    let right = (clipped.right().round() as i32).clamp(left + 1, width);
    let bottom = (clipped.bottom().round() as i32).clamp(top + 1, height);
    Some(Rect::at(left, top).of_size((right - left) as u32, (bottom - top) as u32))
}

/// Four bars inside the edge of `area`; thinner on a small box, so that what it frames can still be seen.
fn draw_frame(image: &mut RgbImage, area: Rect, line: u32, color: Rgb<u8>) {
    let (width, height) = (area.width(), area.height());
    let line = line.min(width.min(height) / 6).max(1);
    let (right, bottom) = (area.right() - line as i32 + 1, area.bottom() - line as i32 + 1);
    for (x, y, across, down) in [
        (area.left(), area.top(), width, line),
        (area.left(), bottom, width, line),
        (area.left(), area.top(), line, height),
        (right, area.top(), line, height),
    ] {
        draw_filled_rect_mut(image, Rect::at(x, y).of_size(across, down), color);
    }
}

/// A label and where it goes.
struct Tag {
    area: Rect,
    text: String,
    color: Rgb<u8>,
}

/// One tag for each detection that has room for one. The surest come first and choose first.
fn place_tags(visible: &[(&Detection, Rect)], style: &Style, font: &FontRef, width: i32, height: i32) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::with_capacity(visible.len());
    let tag_height = style.letters as i32 + 2 * style.padding_y;
    if tag_height > height {
        return tags;
    }
    for (found, area) in visible {
        let Some((text, text_width)) = fit_text(found, style, font, width - 2 * style.padding_x) else { continue };
        let size = (text_width + 2 * style.padding_x, tag_height);
        // The first of the spots with the least overlap: the preferred one, where it is free.
        let free = spots(*area, size, (width, height)).into_iter().min_by_key(|spot| covered(*spot, &tags));
        if let Some(area) = free {
            tags.push(Tag { area, text, color: class_color(found.class_id) });
        }
    }
    tags
}

/// The longest wording that fits into `room` pixels, and its width: "dog 96 %", then "d…"; `None` where nothing fits.
fn fit_text(found: &Detection, style: &Style, font: &FontRef, room: i32) -> Option<(String, i32)> {
    // No picture has room for more letters, and a model file may name its classes at any length.
    const MOST_LETTERS: usize = 60;
    let fits = |text: String| {
        let (width, _) = text_size(style.letters, font, &text);
        i32::try_from(width).ok().filter(|width| *width <= room).map(|width| (text, width))
    };
    let letters: Vec<char> = found.label.chars().take(MOST_LETTERS + 1).collect();
    let percent = (found.confidence.clamp(0.0, 1.0) * 100.0).round() as u8;
    let whole = if letters.len() <= MOST_LETTERS { fits(format!("{} {percent} %", found.label)) } else { None };
    whole.or_else(|| {
        let most = letters.len().min(MOST_LETTERS);
        (1..=most).rev().find_map(|count| fits(letters.iter().take(count).chain(['…'].iter()).collect()))
    })
}

/// Where a tag of `size` may go, best first: above the box, inside its top, inside its bottom, below it; at its left edge
/// and then at its right. All spots lie in the picture, which has room for the tag.
fn spots(area: Rect, size: (i32, i32), picture: (i32, i32)) -> Vec<Rect> {
    let (last_left, last_top) = (picture.0 - size.0, picture.1 - size.1);
    let lefts = [area.left().min(last_left), (area.right() + 1 - size.0).clamp(0, last_left)];
    let (above, below) = (area.top() - size.1, area.bottom() + 1);
    let inside = [area.top().min(last_top), (below - size.1).clamp(0, last_top)];
    [above, inside[0], inside[1], below]
        .into_iter()
        .filter(|top| (0..=last_top).contains(top))
        .flat_map(|top| lefts.map(|left| Rect::at(left, top).of_size(size.0 as u32, size.1 as u32)))
        .collect()
}

/// Pixels of `spot` that lie under the tags, each tag counted by itself.
fn covered(spot: Rect, tags: &[Tag]) -> u64 {
    tags.iter()
        .filter_map(|tag| tag.area.intersect(spot))
        .map(|shared| u64::from(shared.width()) * u64::from(shared.height()))
        .sum()
}
