//! Which of the roundings before a leaky ReLU do most harm, measured at the network's outputs.
//!
//! Such a grid costs a rounding that nothing but onnxruntime needs: without it onnxruntime runs the convolution in float.
//! A few of them can lose more than all others together, and those are left out.

use super::QuantizeError;
use super::network::Network;
use super::plan::{Grids, is_summed};
use crate::engine::{Engine, Runtime};
use crate::onnx::{Extent, Graph, Model, Node, TensorValue, UINT8, ValueInfo};
use crate::tensor::{NamedTensors, Tensor};

/// Pictures that are looked at.
pub(super) const PICTURES: usize = 2;

/// A rounding is left out if it loses so many times as much as they do on average.
const WORST: f64 = 4.0;

/// The values whose grids lose most, of those that only a rectifier uses.
pub(super) fn worst(
    model: &Model,
    network: &Network,
    grids: &Grids,
    runtime: &Runtime,
    pictures: &[Tensor],
) -> Result<Vec<String>, QuantizeError> {
    let is_double = |value: &String| {
        let behind = network.rectifier(value).map(|(user, _)| &network.graph.node[user].output[0]);
        is_summed(network, value) && behind.is_some_and(|behind| grids.contains_key(behind))
    };
    let probed: Vec<&String> = grids.keys().filter(|value| is_double(value)).collect();
    if probed.is_empty() {
        return Ok(Vec::new());
    }
    let graph = graph(network, grids, &probed);
    let engine = runtime.load(&Model { graph: Some(graph), ..model.clone() }.to_bytes(), &[])?;
    let mut losses = vec![0.0; probed.len()];
    for picture in pictures {
        let exact = run(engine.as_ref(), picture, None, probed.len())?;
        for (index, loss) in losses.iter_mut().enumerate() {
            *loss += noise(&exact, &run(engine.as_ref(), picture, Some(index), probed.len())?);
        }
    }
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    let worst = probed.into_iter().zip(losses).filter(|(_, loss)| *loss > WORST * mean);
    Ok(worst.map(|(value, _)| value.clone()).collect())
}

/// The float network, in which v + gain · (rounded v − v) stands for each probed value v: a gain of 1 rounds it.
fn graph(network: &Network, grids: &Grids, probed: &[&String]) -> Graph {
    let mut graph = network.graph.clone();
    let nodes = std::mem::take(&mut graph.node);
    for value in probed {
        graph.input.push(ValueInfo::floats(&part(value, "gain"), &[Extent::Fixed(1)]));
    }
    for mut node in nodes {
        for name in &mut node.input {
            if probed.contains(&&*name) {
                *name = part(name, "mixed");
            }
        }
        let result = node.output.first().cloned().unwrap_or_default();
        graph.node.push(node);
        let Some(grid) = grids.get(&result).filter(|_| probed.contains(&&result)) else { continue };
        let [scale, zero] = ["scale", "zero"].map(|name| part(&result, name));
        graph.initializer.push(TensorValue::floats(&scale, vec![], &[grid.scale]));
        graph.initializer.push(TensorValue::raw(&zero, vec![], UINT8, vec![grid.zero_point]));
        let mut add = |op_type: &str, operands: &[&str], output: &str| {
            let operands = operands
                .iter()
                .map(|operand| if *operand == "value" { result.clone() } else { part(&result, operand) });
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
