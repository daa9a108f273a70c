//! From sums to a map: scale, bias, activation, residual, format.

use super::format::{Brain, Bytes, Form, Plain};
use super::vector::{LANES, Vector};
use super::{Format, LINE};
use crate::engine::graph::Activation;

/// What is done with the sums of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    /// Output channels; the last block's others become 0, whatever their sums.
    pub(crate) channels: usize,
    /// Factor for each output channel, where the sums are integers; null where they are floats.
    pub(crate) scale: *const f32,
    /// Added for each output channel.
    pub(crate) bias: *const f32,
    /// Applied to the sum.
    pub(crate) activation: Activation,
    /// Applied after the residual was added, if there is one.
    pub(crate) after: Activation,
    /// How the output lies in memory.
    pub(crate) format: Format,
    /// How the residual does: alike, but for the grid.
    pub(crate) residual: Format,
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
        match finish.format {
            Format::F32 => with_activation::<V, _>(finish, destination, [Plain; 2]),
            Format::Bf16 => with_activation::<V, _>(finish, destination, [Brain; 2]),
            Format::U8(grid) => {
                let Format::U8(other) = finish.residual else { return };
                with_activation::<V, _>(finish, destination, [grid, other].map(Bytes::new));
            }
        }
    }
}

#[inline(always)]
unsafe fn with_activation<V: Vector, F: Form>(finish: &Finish, destination: &Destination, forms: [F; 2]) {
    unsafe {
        match finish.activation {
            Activation::Linear => pixels::<V, F>(finish, destination, forms, |x| x),
            Activation::Leaky(alpha) if (0.0..=1.0).contains(&alpha) => {
                let alpha = V::splat(alpha);
                pixels::<V, F>(finish, destination, forms, |x| x.mul(alpha).max(x));
            }
            other => pixels::<V, F>(finish, destination, forms, |x| activate(other, x)),
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

#[inline(always)]
unsafe fn pixels<V: Vector, F: Form>(
    finish: &Finish,
    destination: &Destination,
    [form, other]: [F; 2],
    activation: impl Fn(V) -> V,
) {
    let bytes = LINE;
    unsafe {
        for chunk in 0..F::CHUNKS {
            let channel = destination.channel + chunk * LANES;
            if channel >= finish.channels {
                for pixel in 0..destination.pixels {
                    form.store(destination.output.add(pixel * bytes), chunk, V::splat(0.0));
                }
                continue;
            }
            let bias = V::load(finish.bias.add(channel));
            let scale = if finish.scale.is_null() { V::splat(1.0) } else { V::load(finish.scale.add(channel)) };
            for pixel in 0..destination.pixels {
                let sums = destination.sums.add((chunk * 16 + pixel) * LANES);
                let sum = if finish.scale.is_null() {
                    V::load(sums).add(bias)
                } else {
                    V::load_i32(sums.cast()).mul_add(scale, bias)
                };
                let mut result = activation(sum);
                if !destination.residual.is_null() {
                    let residual = other.load::<V>(destination.residual.add(pixel * bytes), chunk);
                    result = activate(finish.after, result.add(residual));
                }
                form.store(destination.output.add(pixel * bytes), chunk, result);
            }
        }
    }
}
