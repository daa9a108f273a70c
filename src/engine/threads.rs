//! The threads that share the work of a run.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Threads that wait for work. One run at a time has all of them: two runs at once would only take one another's caches.
/// A team of one has no thread of its own: whoever calls does the work, and callers do not wait for one another.
pub(crate) struct Team {
    pool: rayon::ThreadPool,
    turn: Mutex<()>,
}

impl Team {
    /// Starts the threads; each on a processor of its own if `pin` says so.
    ///
    /// # Errors
    /// What the system says when it refuses threads.
    pub(crate) fn new(threads: NonZeroUsize, pin: bool) -> Result<Self, String> {
        let cores = if pin { core_affinity::get_core_ids().unwrap_or_default() } else { Vec::new() };
        let start = move |index: usize| {
            if let Some(core) = cores.get(index % cores.len().max(1)) {
                core_affinity::set_for_current(*core);
            }
        };
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).start_handler(start);
        let pool = builder.thread_name(|index| format!("ocelli-native-{index}")).build().map_err(|e| e.to_string())?;
        Ok(Self { pool, turn: Mutex::new(()) })
    }

    /// How many there are.
    pub(crate) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Waits until no other run has the threads, and keeps them until what it gives is dropped.
    pub(crate) fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        (self.threads() > 1).then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has every thread call `work` with its number, and waits until all are done.
    pub(crate) fn run(&self, work: impl Fn(usize) + Sync) {
        if self.threads() == 1 {
            work(0);
        } else {
            self.pool.broadcast(|context| work(context.index()));
        }
    }

    /// Runs a function within the pool, whose threads its parallel iterators use.
    pub(crate) fn install<R: Send>(&self, function: impl FnOnce() -> R + Send) -> R {
        self.pool.install(function)
    }
}

/// The items of a step, in equal shares: a thread does its own first, one after another, then helps with the others'.
pub(crate) struct Shares {
    items: usize,
    next: Vec<AtomicUsize>,
}

impl Shares {
    pub(crate) fn new(items: usize, threads: usize) -> Self {
        Self { items, next: (0..threads).map(|thread| AtomicUsize::new(items * thread / threads)).collect() }
    }

    /// The next item for a thread; each is given out once.
    pub(crate) fn take(&self, thread: usize) -> Option<usize> {
        let threads = self.next.len();
        (0..threads).map(|distance| (thread + distance) % threads).find_map(|owner| {
            let end = self.items * (owner + 1) / threads;
            // Looked at first: what is used up would otherwise be counted on for ever.
            let left = self.next[owner].load(Ordering::Relaxed) < end;
            left.then(|| self.next[owner].fetch_add(1, Ordering::Relaxed)).filter(|item| *item < end)
        })
    }
}

/// Where the threads of a run wait for one another between steps.
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
}

/// Turns of waiting before a thread lets others have its processor, which it asks for back at once: a step is often shorter
/// than the system needs to wake a thread. Where other programs work too, more turns are time lost to all: two programs
/// that ran yolo-fastest-1.1-xl on the same two processors took 12 s in place of 20 to 73 with a thousand in place of 20,000,
/// and 9 to 14 with a hundred. Alone, all three take the same.
const TURNS: u32 = 100;

impl Barrier {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0) }
    }

    /// Returns when all threads have called it as often as this one: `round` times, the first being 1.
    pub(crate) fn wait(&self, round: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        let mut turns = 0;
        while self.arrived.load(Ordering::Acquire) < round * self.threads {
            turns += 1;
            if turns < TURNS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}
