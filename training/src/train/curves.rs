//! A training's log as pictures.

use super::LogError;
use crate::weights::write_whole;
use ocelli::plot::{Axis, Curves, Ink, Key, Series};
use serde_json::Value;
use std::path::Path;

/// Most points of a curve; what lies between is averaged.
const POINTS: usize = 300;

/// Draws `loss.svg`, `rate.svg`, `gradient.svg`, `speed.svg` and `metrics.svg` from a log's lines into a
/// folder.
///
/// # Errors
/// [`LogError`] naming the picture that could not be written.
pub fn draw(lines: &[Value], folder: &Path) -> Result<(), LogError> {
    let steps: Vec<&Value> = lines.iter().filter(|line| line["event"] == "step").collect();
    let figures = [
        ("loss.svg", figure("Loss", "loss, averaged", loss_series(&steps))),
        ("rate.svg", figure("Learning rate", "learning rate", vec![field(&steps, "rate", "learning rate", 0)])),
        ("gradient.svg", figure("Gradient", "norm before clipping", vec![field(&steps, "norm", "norm", 0)])),
        ("speed.svg", figure("Speed", "samples a second", vec![field(&steps, "samples_per_second", "speed", 0)])),
        ("metrics.svg", figure("Held-out data", "metric", metric_series(lines))),
    ];
    for (name, curves) in figures {
        let path = folder.join(name);
        write_whole(&path, curves.svg().as_bytes()).map_err(|e| LogError { path, reason: e.to_string() })?;
    }
    Ok(())
}

fn figure(title: &str, y: &str, series: Vec<Series>) -> Curves {
    let key = if series.len() > 1 { Key::AtEnds } else { Key::Below };
    Curves { title: title.into(), x: Axis::new("steps"), y: Axis::new(y), series, markers: Vec::new(), key }
}

/// A number of each step's line.
fn field(steps: &[&Value], key: &str, label: &str, ink: usize) -> Series {
    let points = steps.iter().filter_map(|line| Some((line["step"].as_f64()?, line[key].as_f64()?)));
    Series::new(label, thinned(&points.collect::<Vec<_>>()), Ink::Palette(ink))
}

/// The loss and its parts.
fn loss_series(steps: &[&Value]) -> Vec<Series> {
    let mut series = vec![field(steps, "loss", "loss", 0)];
    series[0].ink = Ink::Text;
    let names = steps.first().and_then(|line| line["parts"].as_array()).into_iter().flatten();
    for (index, name) in names.filter_map(|part| part[0].as_str()).enumerate() {
        let value = |line: &Value| Some((line["step"].as_f64()?, line["parts"][index][1].as_f64()?));
        let points: Vec<(f64, f64)> = steps.iter().filter_map(|line| value(line)).collect();
        series.push(Series::new(name, thinned(&points), Ink::Palette(index)));
    }
    series
}

/// One curve a metric.
fn metric_series(lines: &[Value]) -> Vec<Series> {
    let evaluations: Vec<&Value> = lines.iter().filter(|line| line["event"] == "evaluation").collect();
    let names = evaluations.first().and_then(|line| line["metrics"].as_array()).into_iter().flatten();
    let curve = |(index, metric): (usize, &Value)| {
        let value = |line: &&Value| Some((line["step"].as_f64()?, line["metrics"][index]["value"].as_f64()?));
        let points = evaluations.iter().filter_map(value).collect();
        let ink = if index == 0 { Ink::Text } else { Ink::Palette(index - 1) };
        let mut series = Series::new(metric["name"].as_str().unwrap_or_default(), points, ink);
        series.dots = true;
        series
    };
    names.enumerate().map(curve).collect()
}

/// Means of equal stretches.
#[expect(clippy::cast_precision_loss, reason = "few points")]
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stretch = points.len().div_ceil(POINTS).max(1);
    let mean = |chunk: &[(f64, f64)]| {
        let sum = chunk.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / chunk.len() as f64, sum.1 / chunk.len() as f64)
    };
    points.chunks(stretch).map(mean).collect()
}
