//! How a map's numbers lie in memory: pixel by pixel in blocks of channels, a block of 64 bytes a pixel, or of
//! fewer where there is one block of few channels.

use super::vector::{LANES, Vector};
use crate::engine::graph::Grid;

/// Bytes of a line: a processor's cache line, a register of AVX-512, a row of an AMX tile.
pub(crate) const LINE: usize = 64;

/// Chunks of sixteen channels in a block, at most.
pub(super) const MOST_CHUNKS: usize = 4;

/// How the numbers of a block lie in a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Format {
    /// 16 floats.
    F32,
    /// 32 bfloat16.
    Bf16,
    /// 64 bytes.
    U8(Grid),
}

impl Format {
    /// For tables and keys.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::U8(_) => "u8",
        }
    }

    /// Channels in a block.
    pub(crate) fn channels(self) -> usize {
        self.chunks() * LANES
    }

    /// Bytes of a number.
    pub(crate) fn bytes(self) -> usize {
        LINE / self.channels()
    }

    /// Steps of 32 bits of the last one of these channels' blocks that have some of them.
    pub(crate) fn last_steps(self, channels: usize) -> usize {
        let last = channels - (channels - 1) / self.channels() * self.channels();
        last.div_ceil(self.chunks())
    }

    /// Chunks of sixteen channels in a block.
    pub(crate) fn chunks(self) -> usize {
        match self {
            Self::F32 => Plain::CHUNKS,
            Self::Bf16 => Brain::CHUNKS,
            Self::U8(_) => Bytes::CHUNKS,
        }
    }

    /// The byte that all bytes of a 0 are.
    pub(crate) fn zero(self) -> u8 {
        match self {
            Self::U8(grid) => grid.zero_point,
            _ => 0,
        }
    }
}

/// A [`Format`] as a type: how sixteen channels are read and written.
///
/// # Safety
/// As for [`Vector`]; `pixel` is the first byte of a block.
pub(super) trait Form: Copy {
    /// Reads a chunk.
    unsafe fn load<V: Vector>(self, pixel: *const u8, chunk: usize) -> V;

    /// Writes a chunk.
    unsafe fn store<V: Vector>(self, pixel: *mut u8, chunk: usize, numbers: V);
}

/// A [`Form`] whose kind is known when the code is compiled.
///
/// # Safety
/// As for [`Form`].
pub(super) trait KnownForm: Form {
    /// Chunks of sixteen channels in a block, at most.
    const CHUNKS: usize;

    /// Reads a chunk as it is stored: bytes stay places on their grid.
    #[inline(always)]
    unsafe fn load_stored<V: Vector>(self, pixel: *const u8, chunk: usize) -> V {
        unsafe { self.load(pixel, chunk) }
    }

    /// Writes a whole block of 1, 2 or 4 chunks: the first of these.
    #[inline(always)]
    unsafe fn store_block<V: Vector>(self, pixel: *mut u8, numbers: [V; MOST_CHUNKS], chunks: usize) {
        for (chunk, numbers) in numbers.into_iter().enumerate().take(Self::CHUNKS) {
            if chunk < chunks {
                // Safety: as the caller says.
                unsafe { self.store(pixel, chunk, numbers) }
            }
        }
    }
}

/// [`Format::F32`]
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Form for Plain {
    #[inline(always)]
    unsafe fn load<V: Vector>(self, pixel: *const u8, _: usize) -> V {
        unsafe { V::load(pixel.cast()) }
    }

    #[inline(always)]
    unsafe fn store<V: Vector>(self, pixel: *mut u8, _: usize, numbers: V) {
        unsafe { numbers.store(pixel.cast()) }
    }
}

impl KnownForm for Plain {
    const CHUNKS: usize = 1;
}

/// [`Format::Bf16`]
#[derive(Clone, Copy)]
pub(super) struct Brain;

impl Form for Brain {
    #[inline(always)]
    unsafe fn load<V: Vector>(self, pixel: *const u8, chunk: usize) -> V {
        unsafe { V::load_bf16(pixel.add(chunk * 32).cast()) }
    }

    #[inline(always)]
    unsafe fn store<V: Vector>(self, pixel: *mut u8, chunk: usize, numbers: V) {
        unsafe { numbers.store_bf16(pixel.add(chunk * 32).cast()) }
    }
}

impl KnownForm for Brain {
    const CHUNKS: usize = 2;
}

/// [`Format::U8`]
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    scale: f32,
    per_scale: f32,
    zero_point: f32,
}

/// A [`Format`] whose kind is looked up at each access: for what is not worth a copy of the code for each format.
#[derive(Clone, Copy)]
pub(super) enum AnyForm {
    Plain,
    Brain,
    Bytes(Bytes),
}

impl AnyForm {
    pub(super) fn new(format: Format) -> Self {
        match format {
            Format::F32 => Self::Plain,
            Format::Bf16 => Self::Brain,
            Format::U8(grid) => Self::Bytes(Bytes::new(grid)),
        }
    }
}

impl Form for AnyForm {
    #[inline(always)]
    unsafe fn load<V: Vector>(self, pixel: *const u8, chunk: usize) -> V {
        unsafe {
            match self {
                Self::Plain => Plain.load(pixel, chunk),
                Self::Brain => Brain.load(pixel, chunk),
                Self::Bytes(form) => form.load(pixel, chunk),
            }
        }
    }

    #[inline(always)]
    unsafe fn store<V: Vector>(self, pixel: *mut u8, chunk: usize, numbers: V) {
        unsafe {
            match self {
                Self::Plain => Plain.store(pixel, chunk, numbers),
                Self::Brain => Brain.store(pixel, chunk, numbers),
                Self::Bytes(form) => form.store(pixel, chunk, numbers),
            }
        }
    }
}

impl Bytes {
    pub(super) fn new(grid: Grid) -> Self {
        Self { scale: grid.scale, per_scale: 1.0 / grid.scale, zero_point: grid.zero_point.into() }
    }

    /// Places on the grid, not yet rounded.
    #[inline(always)]
    unsafe fn steps<V: Vector>(self, numbers: V) -> V {
        unsafe { numbers.mul_add(V::splat(self.per_scale), V::splat(self.zero_point)) }
    }
}

impl Form for Bytes {
    #[inline(always)]
    unsafe fn load<V: Vector>(self, pixel: *const u8, chunk: usize) -> V {
        unsafe {
            let steps = self.load_stored::<V>(pixel, chunk).sub(V::splat(self.zero_point));
            steps.mul(V::splat(self.scale))
        }
    }

    #[inline(always)]
    unsafe fn store<V: Vector>(self, pixel: *mut u8, chunk: usize, numbers: V) {
        unsafe { self.steps(numbers).store_u8(pixel.add(chunk * LANES)) }
    }
}

impl KnownForm for Bytes {
    const CHUNKS: usize = 4;

    #[inline(always)]
    unsafe fn load_stored<V: Vector>(self, pixel: *const u8, chunk: usize) -> V {
        unsafe { V::load_u8(pixel.add(chunk * LANES)) }
    }

    #[inline(always)]
    unsafe fn store_block<V: Vector>(self, pixel: *mut u8, numbers: [V; MOST_CHUNKS], chunks: usize) {
        let [a, b, c, d] = numbers;
        unsafe { V::store_u8_block([self.steps(a), self.steps(b), self.steps(c), self.steps(d)], chunks, pixel) }
    }
}
