//! The quantised graph: QuantizeLinear and DequantizeLinear around what is rounded, and weights as 8-bit integers.

use super::QuantizeError;
use super::filters::Filters;
use super::grid::Grid;
use super::network::{Network, Role, floats};
use super::plan::Grids;
use crate::onnx::{Attribute, Graph, INT8, INT32, Node, TensorValue, UINT8};
use std::collections::{BTreeMap, HashSet};

/// Weights are whole multiples of their scale from −127 to 127.
const LARGEST_WEIGHT: f32 = 127.0;

/// A bias may be so many multiples of its scale: below 2³¹, with room for what is added to it.
const LARGEST_BIAS: f64 = (1 << 30) as f64;

/// Scale of filters without weights, and the least one.
const LEAST_SCALE: f32 = 1e-12;

/// Writes the graph. `means` are those of each channel of what convolutions use.
pub(super) fn emit(
    network: &Network,
    grids: &Grids,
    means: &BTreeMap<String, Vec<f64>>,
) -> Result<Graph, QuantizeError> {
    let graph = &network.graph;
    let values = graph.node.iter().flat_map(|node| node.input.iter().chain(&node.output));
    let taken = values.chain(graph.initializer.iter().map(|constant| &constant.name)).cloned().collect();
    let mut emitter =
        Emitter { taken, rounded: BTreeMap::new(), nodes: Vec::new(), constants: Vec::new(), replaced: HashSet::new() };
    if let Some(grid) = grids.get(&network.image) {
        emitter.round(&network.image, *grid);
    }
    for (index, node) in graph.node.iter().enumerate() {
        let mut written = node.clone();
        if let (Some(Role::Convolution { groups }), Some(grid)) = (network.roles[index], grids.get(&node.input[0])) {
            let filters = Filters::read(network, index, groups)?;
            let means = means.get(&node.input[0]).map_or(&[][..], Vec::as_slice);
            emitter.convolution(network, &mut written, &filters, *grid, means);
        }
        for name in &mut written.input {
            if let Some(rounded) = emitter.rounded.get(name) {
                *name = rounded.clone();
            }
        }
        emitter.nodes.push(written);
        for result in &node.output {
            if let Some(grid) = grids.get(result) {
                emitter.round(result, *grid);
            }
        }
    }
    let mut constants = graph.initializer.clone();
    constants.retain(|constant| !emitter.replaced.contains(&constant.name));
    constants.extend(emitter.constants);
    let mut quantized = Graph { node: emitter.nodes, initializer: constants, ..graph.clone() };
    // Old files list their constants as inputs too.
    quantized.input.retain(|input| !emitter.replaced.contains(&input.name));
    Ok(quantized)
}

/// A graph in the making.
struct Emitter {
    /// Names that are in use.
    taken: HashSet<String>,
    /// What stands for a value that is rounded.
    rounded: BTreeMap<String, String>,
    nodes: Vec<Node>,
    constants: Vec<TensorValue>,
    /// Constants of the file that are not needed any more.
    replaced: HashSet<String>,
}

impl Emitter {
    /// A name that nothing has yet.
    fn name(&mut self, value: &str, part: &str) -> String {
        let mut name = format!("{value}.{part}");
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// Rounds a value to a grid.
    fn round(&mut self, value: &str, grid: Grid) {
        let [scale, zero, integers, rounded] =
            ["scale", "zero_point", "quantized", "dequantized"].map(|part| self.name(value, part));
        self.constants.push(TensorValue::floats(&scale, vec![], &[grid.scale]));
        self.constants.push(TensorValue::raw(&zero, vec![], UINT8, vec![grid.zero_point]));
        let operands = |value: &str| vec![value.to_owned(), scale.clone(), zero.clone()];
        self.nodes.push(Node::new("QuantizeLinear", operands(value), &integers, vec![]));
        self.nodes.push(Node::new("DequantizeLinear", operands(&integers), &rounded, vec![]));
        self.rounded.insert(value.into(), rounded);
    }

    /// Puts integers in the place of a convolution's weights and bias.
    fn convolution(&mut self, network: &Network, node: &mut Node, filters: &Filters, grid: Grid, means: &[f64]) {
        let bias = node.input.get(2).and_then(|name| network.constant(name)).and_then(floats);
        let scales = scales(filters, grid, bias.as_deref());
        let mut integers = Vec::with_capacity(filters.weights.len());
        let mut shifts = vec![0.0; filters.count];
        for (filter, scale) in scales.iter().enumerate() {
            for (channel, window) in filters.windows(filter) {
                let rounded = round(window, *scale);
                let errors = window.iter().zip(&rounded).map(|(weight, integer)| f64::from(integer * scale - weight));
                let error: f64 = errors.sum();
                integers.extend(rounded.iter().map(|integer| *integer as i8 as u8));
                shifts[filter] += error * means.get(channel).copied().unwrap_or(0.0);
            }
        }
        let dims = [filters.count, filters.depth].into_iter().chain(filters.window).map(|dim| dim as i64).collect();
        node.input[1] = self.constant(&node.input[1], &scales, INT8, dims, integers);
        let scales: Vec<f32> = scales.iter().map(|scale| scale * grid.scale).collect();
        let count = vec![filters.count as i64];
        let unbiased = vec![0.0; filters.count];
        let shifted = bias.as_ref().unwrap_or(&unbiased).iter().zip(&shifts).zip(&scales);
        let integers = shifted
            .map(|((bias, shift), scale)| ((f64::from(*bias) - shift) / f64::from(*scale)).round_ties_even() as i32);
        let integers: Vec<u8> = integers.flat_map(i32::to_le_bytes).collect();
        let name = node.input.get(2).filter(|name| !name.is_empty()).cloned();
        let name = name.unwrap_or_else(|| format!("{}.bias", node.output[0]));
        node.input.truncate(2);
        node.input.push(self.constant(&name, &scales, INT32, count, integers));
    }

    /// Adds a constant of integers with a scale for each of its first axis; gives the name of its floats.
    fn constant(&mut self, name: &str, scales: &[f32], data_type: i32, dims: Vec<i64>, integers: Vec<u8>) -> String {
        self.replaced.insert(name.into());
        let [scale, zero, quantized, dequantized] =
            ["scale", "zero_point", "quantized", "dequantized"].map(|part| self.name(name, part));
        let count = vec![scales.len() as i64];
        let zeros = vec![0; scales.len() * if data_type == INT8 { 1 } else { 4 }];
        self.constants.push(TensorValue::raw(&quantized, dims, data_type, integers));
        self.constants.push(TensorValue::floats(&scale, count.clone(), scales));
        self.constants.push(TensorValue::raw(&zero, count, data_type, zeros));
        let axis = vec![Attribute::int("axis", 0)];
        self.nodes.push(Node::new("DequantizeLinear", vec![quantized, scale, zero], &dequantized, axis));
        dequantized
    }
}

/// The weights of a filter for one channel as integers whose sum is as near to the weights' as can be: neighbouring
/// numbers of a map are alike, so that errors of one sign would add up. Those are rounded the other way that are next to
/// the middle; each stays within a step of its weight.
fn round(window: &[f32], scale: f32) -> Vec<f32> {
    let limited = |integer: f32| integer.clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT);
    let mut integers: Vec<f32> = window.iter().map(|weight| limited((weight / scale).round_ties_even())).collect();
    let missing = |integers: &[f32], at: usize| window[at] / scale - integers[at];
    let sum: f32 = (0..window.len()).map(|at| missing(&integers, at)).sum();
    let mut order: Vec<usize> = (0..window.len()).collect();
    order.sort_by(|a, b| (missing(&integers, *b) * sum.signum()).total_cmp(&(missing(&integers, *a) * sum.signum())));
    for at in order.into_iter().take(sum.abs().round_ties_even() as usize) {
        integers[at] = limited(integers[at] + sum.signum());
    }
    integers
}

/// The scale of each filter: as small as its weights allow, and its bias, whose scale is this one times the grid's.
fn scales(filters: &Filters, grid: Grid, bias: Option<&[f32]>) -> Vec<f32> {
    let scale = |filter: usize| {
        let largest = filters.row(filter).iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
        let bias = bias.and_then(|bias| bias.get(filter)).copied().unwrap_or(0.0);
        let for_bias = f64::from(bias.abs()) / (LARGEST_BIAS * f64::from(grid.scale));
        (largest / LARGEST_WEIGHT).max(for_bias as f32).max(LEAST_SCALE)
    };
    (0..filters.count).map(scale).collect()
}
