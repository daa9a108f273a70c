//! Anchors as pictures.

use super::Anchors;
use ocelli::plot::{Axis, Curves, Ink, Key, Marker, Series};

/// Most boxes that are drawn.
const DRAWN: usize = 1500;

/// The average IoU over the number of anchors, as SVG, with the chosen number marked.
pub fn draw_curve(curve: &[Anchors], chosen: usize) -> String {
    let points: Vec<(f64, f64)> = curve.iter().map(|found| (found.anchors.len() as f64, found.average_iou)).collect();
    let marked = points.iter().find(|point| point.0 == chosen as f64);
    let marker = |point: &(f64, f64)| Marker {
        point: *point,
        label: format!("{chosen} anchors: {:.3}", point.1),
        ink: Ink::Palette(1),
    };
    Curves {
        title: "Average IoU of boxes with their best anchor".into(),
        x: Axis::new("anchors"),
        y: Axis::new("average IoU"),
        series: vec![Series { dots: true, ..Series::new("average IoU", points.clone(), Ink::Palette(0)) }],
        markers: marked.map(marker).into_iter().collect(),
        key: Key::Below,
    }
    .svg()
}

/// Width and height of boxes, of 1,500 at most, and of anchors over them, as SVG.
pub fn draw_boxes(sizes: &[[f64; 2]], anchors: &[[f64; 2]]) -> String {
    let step = sizes.len().div_ceil(DRAWN).max(1);
    let largest = |axis: usize| sizes.iter().chain(anchors).map(|size| size[axis]).fold(1.0, f64::max);
    let axis = |label: &str, axis: usize| Axis { label: label.into(), range: Some((0.0, largest(axis) * 1.02)) };
    Curves {
        title: "Boxes and anchors".into(),
        x: axis("width in pixels of the input", 0),
        y: axis("height in pixels of the input", 1),
        series: vec![
            Series::new("boxes", apart(sizes.iter().step_by(step)), Ink::Faint),
            Series { dots: true, ..Series::new("anchors", apart(anchors.iter()), Ink::Palette(1)) },
        ],
        markers: Vec::new(),
        key: Key::Below,
    }
    .svg()
}

/// Points with a gap after each, so that no line joins them.
fn apart<'a>(sizes: impl Iterator<Item = &'a [f64; 2]>) -> Vec<(f64, f64)> {
    sizes.flat_map(|[width, height]| [(*width, *height), (f64::NAN, f64::NAN)]).collect()
}
