//! What a person sees of a training.

use super::tell;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ocelli_training::train::{Event, Metric, StepDone};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Distance of plain lines where there is no terminal.
const PLAIN: Duration = Duration::from_secs(10);

/// A bar on a terminal, plain lines elsewhere.
pub struct Display {
    bar: Option<ProgressBar>,
    last: Option<Instant>,
}

impl Display {
    /// Nothing is shown yet.
    pub fn new() -> anyhow::Result<Self> {
        if !std::io::stderr().is_terminal() {
            return Ok(Self { bar: None, last: None });
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}")?);
        Ok(Self { bar: Some(bar), last: None })
    }

    /// Shows an event.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Step(step) => self.step(step),
            Event::Evaluating { done, of } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("evaluating, {done} of {of} pictures"));
                }
            }
            Event::Evaluation { step, metrics, best } => {
                let star = if *best { "  (the best so far)" } else { "" };
                self.line(&format!("step {step}: {}{star}", figures(metrics)));
            }
            Event::Checkpoint { .. } => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn step(&mut self, done: &StepDone) {
        let parts: Vec<String> = done.parts.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
        let StepDone { step, steps, epoch, loss, rate, samples_per_second, .. } = done;
        let mut message = format!("epoch {epoch:.1}  loss {loss:.2} ({})  rate {rate:.1e}", parts.join(", "));
        // Before the second step nothing is known of the speed.
        if let Ok(left) = Duration::try_from_secs_f64(done.seconds_left) {
            message = format!("{message}  {samples_per_second:.1} pictures/s  {} left", HumanDuration(left));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(*steps as u64);
            bar.set_position(*step as u64);
            bar.set_message(message);
        } else if step == steps || self.last.is_none_or(|last| last.elapsed() >= PLAIN) {
            self.last = Some(Instant::now());
            tell(&format!("step {step}/{steps}  {message}"));
        }
    }

    /// A line that stays.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => tell(text),
        }
    }
}

/// Metrics in one line.
pub fn figures(metrics: &[Metric]) -> String {
    let figure = |metric: &Metric| match metric.value {
        Some(value) => format!("{} {value:.3}", metric.name),
        None => format!("{} –", metric.name),
    };
    metrics.iter().map(figure).collect::<Vec<_>>().join("  ")
}

/// A bar over `count` pictures that are read; it shows on terminals alone.
pub fn pictures(count: usize) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} pictures read")?;
    Ok(ProgressBar::new(count as u64).with_style(style))
}
