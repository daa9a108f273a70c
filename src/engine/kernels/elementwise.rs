//! Number by number: sums and products of maps, activations, changes of format, and larger pixels.

use super::finish::activate;
use super::format::{AnyForm, Form};
use super::vector::Vector;
use super::{Map, Memory, rows};
use crate::engine::graph::{Activation, Binary};

/// A map from one or two others, number by number.
#[derive(Debug, Clone)]
pub(crate) struct Elementwise {
    /// The first operand.
    pub(crate) input: Map,
    /// The second operand: of the same shape, or of one pixel for all pixels.
    pub(crate) other: Option<(Binary, Map)>,
    /// Rows and columns that each number becomes.
    pub(crate) factor: [usize; 2],
    /// Applied last.
    pub(crate) activation: Activation,
    /// What comes of it.
    pub(crate) output: Map,
}

impl Elementwise {
    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        rows::count(&self.output).div_ceil(rows::per_item(&self.output))
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`.
    #[inline(always)]
    pub(super) unsafe fn item<V: Vector>(&self, item: usize, memory: &Memory) {
        let per_item = rows::per_item(&self.output);
        for n in item * per_item..((item + 1) * per_item).min(rows::count(&self.output)) {
            unsafe { self.row::<V>(rows::nth(&self.output, n), memory) }
        }
    }

    #[inline(always)]
    unsafe fn row<V: Vector>(&self, at: rows::Row, memory: &Memory) {
        let (from, to) = (AnyForm::new(self.input.format), AnyForm::new(self.output.format));
        let other = self.other.as_ref().map(|(binary, map)| (binary, map, AnyForm::new(map.format)));
        let part = |map: &Map| map.within_block(at.chunk);
        // Blocks are of different sizes: the last chunks of the output may have nothing to come from.
        if !self.output.has_channels(at.chunk) {
            return unsafe { rows::clear::<V>(&self.output, at, memory) };
        }
        for column in 0..self.output.columns {
            let source = self.input.chunk(at.image, at.chunk, at.row / self.factor[0], column / self.factor[1]);
            unsafe {
                let mut x = from.load::<V>(memory.buffer.add(source), part(&self.input));
                if let Some((binary, map, form)) = other {
                    let single = (map.rows, map.columns) == (1, 1);
                    let (row, column) = if single { (0, 0) } else { (at.row, column) };
                    let pixel = memory.buffer.add(map.chunk(at.image, at.chunk, row, column));
                    x = combine(*binary, x, form.load::<V>(pixel, part(map)));
                }
                let pixel = memory.buffer.add(self.output.chunk(at.image, at.chunk, at.row, column));
                to.store(pixel, part(&self.output), activate(self.activation, x));
            }
        }
    }
}

#[inline(always)]
unsafe fn combine<V: Vector>(binary: Binary, a: V, b: V) -> V {
    unsafe {
        match binary {
            Binary::Add => a.add(b),
            Binary::Sub => a.sub(b),
            Binary::Mul => a.mul(b),
            Binary::Div => a.div(b),
            Binary::Max => a.max(b),
            Binary::Min => a.min(b),
            // Rare: not worth a function of all vectors.
            Binary::Pow => {
                let mut exponents = [0.0; super::LANES];
                b.store(exponents.as_mut_ptr());
                let mut lane = 0;
                let mut lanes = [0.0; super::LANES];
                a.store(lanes.as_mut_ptr());
                while lane < super::LANES {
                    lanes[lane] = lanes[lane].powf(exponents[lane]);
                    lane += 1;
                }
                V::load(lanes.as_ptr())
            }
        }
    }
}
