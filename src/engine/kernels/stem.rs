//! The first convolution: its input is a tensor of few channels, row by row, and all of a window fits into a block or two.

use super::convolve::{At, Convolve};
use super::format::{AnyForm, Form};
use super::vector::{LANES, Vector};
use super::{Kernels, LINE, Memory, Place};
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
struct Line([u8; LINE]);

/// What a thread packs windows in.
#[derive(Default)]
struct Scratch {
    /// Rows of the tensor, with the zeros around them.
    rows: Vec<f32>,
    /// Windows, as floats.
    windows: Vec<f32>,
    /// Windows, packed.
    lines: Vec<Line>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

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
            for first in groups.step_by(groups_of_row) {
                unsafe {
                    self.gather(first / groups_of_row, memory, scratch);
                    (kernels.pack_windows)(self, scratch_parts(scratch));
                    let lines = scratch.lines.as_ptr().cast::<u8>();
                    let locate = |at: &At, _| lines.add(at.first * self.convolve.pixel_stride);
                    let row = first..first + groups_of_row;
                    self.convolve.groups_of(row, chunks.clone(), locate, kernels, memory);
                }
            }
        });
    }

    /// Numbers of a window, as many as fit into its blocks.
    fn window(&self) -> usize {
        self.convolve.taps.len() * self.convolve.input.format.channels()
    }

    /// The windows of an output row, as floats.
    unsafe fn gather(&self, row: usize, memory: &Memory, scratch: &mut Scratch) {
        let [channels, height, width] = self.shape;
        let (image, row) = (row / self.convolve.output.rows, row % self.convolve.output.rows);
        let columns = self.convolve.output.columns;
        let [down, across] = self.convolve.stride;
        let reach = (self.kernel[1] - 1) * self.dilation[1];
        // Four more, since four numbers are copied at a time.
        let padded = ((columns - 1) * across + reach + 1).max(self.padding[1] + width) + 4;
        scratch.rows.clear();
        scratch.rows.resize(channels * self.kernel[0] * padded, 0.0);
        for (index, to) in scratch.rows.chunks_exact_mut(padded).enumerate() {
            let (channel, tap) = (index / self.kernel[0], index % self.kernel[0]);
            let Some(y) = (row * down + tap * self.dilation[0]).checked_sub(self.padding[0]).filter(|y| *y < height) else {
                continue;
            };
            let from = ((image * channels + channel) * height + y) * width;
            // Safety: a row of the tensor.
            let from = unsafe { std::slice::from_raw_parts(memory.read(&self.from).add(from), width) };
            to[self.padding[1]..self.padding[1] + width].copy_from_slice(from);
        }
        let window = self.window();
        scratch.windows.clear();
        scratch.windows.resize(columns * window + 4, 0.0);
        let quick = self.kernel[1] == 3 && self.dilation[1] == 1;
        for column in 0..columns {
            let start = column * window;
            for (index, rows) in scratch.rows.chunks_exact(padded).enumerate() {
                let to = start + index * self.kernel[1];
                let from = column * across;
                if quick {
                    // One number too many, which the next copy or the next window's first one overwrites.
                    scratch.windows[to..to + 4].copy_from_slice(&rows[from..from + 4]);
                } else {
                    for tap in 0..self.kernel[1] {
                        scratch.windows[to + tap] = rows[from + tap * self.dilation[1]];
                    }
                }
            }
            if quick {
                scratch.windows[start + channels * self.kernel[0] * 3] = 0.0;
            }
        }
        scratch.lines.resize(columns * self.convolve.pixel_stride / LINE, Line([0; LINE]));
    }

    /// # Safety
    /// `lines` has room for the windows of a row.
    #[inline(always)]
    pub(super) unsafe fn pack<V: Vector>(&self, (windows, lines): (&[f32], *mut u8)) {
        let format = self.convolve.input.format;
        let form = AnyForm::new(format);
        let chunks = self.window() / LANES;
        for (pixel, window) in windows.chunks_exact(self.window()).enumerate() {
            let to = pixel * self.convolve.pixel_stride;
            for chunk in 0..chunks {
                unsafe {
                    let numbers = V::load(window[chunk * LANES..].as_ptr());
                    let block = lines.add(to + chunk / format.chunks() * format.bytes());
                    form.store(block, chunk % format.chunks(), numbers);
                }
            }
        }
    }
}

fn scratch_parts(scratch: &mut Scratch) -> (&[f32], *mut u8) {
    (&scratch.windows, scratch.lines.as_mut_ptr().cast())
}
