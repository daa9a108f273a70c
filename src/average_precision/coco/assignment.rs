use super::super::grouping::Grouping;
use super::super::matching::Matcher;
use super::super::{Comparison, falling};

/// Which truth each prediction is matched with at one IoU threshold, as COCO matches; `None` where there is none, or
/// where the prediction is not among the `limit` surest of its picture and class. `pooled`: classes do not matter.
///
/// A prediction that is matched with a crowd or an ignored truth is neither right nor wrong.
pub fn assign(comparison: &Comparison, iou: f64, limit: usize, pooled: bool) -> Vec<Option<u32>> {
    let mut assigned = vec![None; comparison.predictions.len()];
    let mut matcher = Matcher::default();
    let mut surest = Vec::new();
    for class in Grouping::new(comparison, pooled).classes() {
        for cell in class.cells().filter(|cell| !cell.truths.is_empty()) {
            take_surest(comparison, cell.predictions, limit, &mut surest);
            matcher.load(comparison, cell.truths, &surest);
            let truths = cell.truths.iter().map(|index| &comparison.truths[*index as usize]);
            matcher.set_ignored(truths.map(|truth| truth.crowd || truth.ignore));
            matcher.run(iou, |prediction, truth, _| {
                assigned[surest[prediction] as usize] = Some(cell.truths[truth]);
            });
        }
    }
    assigned
}

/// The predictions of a picture and class by falling score, those of equal score as they come, cut at `limit`.
pub(super) fn take_surest(comparison: &Comparison, predictions: &[u32], limit: usize, surest: &mut Vec<u32>) {
    surest.clear();
    surest.extend_from_slice(predictions);
    let score = |index: &u32| comparison.predictions[*index as usize].score;
    surest.sort_by(|a, b| falling(score(a), score(b)));
    surest.truncate(limit);
}
