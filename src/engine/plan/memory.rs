//! Where each map lies in the buffer: maps that are not needed at the same time share their bytes.

use crate::engine::kernels::{LINE, Step};
use std::ops::RangeInclusive;

/// Bits of an offset that are bytes within a storage; those above name the storage.
const BYTE_BITS: u32 = 40;

/// Memory of its own, for as long as some step uses it.
#[derive(Debug, Default)]
pub(super) struct Storages {
    bytes: Vec<usize>,
}

impl Storages {
    /// A storage of so many bytes; gives the offset of its first one, which is final only after [`Self::place`].
    pub(super) fn add(&mut self, bytes: usize) -> usize {
        self.bytes.push(bytes.next_multiple_of(LINE));
        (self.bytes.len() - 1) << BYTE_BITS
    }

    /// Gives every storage its place, and the steps their final offsets; returns the bytes of the buffer.
    pub(super) fn place(&self, steps: &mut [Step]) -> usize {
        let uses = self.uses(steps);
        let mut largest_first: Vec<usize> = (0..self.bytes.len()).filter(|id| uses[*id].is_some()).collect();
        largest_first.sort_by_key(|id| std::cmp::Reverse(self.bytes[*id]));
        let mut starts = vec![0; self.bytes.len()];
        let mut placed: Vec<usize> = Vec::new();
        for id in largest_first {
            let mut others: Vec<usize> =
                placed.iter().copied().filter(|other| overlap(&uses[id], &uses[*other])).collect();
            others.sort_by_key(|other| starts[*other]);
            let mut start = 0;
            for other in others {
                if start + self.bytes[id] <= starts[other] {
                    break;
                }
                start = start.max(starts[other] + self.bytes[other]);
            }
            starts[id] = start;
            placed.push(id);
        }
        for offset in steps.iter_mut().flat_map(Step::offsets) {
            *offset = starts[*offset >> BYTE_BITS] + (*offset & ((1 << BYTE_BITS) - 1));
        }
        placed.iter().map(|id| starts[*id] + self.bytes[*id]).max().unwrap_or(0)
    }

    /// The steps from the first to the last that uses each storage.
    fn uses(&self, steps: &mut [Step]) -> Vec<Option<RangeInclusive<usize>>> {
        let mut uses: Vec<Option<RangeInclusive<usize>>> = vec![None; self.bytes.len()];
        for (index, step) in steps.iter_mut().enumerate() {
            for offset in step.offsets() {
                let used = &mut uses[*offset >> BYTE_BITS];
                let first = used.as_ref().map_or(index, |range| *range.start());
                *used = Some(first..=index);
            }
        }
        uses
    }
}

fn overlap(a: &Option<RangeInclusive<usize>>, b: &Option<RangeInclusive<usize>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.start() <= b.end() && b.start() <= a.end(),
        _ => false,
    }
}
