use super::{Prediction, Truth};
use crate::geometry::BBox;
use std::ops::Range;

/// Truths and predictions of the same pictures, sorted once for all that is measured of them.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// Number of pictures.
    pub images: usize,
    /// What is there, in the order of its file.
    pub truths: &'a [Truth],
    /// What is said to be there, in the order of its file.
    pub predictions: &'a [Prediction],
    classes: usize,
    pooled: bool,
    ranking: Vec<u32>,
    ranking_by_class: Grouped,
    truth_cells: Grouped,
    prediction_cells: Grouped,
    truth_images: Vec<u32>,
    prediction_images: Vec<u32>,
    /// Boxes in the order of `truth_cells` and `prediction_cells`, so that they are read one after another.
    truth_boxes: Vec<BBox>,
    prediction_boxes: Vec<BBox>,
    /// Scores in the order of `ranking_by_class`.
    scores: Vec<f64>,
}

/// One class of a comparison.
#[derive(Clone, Copy)]
pub(super) struct Class<'a> {
    comparison: &'a Comparison<'a>,
    truths: &'a [u32],
    predictions: &'a [u32],
    truth_boxes: &'a [BBox],
    prediction_boxes: &'a [BBox],
    /// Its predictions by falling score; those of equal score in the order of the file.
    pub ranking: &'a [u32],
    /// Their scores.
    pub scores: &'a [f64],
}

/// What one picture has of one class; at least one of both is not empty.
pub(super) struct Cell<'a> {
    /// Indices of its truths, in the order of the file.
    pub truths: &'a [u32],
    /// Indices of its predictions by falling score; those of equal score in the order of the file.
    pub predictions: &'a [u32],
    /// Boxes of the truths.
    pub truth_boxes: &'a [BBox],
    /// Boxes of the predictions.
    pub boxes: &'a [BBox],
}

/// Indices class by class, and where each class begins and ends.
#[derive(Debug, Clone)]
struct Grouped {
    order: Vec<u32>,
    classes: Vec<Range<usize>>,
}

impl<'a> Comparison<'a> {
    /// Indices of pictures and classes are below `images` and `classes`. With `pooled` classes do not matter: all are one.
    pub fn new(
        images: usize,
        classes: usize,
        truths: &'a [Truth],
        predictions: &'a [Prediction],
        pooled: bool,
    ) -> Self {
        let ranking = ranking(predictions, pooled);
        // Read again and again out of order: they are to stay in the cache.
        let truth_images: Vec<u32> = truths.iter().map(|truth| truth.image).collect();
        let truth_classes: Vec<u32> = truths.iter().map(|truth| truth.class).collect();
        let prediction_images: Vec<u32> = predictions.iter().map(|prediction| prediction.image).collect();
        let prediction_classes: Vec<u32> = predictions.iter().map(|prediction| prediction.class).collect();
        let by_class = |order: &[u32], keys: &[u32]| match pooled {
            true => Grouped { order: order.to_vec(), classes: std::iter::once(0..order.len()).collect() },
            false => Grouped::new(order, classes, keys),
        };
        // COCO takes the truths of pooled classes class by class.
        let mut truth_order = file_order(truths.len());
        if pooled {
            truth_order = Grouped::new(&truth_order, classes, &truth_classes).order;
        }
        let truths_by_image = Grouped::new(&truth_order, images, &truth_images).order;
        let predictions_by_image = Grouped::new(&ranking, images, &prediction_images).order;
        let ranking_by_class = by_class(&ranking, &prediction_classes);
        let truth_cells = by_class(&truths_by_image, &truth_classes);
        let prediction_cells = by_class(&predictions_by_image, &prediction_classes);
        Self {
            images,
            truths,
            predictions,
            classes,
            pooled,
            truth_boxes: truth_cells.order.iter().map(|index| truths[*index as usize].bbox).collect(),
            prediction_boxes: prediction_cells.order.iter().map(|index| predictions[*index as usize].bbox).collect(),
            scores: ranking_by_class.order.iter().map(|index| predictions[*index as usize].score).collect(),
            ranking_by_class,
            truth_cells,
            prediction_cells,
            truth_images,
            prediction_images,
            ranking,
        }
    }

    /// The same predictions, compared with other truths.
    pub(super) fn with_truths<'b>(&self, truths: &'b [Truth]) -> Comparison<'b>
    where
        'a: 'b,
    {
        Comparison::new(self.images, self.classes, truths, self.predictions, self.pooled)
    }

    /// The picture of a prediction.
    pub(super) fn image_of(&self, prediction: u32) -> u32 {
        self.prediction_images[prediction as usize]
    }

    /// Number of classes; 1 where they do not matter.
    pub fn class_count(&self) -> usize {
        if self.pooled { 1 } else { self.classes }
    }

    /// The class as which a class counts: 0 where they do not matter.
    pub fn row(&self, class: u32) -> usize {
        if self.pooled { 0 } else { class as usize }
    }

    /// Indices of all predictions by falling score.
    pub fn ranking(&self) -> &[u32] {
        &self.ranking
    }

    /// Indices of a class's predictions by falling score, with the scores; those of equal score in the order of the file.
    pub fn class_ranking(&self, class: usize) -> impl Iterator<Item = (u32, f64)> {
        let scores = self.ranking_by_class.classes.get(class).map_or(&[][..], |range| &self.scores[range.clone()]);
        self.ranking_by_class.get(class).iter().copied().zip(scores.iter().copied())
    }

    /// The classes in their order.
    pub(super) fn classes(&self) -> impl Iterator<Item = Class<'_>> {
        (0..self.class_count()).map(|class| Class {
            comparison: self,
            truths: self.truth_cells.get(class),
            predictions: self.prediction_cells.get(class),
            truth_boxes: &self.truth_boxes[self.truth_cells.classes[class].clone()],
            prediction_boxes: &self.prediction_boxes[self.prediction_cells.classes[class].clone()],
            ranking: self.ranking_by_class.get(class),
            scores: &self.scores[self.ranking_by_class.classes[class].clone()],
        })
    }
}

impl<'a> Class<'a> {
    /// The pictures that have something of this class, in their order.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let mut rest = *self;
        std::iter::from_fn(move || {
            let next = rest.truths.first().map(|index| rest.truth_image(*index)).into_iter();
            let image = next.chain(rest.predictions.first().map(|index| rest.prediction_image(*index))).min()?;
            Some(rest.take_cell(image))
        })
    }

    /// The pictures that have truths of this class, in their order: far fewer than those with predictions.
    pub fn cells_with_truths(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let mut rest = *self;
        std::iter::from_fn(move || {
            let image = rest.truth_image(*rest.truths.first()?);
            let before = rest.predictions.partition_point(|index| rest.prediction_image(*index) < image);
            (rest.predictions, rest.prediction_boxes) = (&rest.predictions[before..], &rest.prediction_boxes[before..]);
            Some(rest.take_cell(image))
        })
    }

    fn truth_image(&self, index: u32) -> u32 {
        self.comparison.truth_images[index as usize]
    }

    fn prediction_image(&self, index: u32) -> u32 {
        self.comparison.prediction_images[index as usize]
    }

    /// Takes what stands at the beginning and is of this picture.
    fn take_cell(&mut self, image: u32) -> Cell<'a> {
        let truths = self.truths.iter().take_while(|index| self.truth_image(**index) == image).count();
        let predictions = self.predictions.iter().take_while(|index| self.prediction_image(**index) == image).count();
        let cell = Cell {
            truths: &self.truths[..truths],
            predictions: &self.predictions[..predictions],
            truth_boxes: &self.truth_boxes[..truths],
            boxes: &self.prediction_boxes[..predictions],
        };
        (self.truths, self.truth_boxes) = (&self.truths[truths..], &self.truth_boxes[truths..]);
        self.predictions = &self.predictions[predictions..];
        self.prediction_boxes = &self.prediction_boxes[predictions..];
        cell
    }
}

impl Grouped {
    /// `order` sorted by the class of each (below `classes`), equals as they stood: a counting sort.
    #[expect(clippy::cast_possible_truncation, reason = "records are indexed by u32 throughout")]
    fn new(order: &[u32], classes: usize, class: &[u32]) -> Self {
        let mut starts = vec![0; classes + 1];
        for class in class {
            starts[*class as usize + 1] += 1;
        }
        for class in 0..classes {
            starts[class + 1] += starts[class];
        }
        let mut next: Vec<u32> = starts.iter().map(|start| *start as u32).collect();
        let mut sorted = vec![0; order.len()];
        for &index in order {
            let place = &mut next[class[index as usize] as usize];
            sorted[*place as usize] = index;
            *place += 1;
        }
        Self { order: sorted, classes: starts.windows(2).map(|pair| pair[0]..pair[1]).collect() }
    }

    fn get(&self, class: usize) -> &[u32] {
        self.classes.get(class).map_or(&[], |range| &self.order[range.clone()])
    }
}

/// Predictions by falling score; equals class by class if they are pooled, and in the order of the file.
fn ranking(predictions: &[Prediction], pooled: bool) -> Vec<u32> {
    let key = |(prediction, index): (&Prediction, u32)| {
        // Bits that are ordered as the numbers are, once the sign is seen to; the sum makes −0 the same as 0.
        let bits = (prediction.score + 0.0).to_bits();
        let rising = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
        (!rising, if pooled { prediction.class } else { 0 }, index)
    };
    let mut keys: Vec<(u64, u32, u32)> = predictions.iter().zip(0..).map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(.., index)| index).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "records are indexed by u32 throughout")]
fn file_order(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}
