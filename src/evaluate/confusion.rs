//! Which classes are taken for which.

use super::Confusion;
use super::outcomes::Outcomes;

/// The confusion matrix of predictions of more than `confidence`, for classes of these labels.
///
/// Matches within a class are the diagonal. What is left of both is matched whatever the class, by falling score, each
/// prediction with the free truth that it overlaps most.
pub(super) fn confusion(outcomes: &Outcomes, confidence: f64, labels: Vec<String>) -> Confusion {
    let comparison = outcomes.comparison;
    let truth = |index: u32| &comparison.truths[index as usize];
    let background = labels.len();
    let mut matrix = vec![vec![0; background + 1]; background + 1];
    let mut found = vec![false; comparison.truths.len()];
    let mut left = Vec::new();
    for outcome in outcomes.all().above(confidence) {
        match outcomes.truth_of(outcome) {
            None => left.push(outcome.prediction),
            Some(index) => {
                let class = comparison.row(truth(index).class);
                matrix[class][class] += 1;
                found[index as usize] = true;
            }
        }
    }
    let mut by_image = vec![Vec::new(); comparison.images];
    for ((truth, found), index) in comparison.truths.iter().zip(&found).zip(0..) {
        if truth.counts() && !found {
            by_image[truth.image as usize].push(index);
        }
    }
    for index in left {
        let prediction = &comparison.predictions[index as usize];
        let free: &mut Vec<u32> = &mut by_image[prediction.image as usize];
        let overlaps = free.iter().map(|index| prediction.bbox.iou(&truth(*index).bbox)).enumerate();
        let best = overlaps.filter(|(_, iou)| *iou >= outcomes.iou).max_by(|a, b| a.1.total_cmp(&b.1));
        let row = best.map_or(background, |(at, _)| comparison.row(truth(free.swap_remove(at)).class));
        matrix[row][comparison.row(prediction.class)] += 1;
    }
    for index in by_image.iter().flatten() {
        matrix[comparison.row(truth(*index).class)][background] += 1;
    }
    Confusion { confidence, iou: outcomes.iou, labels, matrix }
}
