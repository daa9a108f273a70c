//! Every picture is decoded, and compared with what the data set says of it.

use super::build::place;
use super::{Dataset, Fault, Findings};
use crate::picture::{self, Limits};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is wrong with a picture, with the reason or the true size.
type Trouble = (Fault, String);

/// Decodes every picture, on all cores, and gives what [`open`](super::open()) found together with what the pictures
/// show: files that are gone or no readable pictures, sizes that contradict the data set's. `progress` is told the
/// number of pictures done.
pub fn check(dataset: &Dataset, progress: &(dyn Fn(usize) + Sync)) -> Findings {
    let mut findings = dataset.findings.clone();
    // Opening says this of pictures whose size it needed; here all have their turn.
    findings.remove(Fault::UnreadablePicture);
    for (index, (fault, reason)) in troubles(dataset, progress) {
        if let Some(path) = dataset.images.get(index).and_then(|image| image.path.as_deref()) {
            findings.add(fault, || place(path, index, Some(&reason)));
        }
    }
    findings
}

/// The troubles by rising index of the picture.
fn troubles(dataset: &Dataset, progress: &(dyn Fn(usize) + Sync)) -> Vec<(usize, Trouble)> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut found = Vec::new();
        while let Some((index, image)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            dataset.images.get(index).map(|image| (index, image))
        } {
            let trouble = image.path.as_deref().and_then(|path| trouble(path, image.size));
            found.extend(trouble.map(|trouble| (index, trouble)));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
        found
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut found: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    });
    found.sort_by_key(|(index, _)| *index);
    found
}

fn trouble(path: &Path, declared: Option<(u32, u32)>) -> Option<Trouble> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Some((Fault::MissingPicture, error.to_string())),
    };
    match picture::decode(&bytes, &Limits::default()) {
        Err(error) => Some((Fault::UnreadablePicture, error.to_string())),
        Ok(picture) => {
            let (width, height) = picture.image.dimensions();
            let (said_width, said_height) = declared.filter(|said| *said != (width, height))?;
            Some((Fault::SizeMismatch, format!("{said_width} × {said_height} said, {width} × {height} true")))
        }
    }
}
