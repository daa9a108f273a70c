//! The first convolution: its input is a tensor of few channels, row by row, and all of a window fits into a block or two.

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
    /// Rows and columns of the window.
    pub(crate) kernel: [usize; 2],
    /// Rows and columns between neighbours in the window.
    pub(crate) dilation: [usize; 2],
    /// Rows and columns of zeros above and to the left of the tensor.
    pub(crate) padding: [usize; 2],
    /// The convolution of the packed windows: each is a pixel of `channels · window` channels (in that order), the taps
    /// are its blocks.
    pub(crate) convolve: Convolve,
}

/// A line of memory.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Line([u8; LINE]);

impl Line {
    pub(super) const ZERO: Self = Self([0; LINE]);
}

/// What a thread packs windows in.
#[derive(Default)]
struct Scratch {
    /// Rows of the tensor, with the zeros around them.
    rows: Vec<f32>,
    /// Windows, packed.
    lines: Vec<Line>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Windows that are packed at a time.
const AT_ONCE: usize = 8;

/// The most numbers of a window.
pub(crate) const STEM_WINDOW: usize = 64;

impl Stem {
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
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.lines.resize(self.convolve.output.columns * self.convolve.pixel_stride / LINE, Line::ZERO);
            for first in groups.step_by(groups_of_row) {
                unsafe {
                    self.gather(first / groups_of_row, memory, &mut scratch.rows);
                    let lines = scratch.lines.as_mut_ptr().cast::<u8>();
                    (kernels.pack_windows)(self, &scratch.rows, lines);
                    let locate = |at: &At, _| lines.add(at.first * self.convolve.pixel_stride).cast_const();
                    let row = first..first + groups_of_row;
                    self.convolve.groups_of(row, chunks.clone(), locate, kernels, memory);
                }
            }
        });
    }

    /// Columns of the tensor's rows with the zeros around them; three more, since four numbers are copied at a time.
    fn padded(&self) -> usize {
        let reach =
            (self.convolve.output.columns - 1) * self.convolve.stride[1] + (self.kernel[1] - 1) * self.dilation[1];
        (reach + 1).max(self.padding[1] + self.shape[2]) + 3
    }

    /// The rows of the tensor that an output row sees, channel by channel, with the zeros around them.
    unsafe fn gather(&self, row: usize, memory: &Memory, rows: &mut Vec<f32>) {
        let [channels, height, width] = self.shape;
        let (image, row) = (row / self.convolve.output.rows, row % self.convolve.output.rows);
        rows.resize(channels * self.kernel[0] * self.padded(), 0.0);
        for (index, to) in rows.chunks_exact_mut(self.padded()).enumerate() {
            let (channel, tap) = (index / self.kernel[0], index % self.kernel[0]);
            let y = row * self.convolve.stride[0] + tap * self.dilation[0];
            let (left, rest) = to.split_at_mut(self.padding[1]);
            let (middle, right) = rest.split_at_mut(width);
            left.fill(0.0);
            right.fill(0.0);
            match y.checked_sub(self.padding[0]).filter(|y| *y < height) {
                None => middle.fill(0.0),
                Some(y) => {
                    let from = ((image * channels + channel) * height + y) * width;
                    // Safety: a row of the tensor.
                    middle.copy_from_slice(unsafe {
                        std::slice::from_raw_parts(memory.read(&self.from).add(from), width)
                    });
                }
            }
        }
    }

    /// Packs the windows of an output row.
    ///
    /// # Safety
    /// `rows` is what [`Self::gather`] made, `lines` has room for the row's windows.
    #[inline(always)]
    pub(super) unsafe fn pack<V: Vector>(&self, rows: &[f32], lines: *mut u8) {
        let format = self.convolve.input.format;
        let form = AnyForm::new(format);
        // Bytes that no filter sees may be anything, but of other formats they may be no number.
        let chunks = match format {
            Format::U8(_) => self.convolve.input.channels.div_ceil(LANES),
            _ => self.convolve.input.chunks(),
        };
        let columns = self.convolve.output.columns;
        // Four numbers more, since four are copied at a time.
        let mut windows = [[0.0_f32; STEM_WINDOW + 4]; AT_ONCE];
        for first in (0..columns).step_by(AT_ONCE) {
            let count = (columns - first).min(AT_ONCE);
            for (pixel, window) in windows.iter_mut().enumerate().take(count) {
                unsafe { self.window(rows, (first + pixel) * self.convolve.stride[1], window) };
            }
            for (pixel, window) in windows.iter().enumerate().take(count) {
                let to = (first + pixel) * self.convolve.pixel_stride;
                for chunk in 0..chunks {
                    unsafe {
                        let numbers = V::load(window.as_ptr().add(chunk * LANES));
                        let block = lines.add(to + chunk / format.chunks() * LINE);
                        form.store(block, chunk % format.chunks(), numbers);
                    }
                }
            }
        }
    }

    /// The window that begins at a column of the padded rows.
    #[inline(always)]
    unsafe fn window(&self, rows: &[f32], column: usize, window: &mut [f32; STEM_WINDOW + 4]) {
        let (padded, width) = (self.padded(), self.kernel[1]);
        let count = self.shape[0] * self.kernel[0];
        if width == 3 && self.dilation[1] == 1 {
            for index in 0..count {
                // Safety: the rows are three numbers longer than any window reaches, the window four. The one number too
                // many is overwritten by the next copy.
                unsafe {
                    let from = rows.as_ptr().add(index * padded + column);
                    std::ptr::copy_nonoverlapping(from, window.as_mut_ptr().add(index * 3), 4);
                }
            }
            window[count * 3] = 0.0;
        } else {
            for (index, to) in window.chunks_exact_mut(width).take(count).enumerate() {
                for (tap, to) in to.iter_mut().enumerate() {
                    *to = rows[index * padded + column + tap * self.dilation[1]];
                }
            }
        }
    }
}
