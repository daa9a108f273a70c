//! Channels put together from those of other maps: concatenation, slices, shuffles, where blocks do not fit.

use super::format::{AnyForm, Form};
use super::vector::{LANES, Vector};
use super::{Map, Memory, rows};

/// A map each of whose channels is one of another's.
#[derive(Debug, Clone)]
pub(crate) struct Regroup {
    /// Where channels come from.
    pub(crate) inputs: Vec<Map>,
    /// Input and channel for each output channel; `None` for zeros.
    pub(crate) channels: Vec<Option<(usize, usize)>>,
    /// What comes of it.
    pub(crate) output: Map,
}

/// Consecutive lanes of a chunk that come from consecutive lanes of another.
#[derive(Clone, Copy)]
struct Run {
    input: usize,
    chunk: usize,
    from: usize,
    to: usize,
    length: usize,
}

impl Regroup {
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
            let at = rows::nth(&self.output, n);
            unsafe { self.row::<V>(at, &self.runs(at.chunk), memory) }
        }
    }

    /// Where the lanes of a chunk come from.
    fn runs(&self, chunk: usize) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::with_capacity(LANES);
        let wanted = self.channels.iter().skip(chunk * LANES).take(LANES).enumerate();
        for (to, (input, channel)) in wanted.filter_map(|(to, channel)| channel.map(|channel| (to, channel))) {
            let (chunk, from) = (channel / LANES, channel % LANES);
            match runs.last_mut() {
                Some(run)
                    if (run.input, run.chunk) == (input, chunk)
                        && run.from + run.length == from
                        && run.to + run.length == to =>
                {
                    run.length += 1;
                }
                _ => runs.push(Run { input, chunk, from, to, length: 1 }),
            }
        }
        runs
    }

    #[inline(always)]
    unsafe fn row<V: Vector>(&self, at: rows::Row, runs: &[Run], memory: &Memory) {
        let to = AnyForm::new(self.output.format);
        for column in 0..self.output.columns {
            let mut lanes = [0.0; LANES];
            for run in runs {
                let map = &self.inputs[run.input];
                let mut source = [0.0; LANES];
                unsafe {
                    let pixel = memory.buffer.add(map.chunk(at.image, run.chunk, at.row, column));
                    let form = AnyForm::new(map.format);
                    form.load::<V>(pixel, map.within_block(run.chunk)).store(source.as_mut_ptr());
                }
                lanes[run.to..run.to + run.length].copy_from_slice(&source[run.from..run.from + run.length]);
            }
            unsafe {
                let pixel = memory.buffer.add(self.output.chunk(at.image, at.chunk, at.row, column));
                to.store(pixel, self.output.within_block(at.chunk), V::load(lanes.as_ptr()));
            }
        }
    }
}
