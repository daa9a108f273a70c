/// The mean of some values with NumPy's rounding, which adds in pairs of blocks; `None` for no values.
///
/// Source: the documented behaviour of `numpy.sum` (pairwise summation), with its blocks of 128 and 8 partial sums.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| pairwise_sum(values) / values.len() as f64)
}

fn pairwise_sum(values: &[f64]) -> f64 {
    const BLOCK: usize = 128;
    if values.len() < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if values.len() <= BLOCK {
        let mut sums = [0.0; 8];
        let blocks = values.chunks_exact(8);
        let rest = blocks.remainder();
        for (at, block) in blocks.enumerate() {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum = if at == 0 { *value } else { *sum + value };
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
        return rest.iter().fold(sum, |sum, value| sum + value);
    }
    let half = values.len() / 2;
    let (left, right) = values.split_at(half - half % 8);
    pairwise_sum(left) + pairwise_sum(right)
}
