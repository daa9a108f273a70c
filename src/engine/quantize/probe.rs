//! How much each rounding loses, measured at the network's outputs.

use super::QuantizeError;
use super::grid::Grid;
use super::network::Network;
use super::plan::{Grids, groups};
use crate::engine::{Engine, Runtime};
use crate::onnx::{Extent, Graph, Model, Node, TensorValue, UINT8, ValueInfo};
use crate::tensor::{NamedTensors, Tensor};

/// Pictures that are looked at.
pub(super) const PICTURES: usize = 2;

/// The groups of values that share a grid, and what is lost at the outputs when one of them alone is rounded: the sum over
/// the pictures of the largest Σ (exact − rounded)² / Σ exact². `progress` gets what is done of what.
pub(super) fn losses(
    model: &Model,
    network: &Network,
    grids: &Grids,
    runtime: &Runtime,
    pictures: &[Tensor],
    progress: &dyn Fn(usize, usize),
) -> Result<Vec<(Vec<String>, f64)>, QuantizeError> {
    // Not the image, nor what no node makes, nor what has no grid.
    let is_probed = |value: &String| network.maker(value).is_some() && grids.contains_key(value);
    let probed: Vec<Vec<String>> = groups(network).into_iter().filter(|values| values.iter().all(is_probed)).collect();
    let graph = graph(network, grids, &probed);
    let engine = runtime.load(&Model { graph: Some(graph), ..model.clone() }.to_bytes(), &[])?;
    let mut losses = vec![0.0; probed.len()];
    for (done, picture) in pictures.iter().enumerate() {
        let exact = run(engine.as_ref(), picture, None, probed.len())?;
        for (index, loss) in losses.iter_mut().enumerate() {
            *loss += noise(&exact, &run(engine.as_ref(), picture, Some(index), probed.len())?);
            progress(done * probed.len() + index + 1, pictures.len() * probed.len());
        }
    }
    Ok(probed.into_iter().zip(losses).collect())
}

/// The float network, in which v + gain · (rounded v − v) stands for each probed value v: a gain of 1 rounds it. There is a
/// gain for each group of them.
fn graph(network: &Network, grids: &Grids, probed: &[Vec<String>]) -> Graph {
    let mut graph = network.graph.clone();
    let nodes = std::mem::take(&mut graph.node);
    for values in probed {
        graph.input.push(ValueInfo::floats(&part(&values[0], "gain"), &[Extent::Fixed(1)]));
    }
    let group = |value: &str| probed.iter().find(|values| values.iter().any(|other| other == value));
    for mut node in nodes {
        for name in &mut node.input {
            if group(name).is_some() {
                *name = part(name, "mixed");
            }
        }
        let results = node.output.clone();
        graph.node.push(node);
        for result in results {
            let (Some(grid), Some(group)) = (grids.get(&result), group(&result)) else { continue };
            add_rounding(&mut graph, &result, *grid, &part(&group[0], "gain"));
        }
    }
    graph
}

/// Adds the nodes that mix a value and its rounding.
fn add_rounding(graph: &mut Graph, value: &str, grid: Grid, gain: &str) {
    let [scale, zero] = ["scale", "zero"].map(|name| part(value, name));
    graph.initializer.push(TensorValue::floats(&scale, vec![], &[grid.scale]));
    graph.initializer.push(TensorValue::raw(&zero, vec![], UINT8, vec![grid.zero_point]));
    let mut add = |op_type: &str, operands: &[&str], output: &str| {
        let operands = operands.iter().map(|operand| match *operand {
            "value" => value.to_owned(),
            "gain" => gain.to_owned(),
            own => part(value, own),
        });
        graph.node.push(Node::new(op_type, operands.collect(), &part(value, output), vec![]));
    };
    add("QuantizeLinear", &["value", "scale", "zero"], "integers");
    add("DequantizeLinear", &["integers", "scale", "zero"], "rounded");
    add("Sub", &["rounded", "value"], "error");
    add("Mul", &["error", "gain"], "share");
    add("Add", &["value", "share"], "mixed");
}

fn part(value: &str, name: &str) -> String {
    format!("{value}.probe.{name}")
}

fn run(
    engine: &dyn Engine,
    picture: &Tensor,
    rounded: Option<usize>,
    count: usize,
) -> Result<NamedTensors, QuantizeError> {
    let gains = (0..count).map(|index| Tensor::filled(&[1], if rounded == Some(index) { 1.0 } else { 0.0 }));
    Ok(engine.run([picture.clone()].into_iter().chain(gains).collect())?)
}

/// The largest of the outputs' Σ (exact − rounded)² / Σ exact²; 1 for one in which something is no number.
fn noise(exact: &NamedTensors, rounded: &NamedTensors) -> f64 {
    let pairs = exact.iter().zip(rounded).filter_map(|((_, a), (_, b))| Some((a.as_f32()?, b.as_f32()?)));
    let ratios = pairs.map(|(exact, rounded)| {
        let [noise, signal] = exact.iter().zip(rounded).fold([0.0; 2], |[noise, signal], (a, b)| {
            [noise + f64::from(a - b).powi(2), signal + f64::from(*a).powi(2)]
        });
        // An output of zeros has no scale to measure noise by.
        if signal == 0.0 { 0.0 } else { Some(noise / signal).filter(|ratio| ratio.is_finite()).unwrap_or(1.0) }
    });
    ratios.fold(0.0, f64::max)
}
