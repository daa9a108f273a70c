//! The most that a core does.

use super::product::{Depth, Product, SUMS};
use super::{Block, Format, Kernels, LINE, TILE};
use std::time::{Duration, Instant};

/// Taps of a product: their filters and inputs stay in the first-level cache.
const TAPS: usize = 9;

/// How long is measured.
const TIME: Duration = Duration::from_millis(30);

/// 10⁹ operations a second of one core with the kernels' own products of numbers in its first-level cache, a
/// multiplication and its addition counted as two; 0 where there is no memory.
pub(crate) fn peak(kernels: &Kernels, format: Format) -> f64 {
    let Ok(mut block) = Block::new(2 * TAPS * TILE + 32 * LINE + 4 * SUMS) else { return 0.0 };
    let (filters, inputs) = (0, 2 * TAPS * TILE);
    let pixels = kernels.pixels(format);
    let mut quickest = f64::INFINITY;
    let began = Instant::now();
    // Safety: all that the product reads and writes lies in the block.
    unsafe {
        let at = block.bytes_mut().as_mut_ptr();
        let product = Product {
            groups: [at.add(inputs).cast_const(); 2],
            group_count: 2,
            pixels,
            pixel_stride: LINE,
            taps: &[0; TAPS],
            depth: Depth { whole: TAPS, last_steps: 0, tile: TILE },
            filters: [at.add(filters).cast_const(), at.add(filters + TAPS * TILE).cast_const()],
            chunk_count: 2,
            go_on: false,
            sums: at.add(inputs + 32 * LINE).cast(),
            sums_stride: 2,
        };
        (kernels.configure)(pixels);
        while began.elapsed() < TIME {
            // The quickest of many short turns: other work on the machine disturbs some of them.
            let turn = Instant::now();
            for _ in 0..100 {
                kernels.product(format)(&product);
            }
            quickest = quickest.min(turn.elapsed().as_secs_f64());
        }
        (kernels.release)();
    }
    let inputs_of_step = format.channels() / 16;
    let each = 2 * 2 * pixels * 2 * 16 * TAPS * 16 * inputs_of_step;
    100.0 * each as f64 / quickest / 1e9
}
