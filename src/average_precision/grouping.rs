//! Records in the order of class and picture, and back in runs of one picture.

use super::{Comparison, Prediction, Truth};
use std::ops::Range;

/// Truths and predictions of a comparison, class by class, and within a class picture by picture.
pub(super) struct Grouping<'a> {
    comparison: &'a Comparison<'a>,
    truths: Grouped,
    predictions: Grouped,
}

/// One class: indices of its truths and predictions by picture, those of one picture in the order of the file.
#[derive(Clone, Copy)]
pub(super) struct Class<'a> {
    comparison: &'a Comparison<'a>,
    truths: &'a [u32],
    predictions: &'a [u32],
}

/// What one picture has of one class; at least one of both is not empty.
pub(super) struct Cell<'a> {
    /// The picture.
    pub image: u32,
    /// Indices of its truths.
    pub truths: &'a [u32],
    /// Indices of its predictions.
    pub predictions: &'a [u32],
}

struct Grouped {
    order: Vec<u32>,
    classes: Vec<Range<usize>>,
}

impl<'a> Grouping<'a> {
    /// Groups a comparison. With `pooled` all classes are one, whose records come by class within a picture.
    pub fn new(comparison: &'a Comparison<'a>, pooled: bool) -> Self {
        let (images, classes) = (comparison.images, comparison.classes);
        let group = |count, image: &dyn Fn(u32) -> u32, class: &dyn Fn(u32) -> u32| {
            if pooled {
                let order = counting_sort(&file_order(count), classes, class).0;
                let (order, _) = counting_sort(&order, images, image);
                let all = 0..order.len();
                return Grouped { order, classes: std::iter::once(all).collect() };
            }
            let (order, _) = counting_sort(&file_order(count), images, image);
            let (order, starts) = counting_sort(&order, classes, class);
            Grouped { order, classes: starts.windows(2).map(|pair| pair[0]..pair[1]).collect() }
        };
        let (truths, predictions) = (comparison.truths, comparison.predictions);
        Self {
            comparison,
            truths: group(truths.len(), &|i| truths[i as usize].image, &|i| truths[i as usize].class),
            predictions: group(predictions.len(), &|i| predictions[i as usize].image, &|i| {
                predictions[i as usize].class
            }),
        }
    }

    /// The classes in their order; a single one if they are pooled.
    pub fn classes(&self) -> impl Iterator<Item = Class<'_>> {
        self.truths.classes.iter().zip(&self.predictions.classes).map(|(truths, predictions)| Class {
            comparison: self.comparison,
            truths: &self.truths.order[truths.clone()],
            predictions: &self.predictions.order[predictions.clone()],
        })
    }
}

impl<'a> Class<'a> {
    /// The pictures that have something of this class, in their order.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let Self { comparison, mut truths, mut predictions } = *self;
        let truth = move |index: u32| -> &Truth { &comparison.truths[index as usize] };
        let prediction = move |index: u32| -> &Prediction { &comparison.predictions[index as usize] };
        std::iter::from_fn(move || {
            let first = truths.first().map(|index| truth(*index).image);
            let image = first.into_iter().chain(predictions.first().map(|index| prediction(*index).image)).min()?;
            let of_image = truths.iter().take_while(|index| truth(**index).image == image).count();
            let (truths_here, rest) = truths.split_at(of_image);
            truths = rest;
            let of_image = predictions.iter().take_while(|index| prediction(**index).image == image).count();
            let (predictions_here, rest) = predictions.split_at(of_image);
            predictions = rest;
            Some(Cell { image, truths: truths_here, predictions: predictions_here })
        })
    }

    /// How many predictions there are.
    pub fn prediction_count(&self) -> usize {
        self.predictions.len()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "records are indexed by u32 throughout")]
fn file_order(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}

/// `order` sorted by `key` (below `keys`), equals as they stood; with the start of each key's run, and the end.
#[expect(clippy::cast_possible_truncation, reason = "records are indexed by u32 throughout")]
fn counting_sort(order: &[u32], keys: usize, key: &dyn Fn(u32) -> u32) -> (Vec<u32>, Vec<usize>) {
    let mut starts = vec![0; keys + 1];
    for &index in order {
        starts[key(index) as usize + 1] += 1;
    }
    for key in 0..keys {
        starts[key + 1] += starts[key];
    }
    let mut next: Vec<u32> = starts.iter().map(|start| *start as u32).collect();
    let mut sorted = vec![0; order.len()];
    for &index in order {
        let place = &mut next[key(index) as usize];
        sorted[*place as usize] = index;
        *place += 1;
    }
    (sorted, starts)
}
