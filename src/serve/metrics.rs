//! What Prometheus is told: Triton's counters under Triton's names, so that its dashboards and autoscalers work, and
//! this project's own histograms beside them.

use super::error::Failure;
use crate::detection::Timings;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};
use std::sync::Arc;
use std::time::Instant;

/// The one version of a model that there is.
const VERSION: &str = "1";

/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The counters, gauges and histograms.
pub struct Metrics {
    registry: Registry,
    success: IntCounterVec,
    failure: IntCounterVec,
    pictures: IntCounterVec,
    executions: IntCounterVec,
    pending: IntGaugeVec,
    durations: [IntCounterVec; 5],
    seconds: [HistogramVec; 3],
    responses: IntCounterVec,
}

impl Metrics {
    /// All of them at zero.
    ///
    /// # Errors
    /// If two metrics had one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let of_model = &["model", "version"];
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let duration = |step: &str, of: &str| {
            let (name, help) = (format!("nv_inference_{step}_duration_us"), format!("Microseconds of {of}, summed"));
            counter(&name, &help, of_model)
        };
        let seconds = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            register(&registry, HistogramVec::new(options, &["model"])?)
        };
        let pending =
            IntGaugeVec::new(Opts::new("nv_inference_pending_request_count", "Requests that wait or run"), of_model)?;
        Ok(Self {
            success: counter("nv_inference_request_success", "Requests answered", of_model)?,
            failure: counter(
                "nv_inference_request_failure",
                "Requests not answered, by reason",
                &["model", "version", "reason"],
            )?,
            pictures: counter("nv_inference_count", "Pictures looked at", of_model)?,
            executions: counter("nv_inference_exec_count", "Runs of the network", of_model)?,
            pending: register(&registry, pending)?,
            durations: [
                duration("request", "requests")?,
                duration("queue", "waiting for a worker")?,
                duration("compute_input", "decoding and resizing pictures")?,
                duration("compute_infer", "running networks")?,
                duration("compute_output", "decoding heads and suppression")?,
            ],
            seconds: [
                seconds("ocelli_request_seconds", "Seconds of a request that was answered")?,
                seconds("ocelli_queue_seconds", "Seconds of waiting for a worker")?,
                seconds("ocelli_inference_seconds", "Seconds of running the network on a picture")?,
            ],
            responses: counter("ocelli_http_responses_total", "Responses by status", &["status"])?,
            registry,
        })
    }

    /// The metrics in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// If a metric could not be encoded.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Counts a response of any route.
    pub fn count_response(&self, status: u16) {
        self.responses.with_label_values(&[&status.to_string()]).inc();
    }

    /// Shows a model's counters from the start, at zero: autoscalers look for them before the first request.
    pub fn announce(&self, model: &str) {
        let of_model = [model, VERSION];
        self.pending.with_label_values(&of_model).set(0);
        for counter in [&self.success, &self.pictures, &self.executions].into_iter().chain(&self.durations) {
            counter.with_label_values(&of_model).inc_by(0);
        }
    }

    /// Starts to follow a detection request.
    pub fn track(self: &Arc<Self>, model: &str) -> Tracker {
        self.pending.with_label_values(&[model, VERSION]).inc();
        Tracker { metrics: Arc::clone(self), model: model.into(), began: Instant::now(), ended: false }
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// Follows one request; if it is dropped without an end, the client has gone.
pub struct Tracker {
    metrics: Arc<Metrics>,
    model: String,
    began: Instant,
    ended: bool,
}

impl Tracker {
    /// The request was answered with these pictures' timings.
    pub fn succeed<'a>(mut self, pictures: impl Iterator<Item = &'a Timings>) {
        self.ended = true;
        let of_model = [self.model.as_str(), VERSION];
        let metrics = &self.metrics;
        metrics.success.with_label_values(&of_model).inc();
        let mut sums = [self.began.elapsed().as_secs_f64() * 1000.0, 0.0, 0.0, 0.0, 0.0];
        for timings in pictures {
            metrics.pictures.with_label_values(&of_model).inc();
            metrics.executions.with_label_values(&of_model).inc();
            // All pictures of a request wait together.
            sums[1] = timings.queue;
            sums[2] += timings.decode + timings.preprocess;
            sums[3] += timings.inference;
            sums[4] += timings.postprocess;
            metrics.seconds[2].with_label_values(&of_model[..1]).observe(timings.inference / 1000.0);
        }
        for (counter, milliseconds) in metrics.durations.iter().zip(sums) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration in microseconds")]
            counter.with_label_values(&of_model).inc_by((milliseconds * 1000.0) as u64);
        }
        metrics.seconds[0].with_label_values(&of_model[..1]).observe(sums[0] / 1000.0);
        metrics.seconds[1].with_label_values(&of_model[..1]).observe(sums[1] / 1000.0);
    }

    /// The request was not answered.
    pub fn fail(mut self, failure: &Failure) {
        self.ended = true;
        let reason = match failure {
            Failure::QueueFull(_) | Failure::Unavailable(_) | Failure::Deadline(_) => "REJECTED",
            Failure::Internal(_) => "BACKEND",
            _ => "OTHER",
        };
        self.count_failure(reason);
    }

    fn count_failure(&self, reason: &str) {
        self.metrics.failure.with_label_values(&[self.model.as_str(), VERSION, reason]).inc();
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.metrics.pending.with_label_values(&[self.model.as_str(), VERSION]).dec();
        if !self.ended {
            self.count_failure("CANCELED");
        }
    }
}
