//! The first convolution: its input is a tensor of few channels, row by row, and is read as it lies.

use super::convolve::{At, Convolve};
use super::format::{AnyForm, Form};
use super::vector::{LANES, Vector};
use super::{Format, Kernels, LINE, Memory, Place};
use std::cell::RefCell;

/// A convolution of a tensor `[images, channels, rows, columns]` of floats.
#[derive(Debug, Clone)]
pub(crate) struct Stem {
    /// The tensor.
    pub(crate) from: Place,
    /// Its channels, rows and columns.
    pub(crate) shape: [usize; 3],
    /// Rows of the window, and between neighbours in it.
    pub(crate) rows: [usize; 2],
    /// Rows and columns of zeros above and to the left of the tensor.
    pub(crate) padding: [usize; 2],
    /// Numbers of a padded row: [`Self::row`].
    pub(crate) padded: usize,
    /// The convolution of the padded rows: a tap is a row of the window in one channel, and as many steps as that takes.
    pub(crate) convolve: Convolve,
}

/// A line of memory.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Line([u8; LINE]);

impl Line {
    pub(super) const ZERO: Self = Self([0; LINE]);
}

thread_local! {
    /// The rows that an output row sees, padded: `[channel][row of the window]`.
    static ROWS: RefCell<Vec<Line>> = RefCell::default();
}

impl Stem {
    /// Numbers of a row with the zeros around it: as many as all windows of `columns` outputs see, in whole lines. A step
    /// may see three numbers more, and the last sixteen that are written may have fifteen that are not the tensor's.
    pub(crate) fn row(columns: usize, stride: usize, kernel: usize, width: usize, left: usize) -> usize {
        ((columns - 1) * stride + kernel + 3).max(left + width + LANES).next_multiple_of(LINE)
    }

    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        self.convolve.items()
    }

    /// Does one of them.
    ///
    /// # Safety
    /// As for `Convolve::item`; the tensor is where `from` says.
    pub(super) unsafe fn item(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        let (groups, chunks) = self.convolve.piece(item);
        let groups_of_row = self.convolve.cut.strip.div_ceil(self.convolve.cut.pixels);
        ROWS.with_borrow_mut(|rows| {
            rows.resize(self.shape[0] * self.rows[0] * self.row_bytes() / LINE, Line::ZERO);
            let rows = rows.as_mut_ptr().cast::<u8>();
            for first in groups.step_by(groups_of_row) {
                unsafe {
                    self.gather(first / groups_of_row, rows, kernels, memory);
                    let locate = |at: &At, _| rows.add(at.first * self.convolve.pixel_stride).cast_const();
                    let row = first..first + groups_of_row;
                    self.convolve.groups_of(row, chunks.clone(), locate, kernels.of_vectors(), memory);
                }
            }
        });
    }

    fn row_bytes(&self) -> usize {
        self.padded * self.convolve.input.format.bytes()
    }

    /// The rows of the tensor that an output row sees, channel by channel, with the zeros around them.
    unsafe fn gather(&self, row: usize, rows: *mut u8, kernels: &Kernels, memory: &Memory) {
        let [channels, height, width] = self.shape;
        let format = self.convolve.input.format;
        let (image, row) = (row / self.convolve.output.rows, row % self.convolve.output.rows);
        for index in 0..channels * self.rows[0] {
            let (channel, tap) = (index / self.rows[0], index % self.rows[0]);
            let y = row * self.convolve.stride[0] + tap * self.rows[1];
            let y = y.checked_sub(self.padding[0]).filter(|y| *y < height);
            // Safety: there is room for all rows, and the tensor has the one that is read.
            unsafe {
                let to = rows.add(index * self.row_bytes());
                to.write_bytes(format.zero(), self.row_bytes());
                if let Some(y) = y {
                    let from = memory.read(&self.from).add(((image * channels + channel) * height + y) * width);
                    let from = std::slice::from_raw_parts(from, width);
                    (kernels.pack_row)(from, format, to.add(self.padding[1] * format.bytes()));
                }
            }
        }
    }
}

/// Writes numbers side by side, and zeros up to a multiple of sixteen.
///
/// # Safety
/// There is room for so many.
#[inline(always)]
pub(super) unsafe fn pack_row<V: Vector>(from: &[f32], format: Format, to: *mut u8) {
    let form = AnyForm::new(format);
    let (whole, rest) = from.as_chunks::<LANES>();
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for (index, numbers) in whole.iter().chain([&last]).enumerate() {
        // Safety: as the caller says.
        unsafe { form.store(to.add(index * LANES * format.bytes()), 0, V::load(numbers.as_ptr())) }
    }
}
