//! The weights of a convolution, filter by filter.

use super::QuantizeError;
use super::network::{Network, floats};
use std::ops::Range;

/// Weights `[filters, channels a group, rows, columns]`.
pub(super) struct Filters {
    /// The numbers, row by row.
    pub(super) weights: Vec<f32>,
    /// How many filters there are: channels of the result.
    pub(super) count: usize,
    /// How many channels each of them sees.
    pub(super) depth: usize,
    /// Rows and columns of a filter.
    pub(super) window: [usize; 2],
    groups: usize,
}

impl Filters {
    /// Those of a node that is a convolution of so many groups.
    pub(super) fn read(network: &Network, node: usize, groups: usize) -> Result<Self, QuantizeError> {
        let node = &network.graph.node[node];
        let wrong = || QuantizeError::malformed(node, "its weights are no filters");
        let constant = node.input.get(1).and_then(|name| network.constant(name)).ok_or_else(wrong)?;
        let weights = floats(constant).ok_or_else(wrong)?;
        let dims: Option<Vec<usize>> = constant.dims.iter().map(|dim| usize::try_from(*dim).ok()).collect();
        let &[count, depth, rows, columns] = dims.as_deref().unwrap_or_default() else { return Err(wrong()) };
        let filters = Self { weights, count, depth, window: [rows, columns], groups };
        if filters.weights.is_empty() || count % groups != 0 {
            return Err(wrong());
        }
        Ok(filters)
    }

    /// Channels of the operand.
    pub(super) fn channels(&self) -> usize {
        self.depth * self.groups
    }

    /// Weights of a filter for one channel.
    fn area(&self) -> usize {
        self.window.iter().product()
    }

    /// The weights of a filter.
    pub(super) fn row(&self, filter: usize) -> &[f32] {
        let length = self.depth * self.area();
        &self.weights[filter * length..][..length]
    }

    /// The channels of the operand that a filter sees, and where its weights for each are.
    pub(super) fn window_ranges(&self, filter: usize) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let (depth, area) = (self.depth, self.area());
        let first = filter / (self.count / self.groups) * depth;
        let start = filter * depth * area;
        (0..depth).map(move |channel| (first + channel, start + channel * area..start + (channel + 1) * area))
    }

    /// The channels of the operand that a filter sees, and its weights for each.
    pub(super) fn windows(&self, filter: usize) -> impl Iterator<Item = (usize, &[f32])> {
        self.window_ranges(filter).map(|(channel, range)| (channel, &self.weights[range]))
    }
}
