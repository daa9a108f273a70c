//! `ocelli bench --layers`: where the time of a network goes.

use super::bench::median;
use anyhow::{Context, ensure};
use ocelli::engine::{Engine, LayerTime};
use ocelli::plot::{Bar, Bars, Ink, Shape};
use ocelli::tensor::Tensor;
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// One layer; the order of the keys is that of the JSON.
#[derive(Serialize)]
pub struct Layer {
    name: String,
    kind: String,
    algorithm: String,
    shape: Vec<usize>,
    ms: f64,
    gflops: f64,
}

/// The layers in the order of the run, each with its median of `runs` runs after one that is not counted.
pub fn measure(engine: &dyn Engine, inputs: &[Tensor], runs: usize) -> anyhow::Result<Vec<Layer>> {
    engine.profile(inputs.to_vec())?;
    let taken: Vec<Vec<LayerTime>> = (0..runs).map(|_| engine.profile(inputs.to_vec())).collect::<Result<_, _>>()?;
    let first = taken.first().context("no run was measured")?;
    ensure!(taken.iter().all(|run| run.len() == first.len()), "the engine tells of other layers from run to run");
    let layer = |(index, layer): (usize, &LayerTime)| {
        let mut times: Vec<f64> = taken.iter().map(|run| run[index].ms).collect();
        times.sort_by(f64::total_cmp);
        let ms = median(&times);
        let LayerTime { name, kind, algorithm, shape, multiply_adds, .. } = layer.clone();
        let gflops = if ms > 0.0 { 2.0 * multiply_adds as f64 / 1e6 / ms } else { 0.0 };
        Layer { name, kind, algorithm, shape, ms, gflops }
    };
    Ok(first.iter().enumerate().map(layer).collect())
}

/// The table. `peak`: what the machine can do, in GFLOP/s; without it, what the best layer does.
pub fn print(layers: &[Layer], peak: Option<f64>, out: &mut impl Write) -> anyhow::Result<()> {
    let sum: f64 = layers.iter().map(|layer| layer.ms).sum();
    let best = layers.iter().map(|layer| layer.gflops).fold(0.0, f64::max);
    let (most, of) = peak.map_or((best, "of best"), |peak| (peak, "of peak"));
    let width = |text: fn(&Layer) -> usize, title: &str| layers.iter().map(text).max().unwrap_or(0).max(title.len());
    let name = width(|layer| layer.name.chars().count(), "layer");
    let kind = width(|layer| layer.kind.chars().count(), "kind");
    let algorithm = width(|layer| layer.algorithm.chars().count(), "algorithm");
    let shape = width(|layer| axes(layer).chars().count(), "output");
    writeln!(
        out,
        "{:name$}  {:kind$}  {:algorithm$}  {:shape$} {:>9} {:>9} {:>8} {of:>8}",
        "layer", "kind", "algorithm", "output", "ms", "GFLOP/s", "of time"
    )?;
    for layer in layers {
        let share =
            |part: f64, whole: f64| if whole > 0.0 { format!("{:.1} %", 100.0 * part / whole) } else { "–".into() };
        // A copy or a sum has no products to count.
        let (speed, of_most) = match layer.gflops > 0.0 {
            true => (format!("{:.1}", layer.gflops), share(layer.gflops, most)),
            false => ("–".into(), "–".into()),
        };
        writeln!(
            out,
            "{:name$}  {:kind$}  {:algorithm$}  {:shape$} {:>9.3} {speed:>9} {:>8} {of_most:>8}",
            layer.name,
            layer.kind,
            layer.algorithm,
            axes(layer),
            layer.ms,
            share(layer.ms, sum)
        )?;
    }
    let all: String = layers
        .iter()
        .map(|layer| layer.algorithm.as_str())
        .fold(Vec::new(), with_new)
        .iter()
        .map(|algorithm| {
            let ms: f64 = layers.iter().filter(|layer| layer.algorithm == *algorithm).map(|layer| layer.ms).sum();
            format!(", {algorithm} {ms:.3}")
        })
        .collect();
    writeln!(out, "{} layers, {sum:.3} ms{all}", layers.len())?;
    Ok(())
}

/// Writes a picture: a bar a layer, in the colour of its algorithm.
pub fn plot(model: &str, layers: &[Layer], path: &Path) -> anyhow::Result<()> {
    let algorithms: Vec<&str> = layers.iter().map(|layer| layer.algorithm.as_str()).fold(Vec::new(), with_new);
    let ink = |algorithm: &str| Ink::Palette(algorithms.iter().position(|known| *known == algorithm).unwrap_or(0));
    let bar = |layer: &Layer| Bar {
        label: format!("{} {}", layer.kind, axes(layer)),
        value: Some(layer.ms),
        interval: None,
        text: if layer.gflops > 0.0 {
            format!("{:.2} ms, {:.0} GFLOP/s", layer.ms, layer.gflops)
        } else {
            format!("{:.2} ms", layer.ms)
        },
        ink: ink(&layer.algorithm),
    };
    let figure = Bars {
        title: format!("{model}, layer by layer"),
        label: "milliseconds".into(),
        shape: Shape::Bar,
        range: None,
        bars: layers.iter().map(bar).collect(),
        key: algorithms.iter().map(|algorithm| ((*algorithm).to_owned(), ink(algorithm))).collect(),
    };
    std::fs::write(path, figure.svg()).with_context(|| path.display().to_string())
}

/// The distinct ones, in the order of their first.
fn with_new<'a>(mut known: Vec<&'a str>, next: &'a str) -> Vec<&'a str> {
    if !known.contains(&next) {
        known.push(next);
    }
    known
}

fn axes(layer: &Layer) -> String {
    layer.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")
}
