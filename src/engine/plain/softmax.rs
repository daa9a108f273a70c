//! exp(x) over its sum along an axis.

/// Fills `output`, of `shape`. The largest number along the axis is taken from each first, so that none overflows.
pub(super) fn softmax(numbers: &[f32], output: &mut [f32], shape: &[usize], axis: usize) {
    let inner: usize = shape[axis + 1..].iter().product();
    let block = inner * shape[axis];
    if block == 0 {
        return;
    }
    let (mut largest, mut sums) = (vec![0.0; inner], vec![0.0; inner]);
    for (numbers, output) in numbers.chunks_exact(block).zip(output.chunks_exact_mut(block)) {
        largest.fill(f32::NEG_INFINITY);
        for row in numbers.chunks_exact(inner) {
            largest.iter_mut().zip(row).for_each(|(largest, x)| *largest = x.max(*largest));
        }
        sums.fill(0.0);
        for (row, results) in numbers.chunks_exact(inner).zip(output.chunks_exact_mut(inner)) {
            for ((result, x), (largest, sum)) in results.iter_mut().zip(row).zip(largest.iter().zip(&mut sums)) {
                *result = (x - largest).exp();
                *sum += *result;
            }
        }
        for results in output.chunks_exact_mut(inner) {
            results.iter_mut().zip(&sums).for_each(|(result, sum)| *result /= sum);
        }
    }
}
