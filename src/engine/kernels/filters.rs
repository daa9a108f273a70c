//! Filters in the order in which the kernels read them.

use super::vector::LANES;
use super::{Format, LINE, TILE};
use half::bf16;

/// A line of memory.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Line(pub(crate) [u8; LINE]);

/// A convolution's filters, made ready: tiles `[chunk][tap]`, then what each output channel needs.
pub(crate) struct Filters {
    tiles: Vec<Line>,
    tile: usize,
    bias: Vec<f32>,
    scale: Vec<f32>,
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filters({} bytes)", self.tiles.len() * LINE)
    }
}

impl Filters {
    /// Bytes of one tap's tile.
    pub(crate) fn tile(&self) -> usize {
        self.tile
    }

    /// The first tile.
    pub(crate) fn tiles(&self) -> *const u8 {
        self.tiles.as_ptr().cast()
    }

    /// One number for each output channel.
    pub(crate) fn bias(&self) -> *const f32 {
        self.bias.as_ptr()
    }

    /// One factor for each output channel; null where the sums are floats.
    pub(crate) fn scale(&self) -> *const f32 {
        if self.scale.is_empty() { std::ptr::null() } else { self.scale.as_ptr() }
    }

    /// `weight(output, input, tap)`, for `outputs` × `inputs` (of one group) × `taps`.
    pub(crate) fn new(format: Format, [outputs, inputs, places]: [usize; 3], bias: &[f32], weight: impl Fn(usize, usize, usize) -> f32) -> Self {
        let chunks = outputs.div_ceil(LANES).next_multiple_of(4);
        let blocks = inputs.div_ceil(format.channels());
        let taps = blocks * places;
        let tile = if format == Format::Split { 2 * TILE } else { TILE };
        let mut tiles = vec![Line([0; LINE]); chunks * taps * tile / LINE];
        let lines = tile / LINE;
        for output in 0..outputs {
            for input in 0..inputs {
                for place in 0..places {
                    let (block, channel) = (input / format.channels(), input % format.channels());
                    let first = ((output / LANES) * taps + block * places + place) * lines;
                    let w = weight(output, input, place);
                    let lane = output % LANES;
                    match format {
                        Format::F32 => tiles[first + channel].0[lane * 4..][..4].copy_from_slice(&w.to_le_bytes()),
                        Format::Bf16 => tiles[first + channel / 2].0[lane * 4 + channel % 2 * 2..][..2].copy_from_slice(&bf16::from_f32(w).to_le_bytes()),
                        Format::Split => {
                            let large = bf16::from_f32(w);
                            let small = bf16::from_f32(w - large.to_f32());
                            let at = lane * 4 + channel % 2 * 2;
                            tiles[first + channel / 2].0[at..][..2].copy_from_slice(&large.to_le_bytes());
                            tiles[first + 16 + channel / 2].0[at..][..2].copy_from_slice(&small.to_le_bytes());
                        }
                        Format::U8(_) => tiles[first + channel / 4].0[lane * 4 + channel % 4] = (w as i8) as u8,
                    }
                }
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(chunks * LANES, 0.0);
        let scale = if matches!(format, Format::U8(_)) { vec![1.0; chunks * LANES] } else { Vec::new() };
        Self { tiles, tile, bias, scale }
    }
}
