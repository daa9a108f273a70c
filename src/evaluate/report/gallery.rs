//! The pictures with the most mistakes, with what was found, what is false and what was missed.

use crate::average_precision::Prediction;
use crate::dataset::Dataset;
use crate::evaluate::wording::{count, counted};
use crate::evaluate::{Evaluation, ImageMistakes};
use crate::geometry::BBox;
use crate::picture::{Limits, decode, encode_jpeg};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::imageops::{FilterType, resize};
use maud::{Markup, html};

/// Most pictures that are shown.
const MOST: usize = 12;
/// Largest width and height of a picture in the page, in pixels.
const LARGEST: (u32, u32) = (400, 480);
/// Of the JPEG files in the page, 1..=100.
const QUALITY: u8 = 75;
/// All pictures are drawn this many units wide, so that letters have one size in all of them.
const WIDTH: f64 = 400.0;
/// Height of a tag, and about the width of a letter in it.
const TAG: (f64, f64) = (16.0, 6.8);
/// Most tags on a picture: more would hide it.
const TAGS: usize = 12;

/// What became of an object or a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Found,
    False,
    Missed,
}

impl Fate {
    fn class(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::False => "false",
            Self::Missed => "missed",
        }
    }
}

/// A box and its text.
struct Mark {
    fate: Fate,
    bbox: BBox,
    text: String,
}

/// The worst pictures and the legend of their boxes.
pub(super) fn gallery(evaluation: &Evaluation, dataset: &Dataset, predictions: &[Prediction]) -> Markup {
    html! {
        p { "Above confidence " (evaluation.operating_point.confidence) ", from IoU " (evaluation.settings.iou) "; the most mistakes first." }
        ul.legend {
            @for (fate, text) in [
                (Fate::Found, "found: thin line, with its confidence"),
                (Fate::False, "× false positive: broken line, with its confidence"),
                (Fate::Missed, "○ missed: dotted line"),
            ] {
                li {
                    svg.sample viewBox="0 0 56 28" width="56" height="28" aria-hidden="true" { (outline(fate, text, &BBox::new(5.0, 5.0, 46.0, 18.0))) }
                    (text)
                }
            }
        }
        div.gallery {
            @for mistakes in evaluation.worst.iter().take(MOST) { (picture(mistakes, dataset, predictions)) }
        }
    }
}

fn picture(mistakes: &ImageMistakes, dataset: &Dataset, predictions: &[Prediction]) -> Markup {
    let name = dataset.images.get(mistakes.image).map_or("a picture that is not listed", |image| image.name.as_str());
    let marks = marks(mistakes, dataset, predictions);
    let summary = format!(
        "{} found, {}, {} missed",
        count(mistakes.true_positives.len()),
        counted(mistakes.false_positives.len(), "false positive", "false positives"),
        count(mistakes.false_negatives.len())
    );
    html! {
        figure {
            @match load(mistakes, dataset) {
                Ok(image) => (drawing(&image, &marks, &format!("{name}: {summary}"))),
                Err(reason) => p.unreadable { "This picture cannot be shown: " (reason) },
            }
            figcaption {
                strong { (name) } br;
                (summary)
                details {
                    summary { "boxes" }
                    ul { @for mark in &marks { li { (place(mark)) } } }
                }
            }
        }
    }
}

/// A picture as it goes into the page.
struct Shown {
    /// Of the original, in pixels.
    size: (f64, f64),
    /// A data URI.
    address: String,
}

fn load(mistakes: &ImageMistakes, dataset: &Dataset) -> Result<Shown, String> {
    let path = dataset.images.get(mistakes.image).and_then(|image| image.path.as_ref()).ok_or("it has no file")?;
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let image = decode(&bytes, &Limits::default()).map_err(|error| error.to_string())?.image;
    let small = encode_jpeg(&shrink(&image), QUALITY).map_err(|error| error.to_string())?;
    Ok(Shown {
        size: (image.width().into(), image.height().into()),
        address: format!("data:image/jpeg;base64,{}", STANDARD.encode(small)),
    })
}

/// Down to [`LARGEST`], keeping the ratio of its sides; a smaller picture stays as it is.
fn shrink(image: &RgbImage) -> RgbImage {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let scale = (f64::from(LARGEST.0) / width).min(f64::from(LARGEST.1) / height).min(1.0);
    let side = |length: f64| (length * scale).round().max(1.0) as u32;
    resize(image, side(width), side(height), FilterType::Triangle)
}

/// The boxes of a picture, in its pixels; indices that lead nowhere are passed over.
fn marks(mistakes: &ImageMistakes, dataset: &Dataset, predictions: &[Prediction]) -> Vec<Mark> {
    let label = |class: u32| dataset.labels.get(class as usize).map_or("?", String::as_str);
    let predicted = |fate, indices: &[usize]| -> Vec<Mark> {
        let found = indices.iter().filter_map(|index| predictions.get(*index));
        found.map(|p| Mark { fate, bbox: p.bbox, text: format!("{} {:.2}", label(p.class), p.score) }).collect()
    };
    let mut marks = predicted(Fate::Found, &mistakes.true_positives);
    marks.extend(predicted(Fate::False, &mistakes.false_positives));
    let missed = mistakes.false_negatives.iter().filter_map(|index| dataset.truths.get(*index));
    marks.extend(missed.map(|truth| Mark {
        fate: Fate::Missed,
        bbox: truth.bbox,
        text: label(truth.class).to_owned(),
    }));
    marks
}

/// A box in words.
fn place(mark: &Mark) -> String {
    let BBox { x, y, width, height } = mark.bbox;
    format!("{}: {} at {x:.0}, {y:.0}, {width:.0} × {height:.0}", mark.fate.class(), mark.text)
}

fn drawing(image: &Shown, marks: &[Mark], label: &str) -> Markup {
    let scale = WIDTH / image.size.0;
    let height = image.size.1 * scale;
    let visible: Vec<(&Mark, BBox)> =
        marks.iter().filter_map(|mark| Some((mark, scaled(mark, scale, height)?))).collect();
    html! {
        svg.picture role="img" aria-label=(label) viewBox=(format!("0 0 {WIDTH} {height:.1}")) {
            image width=(WIDTH) height=(format!("{height:.1}")) href=(image.address) preserveAspectRatio="none" {}
            @for (mark, bbox) in &visible { (outline(mark.fate, &place(mark), bbox)) }
            @for tag in place_tags(&visible, height) {
                g class={ "tag " (tag.fate.class()) } {
                    rect x=(format!("{:.1}", tag.area.x)) y=(format!("{:.1}", tag.area.y))
                        width=(format!("{:.1}", tag.area.width)) height=(format!("{:.1}", tag.area.height)) {}
                    text x=(format!("{:.1}", tag.area.x + 4.0)) y=(format!("{:.1}", tag.area.bottom() - 4.0)) { (tag.text) }
                }
            }
        }
    }
}

/// In units of the drawing, inside it; `None` for what cannot be drawn.
fn scaled(mark: &Mark, scale: f64, height: f64) -> Option<BBox> {
    let BBox { x, y, width: across, height: down } = mark.bbox;
    if ![x, y, across, down].iter().all(|value| value.is_finite()) {
        return None;
    }
    let clipped = BBox::new(x * scale, y * scale, across * scale, down * scale).clip(WIDTH, height);
    (clipped.width >= 0.0 && clipped.height >= 0.0).then_some(clipped)
}

/// A dark line under the coloured one, so that it is seen on any picture.
fn outline(fate: Fate, hint: &str, bbox: &BBox) -> Markup {
    let [x, y, width, height] = [bbox.x, bbox.y, bbox.width, bbox.height].map(|value| format!("{value:.1}"));
    html! {
        rect.under x=(x) y=(y) width=(width) height=(height) {}
        rect class={ "box " (fate.class()) } x=(x) y=(y) width=(width) height=(height) { title { (hint) } }
    }
}

/// A text on the picture.
struct Tag {
    fate: Fate,
    area: BBox,
    text: String,
}

/// Tags where they cover no other tag: false positives and missed objects in turn, the largest first, then what was
/// found. What finds no place is left to the list below.
fn place_tags(visible: &[(&Mark, BBox)], height: f64) -> Vec<Tag> {
    let ranked = |fate| {
        let mut marks: Vec<&(&Mark, BBox)> = visible.iter().filter(|(mark, _)| mark.fate == fate).collect();
        marks.sort_by(|a, b| b.1.area().total_cmp(&a.1.area()));
        marks.into_iter().enumerate()
    };
    let mut mistakes: Vec<(usize, &(&Mark, BBox))> = ranked(Fate::False).chain(ranked(Fate::Missed)).collect();
    mistakes.sort_by_key(|(rank, _)| *rank);
    let mut tags: Vec<Tag> = Vec::new();
    for (_, (mark, bbox)) in mistakes.into_iter().chain(ranked(Fate::Found)) {
        if tags.len() == TAGS {
            break;
        }
        let text = match mark.fate {
            Fate::Found => mark.text.clone(),
            Fate::False => format!("× {}", mark.text),
            Fate::Missed => format!("○ {}", mark.text),
        };
        let width = (text.chars().count() as f64 * TAG.1 + 8.0).min(WIDTH);
        let left = bbox.x.min(WIDTH - width).max(0.0);
        let spots = [bbox.y - TAG.0, bbox.y, bbox.bottom() - TAG.0, bbox.bottom()];
        let area = spots
            .into_iter()
            .filter(|top| *top >= 0.0 && top + TAG.0 <= height)
            .map(|top| BBox::new(left, top, width, TAG.0))
            .find(|area| tags.iter().all(|tag| tag.area.iou(area) == 0.0));
        tags.extend(area.map(|area| Tag { fate: mark.fate, area, text }));
    }
    tags
}
