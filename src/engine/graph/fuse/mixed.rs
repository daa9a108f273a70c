//! Sums of a number on a grid and one that is not.

use crate::engine::graph::{Activation, Binary, Graph, Node, Operation, Value, ValueId};

/// Takes a convolution's residual out of it where that is not rounded and the sum is: brought to the sum's grid first, it
/// could be clipped. What lies between is floats.
pub(super) fn part(graph: &mut Graph) {
    for mut node in std::mem::take(&mut graph.nodes) {
        let (output, name) = (node.output, node.name.clone());
        let Some(after) = take_residual(graph, &mut node) else {
            graph.nodes.push(node);
            continue;
        };
        let residual = node.inputs.pop();
        let product = between(graph, output, "product");
        node.output = product;
        graph.nodes.push(node);
        let inputs = std::iter::once(product).chain(residual).collect();
        let sum = if after == Activation::Linear { output } else { between(graph, output, "sum") };
        graph.nodes.push(Node { name: name.clone(), operation: Operation::Binary(Binary::Add), inputs, output: sum });
        if sum != output {
            graph.nodes.push(Node { name, operation: Operation::Activation(after), inputs: vec![sum], output });
        }
    }
}

/// What is applied after the residual was added, if that has to be done apart; it is none of the convolution's then.
fn take_residual(graph: &Graph, node: &mut Node) -> Option<Activation> {
    let residual = *node.inputs.get(1)?;
    let Operation::Convolution(convolution) = &mut node.operation else { return None };
    let mixed = graph.values[node.output].grid.is_some() && graph.values[residual].grid.is_none();
    if mixed { convolution.residual.take() } else { None }
}

/// A value of floats with another's shape.
fn between(graph: &mut Graph, value: ValueId, what: &str) -> ValueId {
    let like = &graph.values[value];
    let name = format!("{}.{what}", like.name);
    let value = Value { name, shape: like.shape.clone(), constant: None, grid: None };
    graph.values.push(value);
    graph.values.len() - 1
}
