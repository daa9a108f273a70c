//! How much each rounding loses, measured at the network's outputs.

use super::QuantizeError;
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
    let probed: Vec<Vec<String>> =
        groups(network).into_iter().filter(|values| !values.contains(&network.image)).collect();
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
        let result = node.output.first().cloned().unwrap_or_default();
        graph.node.push(node);
        let (Some(grid), Some(group)) = (grids.get(&result), group(&result)) else { continue };
        let gain = part(&group[0], "gain");
        let [scale, zero] = ["scale", "zero"].map(|name| part(&result, name));
        graph.initializer.push(TensorValue::floats(&scale, vec![], &[grid.scale]));
        graph.initializer.push(TensorValue::raw(&zero, vec![], UINT8, vec![grid.zero_point]));
        let mut add = |op_type: &str, operands: &[&str], output: &str| {
            let operands = operands.iter().map(|operand| match *operand {
                "value" => result.clone(),
                "gain" => gain.clone(),
                own => part(&result, own),
            });
            graph.node.push(Node::new(op_type, operands.collect(), &part(&result, output), vec![]));
        };
        add("QuantizeLinear", &["value", "scale", "zero"], "integers");
        add("DequantizeLinear", &["integers", "scale", "zero"], "rounded");
        add("Sub", &["rounded", "value"], "error");
        add("Mul", &["error", "gain"], "share");
        add("Add", &["value", "share"], "mixed");
    }
    graph
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

/// The largest of the outputs' Σ (exact − rounded)² / Σ exact².
fn noise(exact: &NamedTensors, rounded: &NamedTensors) -> f64 {
    let pairs = exact.iter().zip(rounded).filter_map(|((_, a), (_, b))| Some((a.as_f32()?, b.as_f32()?)));
    let ratios = pairs.map(|(exact, rounded)| {
        let squares = exact.iter().zip(rounded).fold([0.0, f64::MIN_POSITIVE], |[noise, signal], (a, b)| {
            [noise + f64::from(a - b).powi(2), signal + f64::from(*a).powi(2)]
        });
        squares[0] / squares[1]
    });
    ratios.fold(0.0, f64::max)
}
