//! The one inner loop of all convolutions: sums of products for a few pixels and up to two chunks of output channels.

use super::vector::{Dot, LANES};
use super::{LINE, TILE};

/// Bytes of the sums of one chunk for one group of up to sixteen pixels.
pub(crate) const SUMS: usize = 16 * LINE;

/// Bytes from the filters that are multiplied to those that are fetched into the cache meanwhile: a network's filters are
/// read once in a run, from far away, and the processor by itself looks no further than the page.
const AHEAD: usize = 2 * TILE;

/// How much of each tap counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    /// Taps from the first on whose lines count as a whole.
    pub(crate) whole: usize,
    /// Steps of 32 bits that count of the other taps' lines.
    pub(crate) last_steps: usize,
    /// Bytes from a tap's filters, for one chunk, to the next one's.
    pub(crate) tile: usize,
}

impl Depth {
    /// Steps of a tap.
    #[inline(always)]
    fn steps(self, tap: usize) -> usize {
        if tap < self.whole { LANES } else { self.last_steps }
    }

    /// The same without the first taps.
    pub(super) fn after(self, taps: usize) -> Self {
        Self { whole: self.whole.saturating_sub(taps), ..self }
    }
}

/// What is multiplied with what, and where the sums go.
///
/// A *tap* is one place of the window in one block of input channels. Its filters, for one chunk of sixteen outputs,
/// are a *tile* of lines, one for each 32 bits of the block's line; the taps' tiles follow one another.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    /// The first tap's line of each group's first pixel.
    pub(crate) groups: [*const u8; 2],
    /// One or two of them count.
    pub(crate) group_count: usize,
    /// Pixels in a group, at most the kernel set's `pixels`.
    pub(crate) pixels: usize,
    /// Bytes from pixel to pixel.
    pub(crate) pixel_stride: usize,
    /// Bytes from the first tap's line to each tap's.
    pub(crate) taps: &'a [u32],
    /// How much of each tap counts.
    pub(crate) depth: Depth,
    /// The first tap's tile of each chunk.
    pub(crate) filters: [*const u8; 2],
    /// One or two of them count.
    pub(crate) chunk_count: usize,
    /// Whether the products are added to the sums that are there. Only AMX can: its plans alone cut the taps.
    pub(crate) go_on: bool,
    /// Sums of the first group and chunk: `[group][chunk][pixel][16]`, in [`SUMS`] for each group and chunk.
    pub(crate) sums: *mut f32,
    /// Chunks from one group's sums to the next group's.
    pub(crate) sums_stride: usize,
}

/// Sums for all groups, with the pixels of a group in registers.
///
/// # Safety
/// The pointers of `product` are valid for what it says.
#[inline(always)]
pub(super) unsafe fn product<D: Dot, const MOST: usize>(product: &Product) {
    for group in 0..product.group_count {
        // Safety: as the caller says.
        unsafe {
            if product.chunk_count == 2 && MOST > 6 {
                by_pixels::<D, 2, MOST>(product, group, 0);
            } else {
                for chunk in 0..product.chunk_count {
                    by_pixels::<D, 1, MOST>(product, group, chunk);
                }
            }
        }
    }
}

/// Has the processor fetch a line, if there is one.
#[inline(always)]
fn fetch(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

#[inline(always)]
unsafe fn by_pixels<D: Dot, const CHUNKS: usize, const MOST: usize>(product: &Product, group: usize, chunk: usize) {
    let mut pixel = 0;
    while pixel < product.pixels {
        let pixels = (product.pixels - pixel).min(MOST);
        // Safety: as the caller of `product` says.
        unsafe {
            macro_rules! case {
                ($($count:literal)*) => {
                    match pixels {
                        $($count if $count <= MOST => by_stride::<D, CHUNKS, $count>(product, group, chunk, pixel),)*
                        _ => by_stride::<D, CHUNKS, 1>(product, group, chunk, pixel),
                    }
                };
            }
            case!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        }
        pixel += pixels;
    }
}

/// Strides that are constants become displacements in the instructions.
#[inline(always)]
unsafe fn by_stride<D: Dot, const CHUNKS: usize, const PIXELS: usize>(
    product: &Product,
    group: usize,
    chunk: usize,
    pixel: usize,
) {
    unsafe {
        match product.pixel_stride {
            LINE => block::<D, CHUNKS, PIXELS>(product, group, chunk, pixel, LINE),
            stride if stride == 2 * LINE => block::<D, CHUNKS, PIXELS>(product, group, chunk, pixel, 2 * LINE),
            // A number, or two.
            stride if stride == D::BYTES => block::<D, CHUNKS, PIXELS>(product, group, chunk, pixel, D::BYTES),
            stride if stride == 2 * D::BYTES => block::<D, CHUNKS, PIXELS>(product, group, chunk, pixel, 2 * D::BYTES),
            stride => block::<D, CHUNKS, PIXELS>(product, group, chunk, pixel, stride),
        }
    }
}

#[inline(always)]
unsafe fn block<D: Dot, const CHUNKS: usize, const PIXELS: usize>(
    product: &Product,
    group: usize,
    chunk: usize,
    pixel: usize,
    stride: usize,
) {
    unsafe {
        let mut sums = [[D::zero(); PIXELS]; CHUNKS];
        let first = product.groups[group].add(pixel * stride);
        let mut filters: [*const u8; CHUNKS] = std::array::from_fn(|i| product.filters[chunk + i]);
        for (index, &tap) in product.taps.iter().enumerate() {
            let line = first.add(tap as usize);
            for step in 0..product.depth.steps(index) {
                filters.iter().for_each(|filters| fetch(filters.wrapping_add(AHEAD + step * LINE)));
                let numbers: [D::Filters; CHUNKS] = std::array::from_fn(|i| D::filters(filters[i].add(step * LINE)));
                for (pixel, line) in (0..PIXELS).map(|pixel| (pixel, line.add(pixel * stride + step * 4))) {
                    let inputs = D::inputs(line);
                    for i in 0..CHUNKS {
                        sums[i][pixel] = D::step(sums[i][pixel], numbers[i], inputs);
                    }
                }
            }
            for filters in &mut filters {
                *filters = filters.add(product.depth.tile);
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let to = product.sums.add(((group * product.sums_stride + chunk + i) * 16 + pixel) * LANES);
            for (pixel, sums) in sums.iter().enumerate() {
                D::store(*sums, to.add(pixel * LANES));
            }
        }
    }
}
