//! What is settled before the first step: the zeros that maps need around them, and which maps are parts of others.

use super::Settings;
use crate::engine::graph::{Convolution, Graph, Node, Operation, Value, ValueId};
use crate::engine::kernels::Format;
use std::collections::HashMap;

/// Decisions about a graph's values.
pub(super) struct Layout {
    /// Rows and columns of zeros around each value: top, left, bottom, right.
    pub(super) halos: Vec<[usize; 4]>,
    /// Values that are made in their place within a concatenation: that, and the first block.
    pub(super) parts: HashMap<ValueId, (ValueId, usize)>,
    /// Which values come to be as maps blocked by channel; the others are tensors row by row.
    pub(super) maps: Vec<bool>,
    /// How each value lies in memory as a map.
    pub(super) formats: Vec<Format>,
}

impl Layout {
    pub(super) fn new(graph: &Graph, settings: &Settings) -> Self {
        let formats = formats(graph, settings);
        let maps = maps(graph);
        let parts = parts(graph, &formats, &maps);
        let mut halos = vec![[0; 4]; graph.values.len()];
        for node in &graph.nodes {
            if let (Operation::Convolution(convolution), [input, ..]) = (&node.operation, &node.inputs[..]) {
                let needed = reach(convolution, &graph.values[*input].shape, &graph.values[node.output].shape);
                halos[*input] = widest(halos[*input], needed);
            }
        }
        // A part and the whole have the same rows; a whole may be a part in turn.
        for _ in 0..=parts.len() {
            for (part, (whole, _)) in &parts {
                let both = widest(halos[*part], halos[*whole]);
                (halos[*part], halos[*whole]) = (both, both);
            }
        }
        Self { halos, parts, maps, formats }
    }
}

fn formats(graph: &Graph, settings: &Settings) -> Vec<Format> {
    let used = |value: ValueId| graph.nodes.iter().any(|node| node.inputs.contains(&value));
    let format = |(id, value): (ValueId, &Value)| match value.grid {
        Some(grid) => Format::U8(grid),
        // What only the caller sees is not rounded.
        None if graph.outputs.contains(&id) && !used(id) => Format::F32,
        None => settings.float,
    };
    graph.values.iter().enumerate().map(format).collect()
}

/// Which operands of concatenations along the channels can be made in their place.
fn parts(graph: &Graph, formats: &[Format], maps: &[bool]) -> HashMap<ValueId, (ValueId, usize)> {
    let mut parts = HashMap::new();
    let concat = |node: &&Node| maps[node.output] && matches!(node.operation, Operation::Concat { .. });
    for node in graph.nodes.iter().filter(concat) {
        let format = formats[node.output];
        let channels = |value: &ValueId| graph.values[*value].shape[1];
        let Some((_, others)) = node.inputs.split_last() else { continue };
        if others.iter().any(|value| channels(value) % format.channels() != 0) {
            continue;
        }
        let mut block = 0;
        for value in &node.inputs {
            let twice = node.inputs.iter().filter(|other| *other == value).count() > 1;
            if formats[*value] == format && maps[*value] && !twice && !parts.contains_key(value) {
                parts.insert(*value, (node.output, block));
            }
            block += channels(value).div_ceil(format.channels());
        }
    }
    parts
}

/// Which values come to be as maps blocked by channel.
fn maps(graph: &Graph) -> Vec<bool> {
    let mut maps = vec![false; graph.values.len()];
    for node in &graph.nodes {
        let from_map = node.inputs.iter().any(|value| maps[*value]);
        let four = |value: &ValueId| graph.values[*value].shape.len() == 4;
        maps[node.output] = match &node.operation {
            Operation::Convolution(_)
            | Operation::Pool(_)
            | Operation::GlobalAveragePool
            | Operation::Upsample { .. } => true,
            _ if !from_map || !four(&node.output) || !node.inputs.iter().all(four) => false,
            Operation::Activation(activation) => activation.apply(0.0).is_finite(),
            Operation::Binary(_) => super::lower::is_map_binary(graph, node),
            _ => super::lower::channels_taken(graph, node).is_some(),
        };
    }
    maps
}

/// Zeros that a convolution needs around its input.
fn reach(convolution: &Convolution, input: &[usize], output: &[usize]) -> [usize; 4] {
    let kernel = convolution.kernel();
    let after = |axis: usize| {
        let last = (output[axis + 2] - 1) * convolution.stride[axis] + (kernel[axis] - 1) * convolution.dilation[axis];
        (last + 1).saturating_sub(convolution.padding[axis] + input[axis + 2])
    };
    [convolution.padding[0], convolution.padding[1], after(0), after(1)]
}

fn widest(a: [usize; 4], b: [usize; 4]) -> [usize; 4] {
    std::array::from_fn(|side| a[side].max(b[side]))
}
