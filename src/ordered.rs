//! Work shared among threads, with results in the order of the items.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Works on every item with at most `workers` threads, and hands each result to `tell` on the calling thread, with the
/// item's index, in the order of the items.
///
/// # Errors
/// The first one of `tell`; no new item is begun after it.
pub fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    workers: usize,
    work: impl Fn(&T) -> R + Sync,
    mut tell: impl FnMut(usize, R) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    // Of no capacity: a worker waits until its result is told, so that few are in memory.
    let (sender, receiver) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, items.len().max(1)) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    if sender.send((index, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut told = 0;
        for (index, result) in receiver {
            early.insert(index, result);
            while let Some(result) = early.remove(&told) {
                tell(told, result)?;
                told += 1;
            }
        }
        Ok(())
    })
}
