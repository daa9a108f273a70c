//! Filters in the order in which the kernels read them.

use super::vector::LANES;
use super::{Block, Format, LINE, TILE, tile};
use crate::engine::graph::{Convolution, Elements};
use half::{bf16, f16};
use rayon::prelude::*;
use std::ops::Range;

/// A convolution's filters, made ready: tiles `[chunk][tap]`, then what each output channel needs.
pub(crate) struct Filters {
    tiles: Block,
    /// Points of [`Arrangement::Winograd`], else 1.
    points: usize,
    bias: Vec<f32>,
    scale: Vec<f32>,
}

/// How a convolution's inputs become the channels and taps of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Arrangement {
    /// Channels are the map's, taps are places of the window.
    Window,
    /// Taps are rows of the window, channel by channel, with as many steps as a row takes: that of [`super::Stem`].
    Rows,
    /// Channels are the map's, taps are the blocks; tiles are `[point][chunk][tap]`, for tiles of so many rows and columns
    /// of outputs: those of [`super::Winograd`].
    Winograd(usize),
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filters({} bytes)", self.bytes())
    }
}

impl Filters {
    /// Bytes of all.
    pub(crate) fn bytes(&self) -> usize {
        self.tiles.bytes().len() + (self.bias.len() + self.scale.len()) * 4
    }

    /// The first tile.
    pub(super) fn tiles(&self) -> *const u8 {
        self.tiles.bytes().as_ptr()
    }

    /// The first tile of a chunk at a point: [`Arrangement::Winograd`].
    ///
    /// # Safety
    /// The filters have that point and chunk.
    pub(super) unsafe fn point(&self, point: usize, chunk: usize) -> *const u8 {
        let chunks = self.bias.len() / LANES;
        let taps = self.tiles.bytes().len() / (self.points * chunks);
        unsafe { self.tiles().add((chunk * self.points + point) * taps) }
    }

    /// One number for each output channel.
    pub(super) fn bias(&self) -> *const f32 {
        self.bias.as_ptr()
    }

    /// One factor for each output channel; null where the sums are floats.
    pub(super) fn scale(&self) -> *const f32 {
        if self.scale.is_empty() { std::ptr::null() } else { self.scale.as_ptr() }
    }

    /// Bytes of a tap's filters for one chunk in [`Arrangement::Rows`].
    pub(crate) fn row_tile(format: Format, columns: usize) -> usize {
        columns.div_ceil(format.chunks()) * LINE
    }

    /// The filters of a convolution of maps of a format.
    pub(crate) fn new(convolution: &Convolution, format: Format, arrangement: Arrangement) -> std::io::Result<Self> {
        let [outputs, inputs, rows, columns] = convolution.weights.shape;
        let blocks = inputs.div_ceil(format.channels());
        let (taps, tile) = match arrangement {
            Arrangement::Window => (blocks * rows * columns, TILE),
            Arrangement::Rows => (inputs * rows, Self::row_tile(format, columns)),
            Arrangement::Winograd(_) => (blocks, TILE),
        };
        let points = if let Arrangement::Winograd(edge) = arrangement { (edge + 2) * (edge + 2) } else { 1 };
        // Whole blocks of any format: a map's last block may have channels that do not count.
        let chunks = outputs.div_ceil(LANES).next_multiple_of(4);
        let mut tiles = Block::new(points * chunks * taps * tile)?;
        let source = Source { convolution, fan_in: inputs * rows * columns };
        tiles.bytes_mut().par_chunks_mut(points * taps * tile).enumerate().for_each(|(chunk, tiles)| {
            let lanes = LANES.min(outputs.saturating_sub(chunk * LANES));
            if let Arrangement::Winograd(edge) = arrangement {
                return source.fill_points(chunk * LANES..chunk * LANES + lanes, edge, format, tiles);
            }
            for lane in 0..lanes {
                source.fill(chunk * LANES + lane, lane, arrangement, format, tiles);
            }
        });
        let mut bias = convolution.bias.clone();
        let mut scale = Vec::new();
        if let Format::U8(grid) = format {
            scale = (0..outputs).map(|output| grid.scale * source.scale(output)).collect();
            for (output, bias) in bias.iter_mut().enumerate() {
                *bias -= scale[output] * f32::from(grid.zero_point) * source.sum(output) as f32;
            }
        }
        bias.resize(chunks * LANES, 0.0);
        if !scale.is_empty() {
            scale.resize(chunks * LANES, 0.0);
        }
        Ok(Self { tiles, points, bias, scale })
    }
}

/// The numbers as they are in the file.
struct Source<'a> {
    convolution: &'a Convolution,
    fan_in: usize,
}

impl Source<'_> {
    /// What an output's filter is to be multiplied with.
    fn scale(&self, output: usize) -> f32 {
        let folded = self.convolution.scale.get(output).copied().unwrap_or(1.0);
        match &self.convolution.weights.elements {
            Elements::I8 { scales, .. } => folded * scales.get(output).copied().unwrap_or(1.0),
            _ => folded,
        }
    }

    /// An output's integers, added up.
    fn sum(&self, output: usize) -> i64 {
        match &self.convolution.weights.elements {
            Elements::I8 { integers, .. } => {
                integers[output * self.fan_in..][..self.fan_in].iter().map(|byte| i64::from(*byte as i8)).sum()
            }
            _ => 0,
        }
    }

    /// One output's numbers, scaled.
    fn floats(&self, output: usize) -> Vec<f32> {
        let numbers = output * self.fan_in..(output + 1) * self.fan_in;
        let scale = self.scale(output);
        match &self.convolution.weights.elements {
            Elements::F32(bytes) => {
                let of = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]) * scale;
                bytes[numbers.start * 4..numbers.end * 4].chunks_exact(4).map(of).collect()
            }
            Elements::F16(bytes) => {
                let of = |b: &[u8]| f16::from_le_bytes([b[0], b[1]]).to_f32() * scale;
                bytes[numbers.start * 2..numbers.end * 2].chunks_exact(2).map(of).collect()
            }
            Elements::I8 { integers, .. } => {
                integers[numbers].iter().map(|byte| f32::from(*byte as i8) * scale).collect()
            }
        }
    }

    /// Writes what a chunk's filters of 3×3 become at all points.
    fn fill_points(&self, outputs: Range<usize>, edge: usize, format: Format, tiles: &mut [u8]) {
        let factors = tile::filter_points(edge);
        let stride = tiles.len() / (factors.len() * factors.len());
        let filters: Vec<Vec<f32>> = outputs.map(|output| self.floats(output)).collect();
        for channel in 0..self.fan_in / 9 {
            let mut filter = [[0.0; LANES]; 9];
            for (lane, numbers) in filters.iter().enumerate() {
                for (place, number) in numbers[channel * 9..][..9].iter().enumerate() {
                    filter[place][lane] = f64::from(*number);
                }
            }
            for (row, down) in factors.iter().enumerate() {
                let rows: [_; 3] = std::array::from_fn(|x| combine(down, [filter[x], filter[3 + x], filter[6 + x]]));
                for (column, across) in factors.iter().enumerate() {
                    let tiles = &mut tiles[(row * factors.len() + column) * stride..][..stride];
                    put_floats(tiles, channel, 0, format, &combine(across, rows).map(|number| number as f32));
                }
            }
        }
    }

    /// Writes one output's numbers into its lane of a chunk's tiles.
    fn fill(&self, output: usize, lane: usize, arrangement: Arrangement, format: Format, tiles: &mut [u8]) {
        let [_, _, rows, columns] = self.convolution.weights.shape;
        // The first line of a number's tap, and its channel there.
        let at = |index: usize| {
            if arrangement == Arrangement::Rows {
                return (index / columns * Filters::row_tile(format, columns) / LINE, index % columns);
            }
            let (channel, place) = (index / (rows * columns), index % (rows * columns));
            ((channel / format.channels() * rows * columns + place) * LANES, channel % format.channels())
        };
        if let (Format::U8(_), Elements::I8 { integers, .. }) = (format, &self.convolution.weights.elements) {
            for (index, integer) in integers[output * self.fan_in..][..self.fan_in].iter().enumerate() {
                let (line, channel) = at(index);
                tiles[(line + channel / 4) * LINE + lane * 4 + channel % 4] = *integer;
            }
            return;
        }
        for (index, number) in self.floats(output).into_iter().enumerate() {
            let (line, channel) = at(index);
            put_floats(&mut tiles[line * LINE..], channel, lane, format, &[number]);
        }
    }
}

/// A sum of three vectors with three factors.
fn combine(factors: &[f64; 3], vectors: [[f64; LANES]; 3]) -> [f64; LANES] {
    let [a, b, c] = vectors;
    std::array::from_fn(|lane| factors[0] * a[lane] + factors[1] * b[lane] + factors[2] * c[lane])
}

/// Writes a channel's numbers from a lane on; the tiles are those of one tap.
fn put_floats(tiles: &mut [u8], channel: usize, lane: usize, format: Format, numbers: &[f32]) {
    let per_step = format.channels() / LANES;
    let line = &mut tiles[channel / per_step * LINE..][..LINE];
    for (to, number) in line.chunks_exact_mut(4).skip(lane).zip(numbers) {
        if format == Format::F32 {
            to.copy_from_slice(&number.to_le_bytes());
        } else {
            to[channel % 2 * 2..][..2].copy_from_slice(&bf16::from_f32(*number).to_le_bytes());
        }
    }
}

/// A number for each tap and channel, and one for each channel: the filters of [`super::Depthwise`].
#[derive(Debug)]
pub(crate) struct ChannelFilters {
    /// `[chunk][tap][16]`
    pub(super) weights: Vec<f32>,
    /// `[channel]`, for all channels of all blocks.
    pub(super) bias: Vec<f32>,
}

impl ChannelFilters {
    /// The filters of a convolution of one input channel for each output channel, of maps of a format. Bytes are multiplied
    /// as they are stored.
    pub(crate) fn new(convolution: &Convolution, format: Format) -> Self {
        let [outputs, _, rows, columns] = convolution.weights.shape;
        let taps = rows * columns;
        let source = Source { convolution, fan_in: taps };
        let chunks = outputs.div_ceil(LANES).next_multiple_of(4);
        let (scale, zero_point) = match format {
            Format::U8(grid) => (grid.scale, f32::from(grid.zero_point)),
            _ => (1.0, 0.0),
        };
        let mut bias = convolution.bias.clone();
        let mut weights = vec![0.0; chunks * taps * LANES];
        for output in 0..outputs {
            for (tap, number) in source.floats(output).into_iter().enumerate() {
                weights[(output / LANES * taps + tap) * LANES + output % LANES] = number * scale;
                bias[output] -= number * scale * zero_point;
            }
        }
        bias.resize(chunks * LANES, 0.0);
        Self { weights, bias }
    }
}
