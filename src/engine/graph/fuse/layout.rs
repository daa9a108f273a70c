//! Reshapes and transpositions that follow one another.

use super::Fusion;
use crate::engine::graph::{Node, Operation, ValueId};

impl Fusion<'_> {
    /// Joins a reshape or transposition with the one before; one that moves nothing becomes a reshape.
    pub(super) fn layout(&mut self, index: usize) -> Option<()> {
        let node = self.node(index)?;
        let (from, name) = (*node.inputs.first()?, node.name.clone());
        match &node.operation {
            Operation::Reshape => {
                let (_, before) = self.unrounded_producer(from)?;
                let Operation::Reshape = before.operation else { return None };
                let source = *before.inputs.first()?;
                self.replace(index, name, Operation::Reshape, vec![source]);
            }
            Operation::Transpose { order } if self.moves_nothing(from, order) => {
                self.replace(index, name, Operation::Reshape, vec![from]);
            }
            Operation::Transpose { order } => {
                let (_, before) = self.unrounded_producer(from)?;
                let Operation::Transpose { order: first } = &before.operation else { return None };
                let order = order.iter().map(|&axis| first[axis]).collect();
                let source = *before.inputs.first()?;
                self.replace(index, name, Operation::Transpose { order }, vec![source]);
            }
            _ => return None,
        }
        Some(())
    }

    /// The node that gives a value which is not rounded.
    fn unrounded_producer(&self, value: ValueId) -> Option<(usize, &Node)> {
        self.producer(value).filter(|_| self.graph.values[value].grid.is_none())
    }

    /// Whether the axes longer than 1 keep their order.
    fn moves_nothing(&self, from: ValueId, order: &[usize]) -> bool {
        let shape = self.shape(from);
        order.iter().filter(|axis| shape[**axis] != 1).is_sorted()
    }
}
