//! From sums to a map: scale, bias, activation, residual, format.

use super::format::{Brain, Bytes, KnownForm, MOST_CHUNKS, Plain};
use super::vector::{LANES, Vector};
use super::{Format, Map};
use crate::engine::graph::Activation;

/// What is done with the sums of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    /// Factor for each output channel, where the sums are integers; null where they are floats.
    pub(crate) scale: *const f32,
    /// Added for each output channel.
    pub(crate) bias: *const f32,
    /// Applied to the sum.
    pub(crate) activation: Activation,
    /// Applied after the residual was added, if there is one.
    pub(crate) after: Activation,
    /// What comes of it; the channels of the last block that do not count become 0, whatever their sums.
    pub(crate) output: Map,
    /// Chunks of one of its blocks.
    pub(crate) chunks: usize,
    /// What is added, alike but for the grid and the bytes of a pixel; the output where nothing is.
    pub(crate) residual: Map,
}

impl Finish {
    /// What is done with sums. `scale` and `bias` are as the fields; `after`: applied after the residual was added.
    pub(super) fn new(
        (scale, bias): (*const f32, *const f32),
        [activation, after]: [Activation; 2],
        output: &Map,
        residual: Option<&Map>,
    ) -> Self {
        let residual = *residual.unwrap_or(output);
        Self { scale, bias, activation, after, output: *output, chunks: output.block_chunks(), residual }
    }
}

/// One group of pixels, one block of output channels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination {
    /// The sums: [`super::product::SUMS`] for each chunk of the block.
    pub(crate) sums: *const f32,
    /// The first channel.
    pub(crate) channel: usize,
    /// How many pixels.
    pub(crate) pixels: usize,
    /// The first pixel's block.
    pub(crate) output: *mut u8,
    /// The first pixel's block of what is added; null for nothing.
    pub(crate) residual: *const u8,
}

/// # Safety
/// The pointers are valid for what their fields say, and the vector's instruction set is there.
#[inline(always)]
pub(super) unsafe fn finish<V: Vector>(finish: &Finish, destination: &Destination) {
    unsafe {
        match finish.output.format {
            Format::F32 => with_activation::<V, _>(finish, destination, [Plain; 2]),
            Format::Bf16 => with_activation::<V, _>(finish, destination, [Brain; 2]),
            Format::U8(grid) => {
                let Format::U8(other) = finish.residual.format else { return };
                with_activation::<V, _>(finish, destination, [grid, other].map(Bytes::new));
            }
        }
    }
}

/// Functions that need no more than a few instructions are chosen before the numbers are gone through.
#[inline(always)]
unsafe fn with_activation<V: Vector, F: KnownForm>(finish: &Finish, destination: &Destination, forms: [F; 2]) {
    unsafe {
        if !destination.residual.is_null() && finish.after != Activation::Linear {
            return any_function::<V, F>(finish, destination, forms);
        }
        match finish.activation {
            Activation::Linear => blocks::<V, F>(finish, destination, forms, |x| x),
            Activation::Leaky(alpha) if (0.0..=1.0).contains(&alpha) => {
                let alpha = V::splat(alpha);
                blocks::<V, F>(finish, destination, forms, |x| x.mul(alpha).max(x));
            }
            Activation::Relu => {
                let zero = V::splat(0.0);
                blocks::<V, F>(finish, destination, forms, |x| x.max(zero));
            }
            Activation::Clip(low, high) => {
                let (low, high) = (V::splat(low), V::splat(high));
                blocks::<V, F>(finish, destination, forms, |x| x.max(low).min(high));
            }
            _ => any_function::<V, F>(finish, destination, forms),
        }
    }
}

/// A function for each lane.
#[inline(always)]
pub(super) unsafe fn activate<V: Vector>(activation: Activation, x: V) -> V {
    unsafe {
        match activation {
            Activation::Linear => x,
            Activation::Relu => x.max(V::splat(0.0)),
            Activation::Leaky(alpha) if (0.0..=1.0).contains(&alpha) => x.mul(V::splat(alpha)).max(x),
            Activation::Clip(low, high) => x.max(V::splat(low)).min(V::splat(high)),
            other => x.map(|x| other.apply(x)),
        }
    }
}

/// What a chunk's sums become.
#[derive(Clone, Copy)]
struct Channels<V> {
    scale: V,
    bias: V,
    integers: bool,
}

impl<V: Vector> Channels<V> {
    /// Of sixteen channels from one on.
    #[inline(always)]
    unsafe fn new(finish: &Finish, channel: usize) -> Self {
        let integers = !finish.scale.is_null();
        unsafe {
            let scale = if integers { V::load(finish.scale.add(channel)) } else { V::splat(1.0) };
            Self { scale, bias: V::load(finish.bias.add(channel)), integers }
        }
    }

    #[inline(always)]
    unsafe fn apply(self, sums: *const f32) -> V {
        unsafe {
            if self.integers {
                V::load_i32(sums.cast()).mul_add(self.scale, self.bias)
            } else {
                V::load(sums).add(self.bias)
            }
        }
    }
}

impl Destination {
    /// Chunks of the block that have channels.
    #[inline(always)]
    fn there(&self, finish: &Finish) -> usize {
        finish.output.channels.saturating_sub(self.channel).div_ceil(LANES).min(finish.chunks)
    }

    /// A pixel's sums of one of the block's chunks.
    #[inline(always)]
    unsafe fn sums(&self, pixel: usize, chunk: usize) -> *const f32 {
        unsafe { self.sums.add((chunk * 16 + pixel) * LANES) }
    }

    /// A pixel's block of what is added.
    #[inline(always)]
    unsafe fn residual(&self, pixel: usize, finish: &Finish) -> *const u8 {
        unsafe { self.residual.add(pixel * finish.residual.pixel_stride) }
    }
}

/// Pixel by pixel, a block at a time.
#[inline(always)]
unsafe fn blocks<V: Vector, F: KnownForm>(
    finish: &Finish,
    destination: &Destination,
    [form, other]: [F; 2],
    activation: impl Fn(V) -> V,
) {
    unsafe {
        let there = destination.there(finish);
        let first = Channels::new(finish, destination.channel);
        let mut channels = [first; MOST_CHUNKS];
        for (chunk, channels) in channels.iter_mut().enumerate().take(F::CHUNKS) {
            if chunk < there {
                *channels = Channels::new(finish, destination.channel + chunk * LANES);
            }
        }
        for pixel in 0..destination.pixels {
            let mut results = [V::splat(0.0); MOST_CHUNKS];
            for chunk in 0..F::CHUNKS {
                if chunk < there {
                    results[chunk] = activation(channels[chunk].apply(destination.sums(pixel, chunk)));
                    if !destination.residual.is_null() {
                        let residual = other.load::<V>(destination.residual(pixel, finish), chunk);
                        results[chunk] = results[chunk].add(residual);
                    }
                }
            }
            form.store_block(destination.output.add(pixel * finish.output.pixel_stride), results, finish.chunks);
        }
    }
}

/// Chunk by chunk, with functions that are looked up for each. It has the sum in common with [`blocks`], but one function for
/// both that takes the functions was not inlined: bytes took up to 1.6 times as long.
#[inline(always)]
unsafe fn any_function<V: Vector, F: KnownForm>(finish: &Finish, destination: &Destination, [form, other]: [F; 2]) {
    unsafe {
        let there = destination.there(finish);
        for chunk in 0..finish.chunks {
            let channels = (chunk < there).then(|| Channels::<V>::new(finish, destination.channel + chunk * LANES));
            for pixel in 0..destination.pixels {
                let mut result = V::splat(0.0);
                if let Some(channels) = channels {
                    result = activate(finish.activation, channels.apply(destination.sums(pixel, chunk)));
                    if !destination.residual.is_null() {
                        let residual = other.load::<V>(destination.residual(pixel, finish), chunk);
                        result = activate(finish.after, result.add(residual));
                    }
                }
                form.store(destination.output.add(pixel * finish.output.pixel_stride), chunk, result);
            }
        }
    }
}
