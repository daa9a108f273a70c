//! Which class of the data set a category id is, and whether the ids are of another numbering.

use crate::dataset::{Dataset, Fault, Format};
use std::collections::BTreeSet;

/// COCO's ids of its 80 classes leave out these of 1..=90.
const COCO_GAPS: [i64; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// Classes by category id.
pub(super) struct Categories {
    /// Sorted.
    known: Vec<(i64, usize)>,
    /// Whether an id of `known` was asked for.
    seen: Vec<bool>,
    /// Ids that were asked for and are not known.
    unknown: BTreeSet<i64>,
}

impl Categories {
    /// The data set's ids. Darknet writes COCO's ids for its own 80 classes.
    pub fn new(dataset: &Dataset) -> Self {
        let ids: Vec<i64> = if dataset.format == Format::Darknet && dataset.labels.len() == 80 {
            (1..=90).filter(|id| !COCO_GAPS.contains(id)).collect()
        } else {
            dataset.category_ids.clone()
        };
        let mut known: Vec<(i64, usize)> = ids.into_iter().zip(0..).collect();
        known.sort_unstable();
        Self { seen: vec![false; known.len()], known, unknown: BTreeSet::new() }
    }

    /// Index of the class of that id.
    #[inline]
    pub fn find(&mut self, id: i64) -> Option<usize> {
        let Ok(place) = self.known.binary_search_by_key(&id, |(known, _)| *known) else {
            self.unknown.insert(id);
            return None;
        };
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = true;
        }
        self.known.get(place).map(|(_, index)| *index)
    }

    /// What the unknown ids mean, now that all have been asked for: classes that the data set does not have, or a
    /// numbering that is not its own. The latter if all ids are indices from 0 or from 1 of as many classes, or if the
    /// data set numbers 80 classes without gaps and all ids are COCO's.
    pub fn verdict(&self) -> Fault {
        let count = self.known.len() as i64;
        let all = |test: &dyn Fn(i64) -> bool| {
            let seen = self.known.iter().zip(&self.seen).filter(|(_, seen)| **seen);
            seen.map(|((id, _), _)| *id).chain(self.unknown.iter().copied()).all(test)
        };
        let indices = all(&|id| (0..count).contains(&id)) || all(&|id| (1..=count).contains(&id));
        let gapless = self.known.iter().zip(self.known.iter().skip(1)).all(|(one, other)| other.0 - one.0 == 1);
        let coco = count == 80 && gapless && all(&|id| (1..=90).contains(&id) && !COCO_GAPS.contains(&id));
        if indices || coco { Fault::IndexAsCategory } else { Fault::UnknownClass }
    }
}
