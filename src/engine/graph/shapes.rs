//! Arithmetic on shapes that no file can make overflow.

/// The most numbers that a value may have.
const MOST: usize = 1 << 31;

/// How many numbers a tensor of this shape has, if not too many.
pub(super) fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &length| count.checked_mul(length).filter(|count| *count <= MOST))
}

/// An axis that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
    (0..rank).contains(&axis).then_some(axis as usize)
}

/// The shape that two tensors are broadcast to, as in NumPy.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let one = |axis| match (length(a, axis), length(b, axis)) {
        (a, b) if a == b => Some(a),
        (1, length) | (length, 1) => Some(length),
        _ => None,
    };
    (0..rank).map(one).collect()
}
