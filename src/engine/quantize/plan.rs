//! Which values are rounded to which grid.

use super::grid::{Distribution, Grid};
use super::histogram::Channels;
use super::network::{Network, Role};
use std::collections::{BTreeMap, BTreeSet};

/// The grid of each value that is rounded.
pub(super) type Grids = BTreeMap<String, Grid>;

/// Chooses the grids. `divisors` are those of the channels since they were observed.
pub(super) fn grids(
    network: &Network,
    observed: &BTreeMap<String, Channels>,
    divisors: &BTreeMap<String, Vec<f32>>,
) -> Grids {
    let mut grids = Grids::new();
    for values in groups(network) {
        let grid = if values.contains(&network.image) {
            Grid::PICTURE
        } else {
            let slope = match &values[..] {
                [value] => network.rectifier(value).map_or(1.0, |(_, slope)| slope),
                _ => 1.0,
            };
            match distribution(network, &values, observed, divisors) {
                Some(distribution) => distribution.grid(slope),
                // Nothing is known of what an operator makes that stays in float.
                None => continue,
            }
        };
        grids.extend(values.into_iter().map(|value| (value, grid)));
    }
    grids
}

/// The values that are rounded, those of one grid together.
pub(super) fn groups(network: &Network) -> Vec<Vec<String>> {
    let rounded = rounded(network);
    let mut members: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (value, owner) in owners(network, &rounded) {
        members.entry(owner).or_default().push(value.into());
    }
    members.into_values().collect()
}

/// The values that are rounded: what a convolution uses, and what else lies between nodes that can work on 8-bit numbers
/// and such a value. So the outputs stay float, and what is computed of them alone.
fn rounded(network: &Network) -> BTreeSet<String> {
    let mut rounded = BTreeSet::new();
    for (index, node) in network.graph.node.iter().enumerate().rev() {
        let result = &node.output[0];
        let fused = || network.rectifier(result).filter(|_| is_fused(network, result));
        let on = match network.roles[index] {
            None => false,
            Some(Role::Convolution { .. }) => true,
            Some(_) => {
                rounded.contains(result)
                    || fused().is_some_and(|(user, _)| rounded.contains(&network.graph.node[user].output[0]))
            }
        };
        if on {
            let operands = network.operands(index).iter();
            rounded.extend(operands.filter(|value| !network.is_output(value) && !is_fused(network, value)).cloned());
        }
    }
    rounded
}

/// Whether a value is computed and used within one kernel: what lies between a convolution or a sum and its ReLU, which is
/// a bound of the grid.
///
/// Before a leaky ReLU there is a grid of its own. It costs a rounding, but without it onnxruntime runs the convolution in
/// float: YOLOv3-tiny took 144 ms a picture in place of 38 (one thread; OpenVINO 24 in place of 32).
fn is_fused(network: &Network, value: &str) -> bool {
    is_summed(network, value) && matches!(network.rectifier(value), Some((_, 0.0)))
}

/// Whether a convolution or a sum makes a value.
fn is_summed(network: &Network, value: &str) -> bool {
    let maker = network.maker(value).and_then(|maker| network.roles[maker]);
    matches!(maker, Some(Role::Convolution { .. } | Role::Sum))
}

/// For each value that is rounded the one whose grid it shares: what is moved keeps its grid, and what is joined has one.
fn owners<'a>(network: &'a Network, rounded: &'a BTreeSet<String>) -> BTreeMap<&'a str, &'a str> {
    let mut owners: BTreeMap<&str, &str> = rounded.iter().map(|value| (value.as_str(), value.as_str())).collect();
    for (index, node) in network.graph.node.iter().enumerate() {
        if !matches!(network.roles[index], Some(Role::Passing | Role::Join)) {
            continue;
        }
        let Some(&result) = owners.get(node.output[0].as_str()) else { continue };
        for operand in network.operands(index) {
            let Some(&operand) = owners.get(operand.as_str()) else { continue };
            owners.values_mut().filter(|owner| **owner == operand).for_each(|owner| *owner = result);
        }
    }
    owners
}

/// What was observed of several values, if anything was, with their channels divided. What was moved or joined is counted where it was made.
fn distribution(
    network: &Network,
    values: &[String],
    observed: &BTreeMap<String, Channels>,
    divisors: &BTreeMap<String, Vec<f32>>,
) -> Option<Distribution> {
    let made = |value: &&String| {
        !network.maker(value).is_some_and(|maker| matches!(network.roles[maker], Some(Role::Passing | Role::Join)))
    };
    let channels = || {
        let known = values.iter().filter(made).filter_map(|value| Some((observed.get(value)?, divisors.get(value)?)));
        known.flat_map(|(channels, divisors)| channels.0.iter().zip(divisors))
    };
    channels().next()?;
    let low = channels().map(|(channel, divisor)| channel.low / divisor).fold(0.0, f32::min);
    let high = channels().map(|(channel, divisor)| channel.high / divisor).fold(0.0, f32::max);
    let mut distribution = Distribution::new(low, high);
    for (channel, divisor) in channels() {
        channel.bins().for_each(|(number, count)| distribution.add(number / divisor, f64::from(count)));
    }
    Some(distribution)
}

/// Whether a node works on rounded numbers.
pub(super) fn is_integer(network: &Network, grids: &Grids, node: usize) -> bool {
    let is_within = |value: &String| {
        let behind = network.rectifier(value).map(|(user, _)| &network.graph.node[user].output[0]);
        is_summed(network, value) && behind.is_some_and(|behind| grids.contains_key(behind))
    };
    let is_rounded = |value: &String| grids.contains_key(value) || is_within(value);
    network.roles[node].is_some() && network.operands(node).iter().all(is_rounded)
}
