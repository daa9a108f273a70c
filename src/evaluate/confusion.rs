//! Which classes are taken for which.

use super::Confusion;
use super::outcomes::Outcomes;
use crate::average_precision::Comparison;

/// The confusion matrix of predictions of more than `confidence`.
///
/// `classes` are the outcomes at `iou`, `assigned` the truth of each prediction: those matches are the diagonal. What is left
/// of both is matched whatever the class, by falling score, each prediction with the free truth that it overlaps most.
pub(super) fn confusion(
    comparison: &Comparison,
    (classes, assigned): (&[Outcomes], &[Option<u32>]),
    (confidence, iou): (f64, f64),
    labels: Vec<String>,
) -> Confusion {
    let background = labels.len();
    // Classes that do not matter are one.
    let row = |class: u32| (class as usize).min(background - 1);
    let mut matrix = vec![vec![0; background + 1]; background + 1];
    let mut free: Vec<bool> = comparison.truths.iter().map(|truth| !truth.crowd && !truth.ignore).collect();
    let mut left = Vec::new();
    for outcome in classes.iter().flat_map(|class| &class.rows).filter(|outcome| outcome.score > confidence) {
        match assigned[outcome.prediction as usize] {
            Some(truth) if outcome.right => {
                let class = row(comparison.truths[truth as usize].class);
                matrix[class][class] += 1;
                free[truth as usize] = false;
            }
            _ => left.push(*outcome),
        }
    }
    left.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut by_image = vec![Vec::new(); comparison.images];
    for (index, truth) in comparison.truths.iter().enumerate().filter(|(index, _)| free[*index]) {
        by_image[truth.image as usize].push(index);
    }
    for outcome in left {
        let prediction = &comparison.predictions[outcome.prediction as usize];
        let candidates = &mut by_image[prediction.image as usize];
        let overlaps = candidates.iter().map(|index| prediction.bbox.iou(&comparison.truths[*index].bbox));
        let best = overlaps.enumerate().filter(|(_, overlap)| *overlap >= iou).max_by(|a, b| a.1.total_cmp(&b.1));
        let truth = match best {
            Some((at, _)) => row(comparison.truths[candidates.swap_remove(at)].class),
            None => background,
        };
        matrix[truth][row(prediction.class)] += 1;
    }
    for truth in by_image.iter().flatten() {
        matrix[row(comparison.truths[*truth].class)][background] += 1;
    }
    Confusion { confidence, iou, labels, matrix }
}
