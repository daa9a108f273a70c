//! `[yolo]` and `[region]`: where a detector's outputs leave the network, and how they encode boxes.

use super::Network;
use super::cfg::Section;
use super::error::DarknetError;
use super::layer::{Head, Kind, Shape};
use crate::metadata::HeadKind;

/// A `[yolo]` layer: its anchors are pixels of the input, of which `mask` picks those of this layer.
pub(super) fn yolo(section: &Section, input: Shape) -> Result<Head, DarknetError> {
    section.refuse(&["new_coords", "map"])?;
    let all = anchors(section)?;
    let mask = match section.get("mask") {
        Some(_) => section.list("mask", "a whole number, 0 or more")?,
        None => (0..all.len()).collect::<Vec<usize>>(),
    };
    let pick = |index: &usize| {
        let outside = || section.invalid("mask", format!("there is no anchor {index} among {}", all.len()));
        all.get(*index).copied().ok_or_else(outside)
    };
    let head = Head {
        kind: HeadKind::YoloV3,
        anchors: mask.iter().map(pick).collect::<Result<_, _>>()?,
        classes: section.size("classes", 20)?,
        scale_xy: positive(section, "scale_x_y", section.float("scale_x_y", 1.0)?)?,
    };
    check_channels(section, &head, input).map(|()| head)
}

/// A `[region]` layer: its anchors are in cells of its own grid.
pub(super) fn region(section: &Section, input: Shape, picture: Shape) -> Result<Head, DarknetError> {
    section.refuse(&["background", "tree", "map"])?;
    if !section.switch("softmax")? {
        return Err(section.unsupported("softmax", "a region layer without `softmax=1`".into()));
    }
    let coords = section.count("coords", 4)?;
    if coords != 4 {
        return Err(section.unsupported("coords", format!("`coords={coords}`")));
    }
    let cell = [picture.width as f32 / input.width as f32, picture.height as f32 / input.height as f32];
    let head = Head {
        kind: HeadKind::YoloV2,
        anchors: anchors(section)?.iter().map(|[width, height]| [width * cell[0], height * cell[1]]).collect(),
        classes: section.size("classes", 20)?,
        scale_xy: 1.0,
    };
    check_channels(section, &head, input).map(|()| head)
}

/// All heads of a network are of one kind and of the same number of classes.
pub(super) fn check_agreement(network: &Network, sections: &[Section]) -> Result<(), DarknetError> {
    let mut heads = network.layers.iter().zip(sections).filter_map(|(layer, section)| match &layer.kind {
        Kind::Head(head) => Some((head, section)),
        _ => None,
    });
    let Some((first, _)) = heads.next() else { return Ok(()) };
    for (head, section) in heads {
        if head.kind != first.kind {
            return Err(section.unsupported("", "a network with both [yolo] and [region] layers".into()));
        }
        if head.classes != first.classes {
            let reason = format!("{} differs from the {} of the first head", head.classes, first.classes);
            return Err(section.invalid("classes", reason));
        }
    }
    Ok(())
}

/// `num` pairs of width and height.
fn anchors(section: &Section) -> Result<Vec<[f32; 2]>, DarknetError> {
    let sides = section.list::<f32>("anchors", "a number")?;
    for side in &sides {
        positive(section, "anchors", *side)?;
    }
    let pairs: Vec<[f32; 2]> = sides.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    let num = section.size("num", 1)?;
    if sides.len() != 2 * num {
        return Err(section.invalid("anchors", format!("{} numbers, not 2 for each of num={num}", sides.len())));
    }
    Ok(pairs)
}

fn positive(section: &Section, key: &str, number: f32) -> Result<f32, DarknetError> {
    let good = number.is_finite() && number > 0.0;
    if good { Ok(number) } else { Err(section.invalid(key, format!("{number} is not above 0"))) }
}

/// Four numbers of place, objectness and the classes, for each anchor.
fn check_channels(section: &Section, head: &Head, input: Shape) -> Result<(), DarknetError> {
    let (anchors, classes) = (head.anchors.len(), head.classes);
    if (5 + classes).checked_mul(anchors) == Some(input.channels) {
        return Ok(());
    }
    let found = input.channels;
    Err(section
        .misfit(format!("{anchors} anchors × (5 + {classes} classes) do not fit the {found} channels before it")))
}
