//! Sixteen numbers side by side: what the kernels are written in, once for all instruction sets.
//!
//! Each instruction set implements [`Vector`]; the generic kernels are inlined into functions that enable its features
//! (`#[target_feature]`), which is why everything here is `#[inline(always)]`.

/// Numbers in a [`Vector`], and output channels in a chunk.
pub(crate) const LANES: usize = 16;

/// Sixteen 32-bit floats.
///
/// # Safety
/// All functions need the processor to have the instruction set of the implementation. Pointers are to be valid for
/// sixteen numbers of their kind; they need no alignment.
pub(super) trait Vector: Copy {
    /// Sums that stay in registers beside a few factors: 4 or 8.
    const SUMS: usize = 4;

    /// All lanes x.
    unsafe fn splat(x: f32) -> Self;
    /// Sixteen floats.
    unsafe fn load(from: *const f32) -> Self;
    /// Stores sixteen floats.
    unsafe fn store(self, to: *mut f32);
    /// Sixteen 32-bit integers, as floats.
    unsafe fn load_i32(from: *const i32) -> Self;
    /// Sixteen bfloat16.
    unsafe fn load_bf16(from: *const u16) -> Self;
    /// Stores sixteen bfloat16, rounded to the nearest, ties to even.
    unsafe fn store_bf16(self, to: *mut u16);
    /// Sixteen unsigned bytes, as floats.
    unsafe fn load_u8(from: *const u8) -> Self;
    /// Stores sixteen unsigned bytes, rounded to the nearest, ties to even, and limited to 0 … 255.
    unsafe fn store_u8(self, to: *mut u8);

    /// [`Self::store_u8`] of the first `count` of these, which are 1, 2 or 4, one after another.
    #[inline(always)]
    unsafe fn store_u8_block(numbers: [Self; 4], count: usize, to: *mut u8) {
        for (index, numbers) in numbers.into_iter().enumerate() {
            if index < count {
                // Safety: as the caller says.
                unsafe { numbers.store_u8(to.add(index * LANES)) }
            }
        }
    }

    /// self + other
    unsafe fn add(self, other: Self) -> Self;
    /// self − other
    unsafe fn sub(self, other: Self) -> Self;
    /// self · other
    unsafe fn mul(self, other: Self) -> Self;
    /// self / other
    unsafe fn div(self, other: Self) -> Self;
    /// self · factor + addend, rounded once where the instruction set can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger one; `other` where one is no number.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller one; `other` where one is no number.
    unsafe fn min(self, other: Self) -> Self;

    /// A function for each number.
    #[inline(always)]
    unsafe fn map(self, function: impl Fn(f32) -> f32) -> Self {
        let mut lanes = [0.0; LANES];
        // Safety: the array has sixteen numbers.
        unsafe {
            self.store(lanes.as_mut_ptr());
            for lane in &mut lanes {
                *lane = function(*lane);
            }
            Self::load(lanes.as_ptr())
        }
    }
}

/// A sum of products with eight or more bits a factor, sixteen outputs side by side: one *step* multiplies as many
/// inputs as fit into 32 bits (1 float, 2 bfloat16, 4 bytes) with the filters' numbers for each of sixteen outputs,
/// which are one line of 64 bytes.
///
/// # Safety
/// As for [`Vector`].
pub(super) trait Dot {
    /// Bytes of an input.
    const BYTES: usize;
    /// Sixteen sums.
    type Sums: Copy;
    /// A line of filters, made ready.
    type Filters: Copy;
    /// Inputs of one step, in all lanes.
    type Inputs: Copy;
    /// All sums 0.
    unsafe fn zero() -> Self::Sums;
    /// A line of 64 bytes.
    unsafe fn filters(from: *const u8) -> Self::Filters;
    /// Four bytes of a pixel.
    unsafe fn inputs(from: *const u8) -> Self::Inputs;
    /// sums + filters · inputs
    unsafe fn step(sums: Self::Sums, filters: Self::Filters, inputs: Self::Inputs) -> Self::Sums;
    /// Stores sixteen 32-bit sums, which are floats or integers.
    unsafe fn store(sums: Self::Sums, to: *mut f32);
}

/// Products of floats.
pub(super) struct F32Dot<V>(std::marker::PhantomData<V>);

impl<V: Vector> Dot for F32Dot<V> {
    const BYTES: usize = 4;

    type Sums = V;
    type Filters = V;
    type Inputs = V;

    #[inline(always)]
    unsafe fn zero() -> V {
        unsafe { V::splat(0.0) }
    }

    #[inline(always)]
    unsafe fn filters(from: *const u8) -> V {
        unsafe { V::load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> V {
        unsafe { V::splat(from.cast::<f32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn step(sums: V, filters: V, inputs: V) -> V {
        unsafe { filters.mul_add(inputs, sums) }
    }

    #[inline(always)]
    unsafe fn store(sums: V, to: *mut f32) {
        unsafe { sums.store(to) }
    }
}
