//! Which roundings are left out.
//!
//! A few of them can lose more than all others together. The convolutions that use such a value are done in float, so
//! what is bought is accuracy, and what is paid is speed: those come first that lose most for each multiplication.

use super::QuantizeError;
use super::filters::Filters;
use super::histogram::{Channel, Channels};
use super::network::{Network, Role};
use super::plan::Grids;
use crate::onnx::Node;
use std::collections::{BTreeMap, BTreeSet};

/// The values that are best not rounded, of groups with their [`super::probe::losses`]: those that lose more than the
/// average, as long as no more than a `share` of all multiplications becomes one of floats.
pub(super) fn exempt(
    network: &Network,
    grids: &Grids,
    observed: &BTreeMap<String, Channels>,
    losses: Vec<(Vec<String>, f64)>,
    share: f64,
) -> Result<Vec<String>, QuantizeError> {
    let multiplications = multiplications(network, observed)?;
    let sum = |nodes: &BTreeSet<usize>| nodes.iter().map(|node| multiplications[*node]).sum::<f64>();
    let mean = losses.iter().map(|(_, loss)| loss).sum::<f64>() / losses.len() as f64;
    let mut found: Vec<(Vec<String>, BTreeSet<usize>, f64)> = losses
        .into_iter()
        .filter(|(_, loss)| *loss > mean)
        .map(|(values, loss)| {
            let values = with_rectified(network, grids, values);
            let slowed = values.iter().flat_map(|value| slowed(network, grids, value)).collect();
            // What slows nothing comes first of all.
            let worth = loss / sum(&slowed).max(f64::MIN_POSITIVE);
            (values, slowed, worth)
        })
        .collect();
    found.sort_by(|(.., a), (.., b)| b.total_cmp(a));
    let most = share * multiplications.iter().sum::<f64>();
    let mut floats = BTreeSet::new();
    let mut exempt = Vec::new();
    for (values, slowed, _) in found {
        let with_these = &floats | &slowed;
        if sum(&with_these) <= most {
            floats = with_these;
            exempt.extend(values);
        }
    }
    Ok(exempt)
}

/// The same, and what a rectifier makes them of: a rounding before it is of no use where there is none behind.
fn with_rectified(network: &Network, grids: &Grids, mut values: Vec<String>) -> Vec<String> {
    let rectified = |value: &String| network.rectified(value).filter(|operand| grids.contains_key(*operand)).cloned();
    let more: Vec<String> = values.iter().filter_map(rectified).collect();
    values.extend(more);
    values
}

/// Multiplications of each node, in proportion.
fn multiplications(network: &Network, observed: &BTreeMap<String, Channels>) -> Result<Vec<f64>, QuantizeError> {
    let count = |(index, node): (usize, &Node)| {
        let Some(Role::Convolution { groups }) = network.roles[index] else { return Ok(0.0) };
        let filters = Filters::read(network, index, groups)?;
        let channels = observed.get(&node.output[0]).map_or(&[][..], |channels| &channels.0);
        Ok(channels.iter().map(Channel::count).sum::<u64>() as f64 * filters.row(0).len() as f64)
    };
    network.graph.node.iter().enumerate().map(count).collect()
}

/// The convolutions that are done in float if a value is not rounded: those that use it, and, in onnxruntime, the one that
/// makes it, itself or up to a rectifier that is one with it.
fn slowed(network: &Network, grids: &Grids, value: &str) -> impl Iterator<Item = usize> {
    let operand = network.rectified(value).filter(|operand| !grids.contains_key(*operand));
    let maker = network.maker(operand.map_or(value, String::as_str));
    let nodes = network.users(value).iter().copied().chain(maker);
    nodes.filter(|node| matches!(network.roles[*node], Some(Role::Convolution { .. })))
}
