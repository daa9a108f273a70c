//! Pixels of a picture onto a canvas: one bilinear interpolation, whatever was drawn.

use super::colour::Colour;
use super::placement::{Line, Placement};
use image::RgbImage;
use ocelli::letterbox::Size;
use std::ops::Range;

/// Part of an input that a picture is painted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Its first column.
    pub left: usize,
    /// Its first row.
    pub top: usize,
    /// Its size.
    pub size: Size,
}

/// The two neighbours that a line of pixels is interpolated from: offsets into the picture's bytes, and the weight of
/// the second.
#[derive(Debug, Clone, Copy)]
struct Taps {
    first: usize,
    second: usize,
    weight: f32,
}

/// Paints what the picture covers of the tile; the rest stays as it is. `planes` is `[3, height, width]`, in 0..=1, of
/// an input that the tile lies in.
///
/// Pixels are centred at halves, two-tap, without antialiasing: as the letterbox resizes.
pub(super) fn paint(
    picture: &RgbImage,
    placement: &Placement,
    colour: &Colour,
    tile: &Tile,
    input: Size,
    planes: &mut [f32],
) {
    let stride = picture.width() as usize * 3;
    let (across, down) = if placement.turned { (stride, 3) } else { (3, stride) };
    let (columns, across) = taps(&placement.x, tile.size.width, across);
    let (rows, down) = taps(&placement.y, tile.size.height, down);
    let (width, height) = (input.width as usize, input.height as usize);
    let (red, rest) = planes.split_at_mut(width * height);
    let (green, blue) = rest.split_at_mut(width * height);
    for (row, vertical) in rows.zip(down) {
        let start = (tile.top + row) * width + tile.left;
        let painted = start + columns.start..start + columns.end;
        let line = [&mut red[painted.clone()], &mut green[painted.clone()], &mut blue[painted]];
        interpolate(picture.as_raw(), &across, vertical, line, colour);
    }
}

/// The canvas's lines that the picture covers, and the taps of each. `step` is the distance of two neighbours in bytes.
fn taps(line: &Line, length: u32, step: usize) -> (Range<usize>, Vec<Taps>) {
    let last = line.extent.saturating_sub(1) as usize;
    let source = |target: u32| (f64::from(target) + 0.5 - line.offset) / line.scale;
    let covered = |at: f64| at >= 0.0 && at < f64::from(line.extent);
    let found = |at: f64| {
        let at = (at - 0.5).clamp(0.0, last as f64);
        let first = at as usize;
        Taps { first: first * step, second: (first + 1).min(last) * step, weight: (at - first as f64) as f32 }
    };
    let start = (0..length).take_while(|target| !covered(source(*target))).count();
    let taps: Vec<Taps> = (0..length).skip(start).map(source).take_while(|at| covered(*at)).map(found).collect();
    (start..start + taps.len(), taps)
}

/// One row of the canvas.
fn interpolate(bytes: &[u8], across: &[Taps], down: Taps, line: [&mut [f32]; 3], colour: &Colour) {
    let [red, green, blue] = line;
    let pixel = |at: usize| -> [f32; 3] {
        match bytes.get(at..at + 3) {
            Some(&[r, g, b]) => [f32::from(r), f32::from(g), f32::from(b)],
            _ => [0.0; 3],
        }
    };
    let mix = |a: f32, b: f32, weight: f32| a + (b - a) * weight;
    for (((column, red), green), blue) in across.iter().zip(&mut *red).zip(&mut *green).zip(&mut *blue) {
        let above = [pixel(column.first + down.first), pixel(column.second + down.first)];
        let below = [pixel(column.first + down.second), pixel(column.second + down.second)];
        let value = |channel: usize| {
            let above = mix(above[0][channel], above[1][channel], column.weight);
            let below = mix(below[0][channel], below[1][channel], column.weight);
            mix(above, below, down.weight) * (1.0 / 255.0)
        };
        (*red, *green, *blue) = (value(0), value(1), value(2));
    }
    colour.apply(red, green, blue);
}
