use super::super::Comparison;
use super::super::matching::Matcher;

/// Which truth each prediction is matched with at one IoU threshold, as COCO matches; `None` where there is none, or
/// where the prediction is not among the `limit` surest of its picture and class.
///
/// A prediction that is matched with a crowd or an ignored truth is neither right nor wrong.
pub fn assign(comparison: &Comparison, iou: f64, limit: usize) -> Vec<Option<u32>> {
    let mut assigned = vec![None; comparison.predictions.len()];
    let mut matcher = Matcher::default();
    for class in comparison.classes() {
        for cell in class.cells_with_truths() {
            matcher.load(comparison, &cell, limit, iou);
            matcher.set_ignored(cell.truths.iter().map(|index| !comparison.truths[*index as usize].counts()));
            matcher.run(iou, |prediction, truth, _| {
                assigned[cell.predictions[prediction] as usize] = Some(cell.truths[truth]);
            });
        }
    }
    assigned
}
