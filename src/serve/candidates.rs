//! Candidates kept for a short while, so that thresholds can be tried without sending the picture again.

use crate::detection::DetectionReport;
use crate::detector::Candidates;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Candidates below this confidence are not kept.
pub const FLOOR: f32 = 0.01;

/// Most candidates kept of one picture, the surest ones.
const MOST_CANDIDATES: usize = 3000;

/// Most pictures whose candidates are kept; the oldest make room.
const MOST_PICTURES: usize = 64;

/// How long candidates are kept after they were last asked for.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What is kept of one picture: no pixels.
pub struct Kept {
    /// The boxes.
    pub candidates: Candidates,
    /// The answer that the picture got.
    pub report: DetectionReport,
}

/// The candidates of the latest pictures.
#[derive(Default)]
pub struct KeptCandidates(Mutex<HashMap<Uuid, (Instant, Arc<Kept>)>>);

impl KeptCandidates {
    /// Keeps candidates and names them.
    pub fn keep(&self, mut kept: Kept) -> Uuid {
        kept.candidates.boxes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        kept.candidates.boxes.truncate(MOST_CANDIDATES);
        let handle = Uuid::new_v4();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (used, _)| used.elapsed() < KEPT_FOR);
        if all.len() >= MOST_PICTURES {
            let oldest = all.iter().min_by_key(|(_, (used, _))| *used).map(|(handle, _)| *handle);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        all.insert(handle, (Instant::now(), Arc::new(kept)));
        handle
    }

    /// The candidates of that name, if they are still kept.
    pub fn get(&self, handle: Uuid) -> Option<Arc<Kept>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, kept) = all.get_mut(&handle).filter(|(used, _)| used.elapsed() < KEPT_FOR)?;
        *used = Instant::now();
        Some(Arc::clone(kept))
    }
}
