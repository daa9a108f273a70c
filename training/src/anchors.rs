//! Anchors: the sizes of boxes that a detection head starts from, fitted to a data set (Redmon & Farhadi 2016, YOLO9000,
//! <https://arxiv.org/abs/1612.08242>, section 2).

mod figures;
mod fit;

pub use figures::{draw_boxes, draw_curve};
pub(crate) use fit::median;
pub use fit::{Anchors, average_iou, curve, fit};

/// How much one anchor more must add to the average IoU to be worth its computation.
const WORTH: f64 = 0.01;

/// How many anchors to take by a curve over 1, 2, 3 … anchors: the smallest number from which another one adds less than
/// 0.01 to the average IoU, rounded up to a multiple of `scales`; the whole curve if it rises to its end.
pub fn choose(curve: &[Anchors], scales: usize) -> usize {
    let is_enough = |pair: &[Anchors]| pair[1].average_iou - pair[0].average_iou < WORTH;
    let enough = curve.windows(2).position(is_enough).map_or(curve.len(), |place| place + 1);
    enough.next_multiple_of(scales.max(1))
}

/// Equal shares of the anchors for a network's outputs, given the stride of each in their order: the smaller anchors to
/// the smaller strides. Where the shares cannot be equal, the finest grids get one more.
pub fn assign_to_scales(anchors: &[[f64; 2]], strides: &[usize]) -> Vec<Vec<[f32; 2]>> {
    let mut sorted = anchors.to_vec();
    sorted.sort_by(|a, b| (a[0] * a[1]).total_cmp(&(b[0] * b[1])));
    let mut finest_first: Vec<usize> = (0..strides.len()).collect();
    finest_first.sort_by_key(|output| strides[*output]);
    let mut shares = vec![Vec::new(); strides.len()];
    let mut rest = sorted.into_iter();
    for (done, output) in finest_first.into_iter().enumerate() {
        let share = rest.len().div_ceil(strides.len() - done);
        shares[output] = rest.by_ref().take(share).map(|[width, height]| [width as f32, height as f32]).collect();
    }
    shares
}
