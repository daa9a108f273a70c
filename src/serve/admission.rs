//! The bounded queue in front of the workers.

use super::error::Failure;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets in as many requests as there are workers and places to wait.
pub struct Admission {
    /// One permit for each place: waiting or working.
    places: Arc<Semaphore>,
    /// One permit for each worker.
    workers: Arc<Semaphore>,
    queue: usize,
}

/// A request's turn to work. The place is free again when this is dropped, which the worker does when it is done, even
/// if the client has gone.
pub struct Turn {
    /// How long the request waited.
    pub waited: Duration,
    _worker: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    /// `workers` requests at once, and `queue` more that wait.
    pub fn new(queue: usize, workers: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(queue + workers)), workers: Arc::new(Semaphore::new(workers)), queue }
    }

    /// Takes a place and waits for a worker; first come, first served. A future that is dropped leaves the queue.
    ///
    /// # Errors
    /// [`Failure::QueueFull`] at once if no place is free.
    pub async fn enter(&self) -> Result<Turn, Failure> {
        let arrived = Instant::now();
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Failure::QueueFull(self.queue))?;
        let worker = Arc::clone(&self.workers).acquire_owned().await;
        let worker = worker.map_err(|_| Failure::Unavailable("the server is stopping"))?;
        Ok(Turn { waited: arrived.elapsed(), _worker: worker, _place: place })
    }
}
