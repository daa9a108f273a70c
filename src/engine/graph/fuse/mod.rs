//! Brings what belongs to an operation into it: fewer passes over memory, the same numbers.
//!
//! A value may vanish only if one node alone uses it and it is no output of the graph. Nodes are visited in order, and each
//! takes in those before it, so that a chain of any length becomes one node in one pass.

mod activation;
mod convolution;
mod layout;
mod mixed;

use super::{Binary, Graph, Node, Operation, ValueId};

/// Fuses what can be fused, and drops what nothing needs.
pub(crate) fn fuse(graph: &mut Graph) {
    let mut fusion = Fusion::new(graph);
    fusion.pass(false);
    // Only now is it clear which factors and summands belong to nothing else.
    fusion.pass(true);
    fusion.finish();
    mixed::part(graph);
}

/// A graph that is being rewritten.
struct Fusion<'g> {
    graph: &'g mut Graph,
    /// The graph's nodes, `None` for those that are gone.
    nodes: Vec<Option<Node>>,
    /// The node that gives each value.
    producers: Vec<Option<usize>>,
    /// How often each value is used, by nodes and as an output.
    uses: Vec<usize>,
    /// What stands for each value in nodes that are still to be visited.
    replaced: Vec<ValueId>,
    /// Whether each value is one of the graph's outputs.
    outputs: Vec<bool>,
}

impl<'g> Fusion<'g> {
    fn new(graph: &'g mut Graph) -> Self {
        let nodes: Vec<Option<Node>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
        let count = graph.values.len();
        let mut fusion = Self {
            nodes,
            producers: vec![None; count],
            uses: vec![0; count],
            replaced: (0..count).collect(),
            outputs: vec![false; count],
            graph,
        };
        for (index, node) in fusion.nodes.iter().enumerate() {
            if let Some(node) = node {
                fusion.producers[node.output] = Some(index);
                node.inputs.iter().for_each(|&input| fusion.uses[input] += 1);
            }
        }
        for &output in &fusion.graph.outputs {
            fusion.uses[output] += 1;
            fusion.outputs[output] = true;
        }
        fusion
    }

    fn pass(&mut self, last: bool) {
        for index in 0..self.nodes.len() {
            if let Some(node) = &mut self.nodes[index] {
                node.inputs.iter_mut().for_each(|input| *input = self.replaced[*input]);
            }
            while self.nodes[index].is_some() && self.rewrite(index, last).is_some() {}
        }
    }

    /// Applies the first rule that fits this node; `None` if none does.
    fn rewrite(&mut self, index: usize, last: bool) -> Option<()> {
        self.drop_copy(index)
            .or_else(|| self.order_operands(index))
            .or_else(|| self.activation(index))
            .or_else(|| self.convolution(index))
            .or_else(|| self.layout(index))
            .or_else(|| if last { self.channel_factors(index) } else { None })
    }

    /// Puts the nodes back, without those whose results nothing uses.
    fn finish(mut self) {
        for index in (0..self.nodes.len()).rev() {
            if self.node(index).is_some_and(|node| self.uses[node.output] == 0) {
                self.remove(index);
            }
        }
        self.graph.nodes = self.nodes.into_iter().flatten().collect();
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index).and_then(Option::as_ref)
    }

    fn shape(&self, value: ValueId) -> &[usize] {
        &self.graph.values[value].shape
    }

    /// The node that gives a value.
    fn producer(&self, value: ValueId) -> Option<(usize, &Node)> {
        let index = self.producers[value]?;
        Some((index, self.node(index)?))
    }

    /// The node that gives a value which one node alone uses.
    fn own_producer(&self, value: ValueId) -> Option<(usize, &Node)> {
        self.producer(value).filter(|_| self.uses[value] == 1 && !self.outputs[value])
    }

    /// Whether a value on its way to another may stay unrounded. Where the file rounds both, one rounding is left out:
    /// fewer than the file asks for, and closer to the network that was quantised.
    fn may_skip_rounding(&self, inner: ValueId, outer: ValueId) -> bool {
        self.graph.values[inner].grid.is_none() || self.graph.values[outer].grid.is_some()
    }

    /// Takes a node out, and those before it whose results nothing uses then.
    fn remove(&mut self, index: usize) {
        let mut unused = vec![index];
        while let Some(node) = unused.pop().and_then(|index| self.nodes[index].take()) {
            for input in node.inputs {
                self.uses[input] -= 1;
                if self.uses[input] == 0 {
                    unused.extend(self.producers[input].take());
                }
            }
        }
    }

    /// Puts a node in place of another that gives the same value.
    fn replace(&mut self, index: usize, name: String, operation: Operation, inputs: Vec<ValueId>) {
        let Some(old) = &self.nodes[index] else { return };
        let output = old.output;
        inputs.iter().for_each(|&input| self.uses[input] += 1);
        self.remove(index);
        self.nodes[index] = Some(Node { name, operation, inputs, output });
    }

    /// Drops a node that gives the same numbers in the same shape, but for rounding.
    fn drop_copy(&mut self, index: usize) -> Option<()> {
        let node = self.node(index).filter(|node| node.is_copy())?;
        let (from, to) = (*node.inputs.first()?, node.output);
        if self.shape(from) != self.shape(to) {
            return None;
        }
        let [inner, outer] = [from, to].map(|value| self.graph.values[value].grid);
        if !self.outputs[to] && (outer.is_none() || outer == inner) {
            self.uses[from] += self.uses[to];
            self.remove(index);
            self.uses[to] = 0;
            self.replaced[to] = from;
            return Some(());
        }
        // Otherwise what gives the one gives the other, if no one else wants it as it is.
        let (producer, _) = self.producer(from).filter(|_| !self.outputs[from])?;
        let others = self.uses[from] - 1;
        if !(others == 0 && inner.is_none() || outer.is_none() || inner == outer) {
            return None;
        }
        self.graph.values[to].grid = outer.or(inner);
        self.nodes[index] = None;
        self.uses[to] += others;
        self.uses[from] = 0;
        self.producers[from] = None;
        self.producers[to] = Some(producer);
        self.replaced[from] = to;
        if let Some(node) = &mut self.nodes[producer] {
            node.output = to;
        }
        if others > 0 {
            let inputs = self.nodes.iter_mut().flatten().flat_map(|node| &mut node.inputs);
            inputs.filter(|input| **input == from).for_each(|input| *input = to);
        }
        Some(())
    }

    /// The operand that has the result's shape first, where the order does not matter.
    fn order_operands(&mut self, index: usize) -> Option<()> {
        let node = self.node(index)?;
        let (Operation::Binary(Binary::Add | Binary::Mul | Binary::Max | Binary::Min), [a, b]) =
            (&node.operation, node.inputs.as_slice())
        else {
            return None;
        };
        let whole = |value: ValueId| self.shape(value) == self.shape(node.output);
        let constant = |value: ValueId| self.graph.values[value].constant.is_some();
        if !(whole(*b) && !whole(*a) || constant(*a) && !constant(*b) && whole(*b)) {
            return None;
        }
        self.nodes[index].as_mut()?.inputs.reverse();
        Some(())
    }

    /// The one number that a constant holds.
    fn number(&self, value: ValueId) -> Option<f32> {
        match self.graph.values[value].constant.as_deref() {
            Some([number]) => Some(*number),
            _ => None,
        }
    }
}

impl Node {
    /// Whether it gives its input's numbers in their order.
    fn is_copy(&self) -> bool {
        self.is_rounding() || matches!(self.operation, Operation::Reshape)
    }
}
