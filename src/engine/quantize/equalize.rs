//! Channels of one value brought to one range, so that one grid fits them all.
//!
//! A rectifier, a sum, a pooling and a concatenation let a factor for a channel pass, so the filters before them can be
//! divided by it and those behind multiplied, and the network is the same (Nagel, van Baalen, Blankevoort & Welling 2019,
//! "Data-free quantization through weight equalization and bias correction", <https://arxiv.org/abs/1906.04721>). There
//! the ranges of weights are made equal. Here each filter has its own scale and activations have one, so it is their
//! observed ranges r that count: a channel is divided by √(r / m), where m is how large its weights are in the filters
//! that use it, each by its own largest; by r where only depthwise filters do, since to those it costs nothing.

use super::QuantizeError;
use super::filters::Filters;
use super::histogram::Channels;
use super::network::{Network, Role, floats};
use crate::onnx::Node;
use std::collections::BTreeMap;
use std::ops::Range;

/// What the negative numbers before a leaky ReLU count at least: they come out small, but their grid must hold them.
const NEGATIVES: f32 = 0.3;

/// A channel's weights count as at least this share of the filter's largest.
const LEAST_WEIGHT: f32 = 1e-3;

/// Channels of no larger numbers than this stay as they are.
const NOTHING: f32 = 1e-9;

/// Divides the channels of values; what was observed stays as it was. Gives the divisor of each channel of each value.
pub(super) fn equalize(
    network: &mut Network,
    observed: &BTreeMap<String, Channels>,
) -> Result<BTreeMap<String, Vec<f32>>, QuantizeError> {
    let mut classes = Classes::new(observed);
    classes.connect(network);
    let ranges = classes.ranges(network, observed);
    let weights = classes.weights(network)?;
    let divisors = classes.divisors(&ranges, &weights);
    for node in 0..network.graph.node.len() {
        if let Some(Role::Convolution { groups }) = network.roles[node] {
            rescale(network, node, groups, &divisors)?;
        }
    }
    Ok(divisors)
}

/// Place of the class of channels that stay as they are.
const FIXED: usize = 0;

/// Channels that must be divided alike, as a forest: each points towards the one that stands for its class.
struct Classes {
    /// Places of each value's channels.
    places: BTreeMap<String, Range<usize>>,
    parents: Vec<usize>,
}

impl Classes {
    fn new(observed: &BTreeMap<String, Channels>) -> Self {
        let mut places = BTreeMap::new();
        let mut next = FIXED + 1;
        for (name, channels) in observed {
            places.insert(name.clone(), next..next + channels.0.len());
            next += channels.0.len();
        }
        Self { places, parents: (0..next).collect() }
    }

    fn find(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        // The fixed class, the first one, goes on standing for itself.
        self.parents[a.max(b)] = a.min(b);
    }

    fn places(&self, value: &str) -> Range<usize> {
        self.places.get(value).cloned().unwrap_or(0..0)
    }

    fn fix(&mut self, value: &str) {
        self.places(value).for_each(|place| self.join(place, FIXED));
    }

    /// Joins what the nodes of a network join.
    fn connect(&mut self, network: &Network) {
        self.fix(&network.image);
        network.graph.output.iter().for_each(|output| self.fix(&output.name));
        for (index, node) in network.graph.node.iter().enumerate() {
            match network.roles[index] {
                Some(Role::Convolution { .. }) => {}
                Some(Role::Rectifier(_) | Role::Passing | Role::Sum) => {
                    let result = self.places(&node.output[0]);
                    for operand in network.operands(index) {
                        let operand = self.places(operand);
                        if operand.len() == result.len() {
                            operand.zip(result.clone()).for_each(|(a, b)| self.join(a, b));
                        } else {
                            // A sum that repeats a channel.
                            operand.chain(result.clone()).for_each(|place| self.join(place, FIXED));
                        }
                    }
                }
                Some(Role::Join) => {
                    let mut result = self.places(&node.output[0]);
                    for operand in &node.input {
                        self.places(operand).zip(&mut result).for_each(|(a, b)| self.join(a, b));
                    }
                }
                Some(Role::Curve | Role::Product) | None => {
                    node.input.iter().chain(&node.output).for_each(|value| self.fix(value));
                }
            }
        }
    }

    /// How large the numbers of each class are.
    fn ranges(&mut self, network: &Network, observed: &BTreeMap<String, Channels>) -> Vec<f32> {
        let mut ranges = vec![0.0; self.parents.len()];
        for (value, channels) in observed {
            let negatives =
                network.rectifier(value).map_or(1.0, |(_, slope)| if slope > 0.0 { slope.max(NEGATIVES) } else { 0.0 });
            for (place, channel) in self.places(value).zip(&channels.0) {
                let range: &mut f32 = &mut ranges[self.find(place)];
                *range = range.max(channel.high).max(-channel.low * negatives);
            }
        }
        ranges
    }

    /// How large the weights of each class are in the filters that use it, each by its own largest; 0 where only
    /// depthwise ones do.
    fn weights(&mut self, network: &Network) -> Result<Vec<f32>, QuantizeError> {
        let mut weights = vec![0.0; self.parents.len()];
        for (index, node) in network.graph.node.iter().enumerate() {
            let Some(Role::Convolution { groups }) = network.roles[index] else { continue };
            let filters = Filters::read(network, index, groups)?;
            if filters.depth == 1 {
                continue;
            }
            let first = self.places(&node.input[0]).start;
            for filter in 0..filters.count {
                let largest = |weights: &[f32]| weights.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
                let whole = largest(filters.row(filter)).max(f32::MIN_POSITIVE);
                for (channel, window) in filters.windows(filter) {
                    let weight: &mut f32 = &mut weights[self.find(first + channel)];
                    *weight = weight.max(largest(window) / whole).max(LEAST_WEIGHT);
                }
            }
        }
        Ok(weights)
    }

    fn divisors(&mut self, ranges: &[f32], weights: &[f32]) -> BTreeMap<String, Vec<f32>> {
        let mut divisor = |place| match self.find(place) {
            FIXED => 1.0,
            class if ranges[class] <= NOTHING => 1.0,
            class if weights[class] == 0.0 => ranges[class],
            class => (ranges[class] / weights[class]).sqrt(),
        };
        let all: Vec<f32> = (0..ranges.len()).map(&mut divisor).collect();
        self.places.iter().map(|(value, places)| (value.clone(), all[places.clone()].to_vec())).collect()
    }
}

/// Divides the filters of a convolution by what its results are divided by, and multiplies them by what its operand was.
fn rescale(
    network: &mut Network,
    node: usize,
    groups: usize,
    divisors: &BTreeMap<String, Vec<f32>>,
) -> Result<(), QuantizeError> {
    let mut filters = Filters::read(network, node, groups)?;
    let Node { input, output, .. } = &network.graph.node[node];
    let (Some(before), Some(after)) = (divisors.get(&input[0]), divisors.get(&output[0])) else { return Ok(()) };
    let (before, after) = (before.clone(), after.clone());
    if before.len() != filters.channels() || after.len() != filters.count {
        return Err(QuantizeError::malformed(&network.graph.node[node], "its channels are not those of its weights"));
    }
    let (weights, bias) = (input[1].clone(), input.get(2).filter(|name| !name.is_empty()).cloned());
    for (filter, divisor) in after.iter().enumerate() {
        let windows: Vec<_> = filters.window_ranges(filter).collect();
        for (channel, window) in windows {
            let factor = f64::from(before[channel]) / f64::from(*divisor);
            filters.weights[window].iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
        }
    }
    network.set_constant(&weights, &filters.weights);
    if let Some(name) = bias {
        let bias = network.constant(&name).and_then(floats).unwrap_or_default();
        let bias: Vec<f32> = bias.iter().zip(&after).map(|(bias, divisor)| bias / divisor).collect();
        network.set_constant(&name, &bias);
    }
    Ok(())
}
