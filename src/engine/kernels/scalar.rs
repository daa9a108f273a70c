//! Any processor: arrays of sixteen, which the compiler turns into the vectors that it has.

use super::vector::{Dot, LANES, Vector};
use half::bf16;

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct Scalar([f32; LANES]);

macro_rules! lanes {
    ($index:ident => $value:expr) => {
        Self(std::array::from_fn(|$index| $value))
    };
}

impl Vector for Scalar {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn load_i32(from: *const i32) -> Self {
        Self(unsafe { from.cast::<[i32; LANES]>().read_unaligned() }.map(|integer| integer as f32))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        let halves = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        Self(halves.map(|half| f32::from_bits(u32::from(half) << 16)))
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(self.0.map(|x| bf16::from_f32(x).to_bits())) }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> Self {
        Self(unsafe { from.cast::<[u8; LANES]>().read_unaligned() }.map(f32::from))
    }

    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        // `as` limits to 0 … 255.
        unsafe { to.cast::<[u8; LANES]>().write_unaligned(self.0.map(|x| x.round_ties_even() as u8)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        lanes!(i => self.0[i] + other.0[i])
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        lanes!(i => self.0[i] - other.0[i])
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        lanes!(i => self.0[i] * other.0[i])
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        lanes!(i => self.0[i] / other.0[i])
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        lanes!(i => self.0[i] * factor.0[i] + addend.0[i])
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        lanes!(i => if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        lanes!(i => if self.0[i] < other.0[i] { self.0[i] } else { other.0[i] })
    }
}

/// Products of bfloat16 in floats.
pub(super) struct Bf16Dot;

impl Dot for Bf16Dot {
    const BYTES: usize = 2;

    type Sums = [f32; LANES];
    type Filters = [[f32; LANES]; 2];
    type Inputs = [f32; 2];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        [0.0; LANES]
    }

    #[inline(always)]
    unsafe fn filters(from: *const u8) -> Self::Filters {
        let pairs = unsafe { from.cast::<[u32; LANES]>().read_unaligned() };
        [pairs.map(|pair| f32::from_bits(pair << 16)), pairs.map(|pair| f32::from_bits(pair & 0xffff_0000))]
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> Self::Inputs {
        let pair = unsafe { from.cast::<u32>().read_unaligned() };
        [f32::from_bits(pair << 16), f32::from_bits(pair & 0xffff_0000)]
    }

    #[inline(always)]
    unsafe fn step(sums: Self::Sums, filters: Self::Filters, inputs: Self::Inputs) -> Self::Sums {
        std::array::from_fn(|i| sums[i] + filters[0][i] * inputs[0] + filters[1][i] * inputs[1])
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut f32) {
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(sums) }
    }
}

/// Products of unsigned inputs and signed filters in 32-bit integers.
pub(super) struct U8Dot;

impl Dot for U8Dot {
    const BYTES: usize = 1;

    type Sums = [i32; LANES];
    type Filters = [[i8; 4]; LANES];
    type Inputs = [u8; 4];

    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        [0; LANES]
    }

    #[inline(always)]
    unsafe fn filters(from: *const u8) -> Self::Filters {
        unsafe { from.cast::<Self::Filters>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> Self::Inputs {
        unsafe { from.cast::<[u8; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn step(sums: Self::Sums, filters: Self::Filters, inputs: Self::Inputs) -> Self::Sums {
        let product = |i: usize, j: usize| i32::from(filters[i][j]) * i32::from(inputs[j]);
        std::array::from_fn(|i| sums[i] + product(i, 0) + product(i, 1) + product(i, 2) + product(i, 3))
    }

    #[inline(always)]
    unsafe fn store(sums: Self::Sums, to: *mut f32) {
        unsafe { to.cast::<[i32; LANES]>().write_unaligned(sums) }
    }
}
