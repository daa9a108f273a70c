//! What a graph can do without: batch normalisation behind a convolution, and what nobody uses.

use ocelli::onnx::{FLOAT, Graph, Node, TensorValue};
use std::collections::{HashMap, HashSet};

/// Multiplies each batch normalisation that alone follows a convolution into the convolution's weights and bias, in f64.
pub(super) fn batch_norms(graph: &mut Graph) {
    let mut uses: HashMap<String, usize> = HashMap::new();
    let outputs = graph.output.iter().map(|output| &output.name);
    for name in graph.node.iter().flat_map(|node| &node.input).chain(outputs) {
        *uses.entry(name.clone()).or_default() += 1;
    }
    let makers: HashMap<String, usize> =
        graph.node.iter().enumerate().flat_map(|(i, node)| node.output.iter().map(move |o| (o.clone(), i))).collect();
    for index in 0..graph.node.len() {
        if graph.node[index].op_type != "BatchNormalization" {
            continue;
        }
        let input = graph.node[index].input[0].clone();
        let Some(&conv) = makers.get(&input) else { continue };
        if graph.node[conv].op_type == "Conv" && uses.get(&input) == Some(&1) {
            fold(graph, conv, index, &uses);
        }
    }
    graph.node.retain(|node| !node.op_type.is_empty());
}

/// The norm's node is left without an operator.
fn fold(graph: &mut Graph, conv: usize, norm: usize, uses: &HashMap<String, usize>) {
    let names = &graph.node[norm].input;
    let numbers = |name: &String| floats(graph.initializer.iter().find(|value| value.name == *name)?);
    let [Some(gamma), Some(beta), Some(mean), Some(variance)] =
        [1, 2, 3, 4].map(|place| names.get(place).and_then(numbers))
    else {
        return;
    };
    let weight_name = graph.node[conv].input[1].clone();
    let bias_name = graph.node[conv].input.get(2).cloned();
    let Some(weight) = graph.initializer.iter().find(|value| value.name == weight_name).cloned() else { return };
    let Some(mut weights) = floats(&weight) else { return };
    let bias = match &bias_name {
        Some(name) => numbers(name),
        None => Some(vec![0.0; gamma.len()]),
    };
    let Some(mut bias) = bias else { return };
    let epsilon = graph.node[norm].attribute.iter().find(|a| a.name == "epsilon").map_or(1e-5, |a| f64::from(a.f));
    let fan_in = weights.len() / gamma.len().max(1);
    for (filter, row) in weights.chunks_mut(fan_in.max(1)).enumerate() {
        let factor = gamma[filter] / (variance[filter] + epsilon).sqrt();
        row.iter_mut().for_each(|weight| *weight *= factor);
        bias[filter] = (bias[filter] - mean[filter]) * factor + beta[filter];
    }
    // A weight that another node uses too stays as it is.
    let weight_name = place(graph, &weight_name, uses);
    let bias_name = bias_name.unwrap_or_else(|| match weight_name.strip_suffix("weight") {
        Some(module) => format!("{module}bias"),
        None => format!("{weight_name}.bias"),
    });
    let bias_name = place(graph, &bias_name, uses);
    let single = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
    graph.initializer.push(TensorValue::floats(&weight_name, weight.dims, &single(&weights)));
    graph.initializer.push(TensorValue::floats(&bias_name, vec![bias.len() as i64], &single(&bias)));
    let normed = std::mem::take(&mut graph.node[norm]);
    let node = &mut graph.node[conv];
    node.input = vec![node.input[0].clone(), weight_name, bias_name];
    rename(graph, conv, &normed);
}

/// A name for what takes the place of a constant: its own if it had one user, a new one otherwise.
fn place(graph: &mut Graph, name: &str, uses: &HashMap<String, usize>) -> String {
    if uses.get(name).copied().unwrap_or(0) <= 1 {
        graph.initializer.retain(|value| value.name != name);
    }
    let mut free = name.to_owned();
    let mut count = 1;
    while graph.initializer.iter().any(|value| value.name == free) {
        count += 1;
        free = format!("{name}_{count}");
    }
    free
}

/// What the norm gave is now the convolution's; a graph's output keeps its name.
fn rename(graph: &mut Graph, conv: usize, norm: &Node) {
    let normed = &norm.output[0];
    if graph.output.iter().any(|output| output.name == *normed) {
        graph.node[conv].output[0].clone_from(normed);
        graph.node[conv].name.clone_from(normed);
        return;
    }
    let plain = graph.node[conv].output[0].clone();
    for input in graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|input| *input == normed) {
        input.clone_from(&plain);
    }
}

/// A constant's numbers, if they are 32-bit floats.
fn floats(value: &TensorValue) -> Option<Vec<f64>> {
    let numbers = value.raw_data.as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
    (value.data_type == FLOAT).then(|| numbers.collect())
}

/// Takes out the nodes and constants that no output needs.
pub(super) fn prune(graph: &mut Graph) {
    let mut needed: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let mut kept = Vec::new();
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|output| needed.contains(output)) {
            needed.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|value| needed.contains(&value.name));
}
