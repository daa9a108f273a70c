//! Several nodes that are one function of a number.

use super::Fusion;
use crate::engine::graph::{Activation, Binary, Operation, ValueId};

/// How far a constant of the file may be from the one of the formula.
const CLOSE: f32 = 1e-6;

impl Fusion<'_> {
    /// Sigmoid, hard sigmoid, and what is multiplied with them.
    pub(super) fn activation(&mut self, index: usize) -> Option<()> {
        let node = self.node(index)?;
        let (Operation::Binary(function), [a, b]) = (&node.operation, node.inputs.as_slice()) else { return None };
        let (function, a, b, output) = (*function, *a, *b, node.output);
        let (source, activation) = match function {
            Binary::Mul => self
                .gated(a, b, output)
                .or_else(|| self.gated(b, a, output))
                .or_else(|| self.sixth(a, self.number(b)?, output)),
            Binary::Div => self.sixth(a, 1.0 / self.number(b)?, output),
            _ => None,
        }?;
        let name = node.name.clone();
        self.replace(index, name, Operation::Activation(activation), vec![source]);
        Some(())
    }

    /// x · gate(x).
    fn gated(&self, x: ValueId, gate: ValueId, output: ValueId) -> Option<(ValueId, Activation)> {
        match self.inner(gate, output)? {
            (Activation::Sigmoid, source) if source == x => Some((x, Activation::Silu)),
            (Activation::HardSigmoid(alpha, beta), source) if source == x && is_hard(alpha, beta) => {
                Some((x, Activation::HardSwish))
            }
            (Activation::Tanh, middle) => match self.inner(middle, gate)? {
                (Activation::Softplus, source) if source == x => Some((x, Activation::Mish)),
                _ => None,
            },
            _ => None,
        }
    }

    /// clip(x + 3, 0, 6) / 6, or x · clip(x + 3, 0, 6) / 6.
    fn sixth(&self, value: ValueId, factor: f32, output: ValueId) -> Option<(ValueId, Activation)> {
        if (factor - 1.0 / 6.0).abs() > CLOSE {
            return None;
        }
        if let Some(source) = self.clipped(value, output) {
            return Some((source, Activation::HardSigmoid(1.0 / 6.0, 0.5)));
        }
        let (_, node) = self.own_producer(value).filter(|_| self.may_skip_rounding(value, output))?;
        let (Operation::Binary(Binary::Mul), &[a, b]) = (&node.operation, node.inputs.as_slice()) else { return None };
        let swish = |x: ValueId, gate: ValueId| self.clipped(gate, value).filter(|source| *source == x);
        swish(a, b).or_else(|| swish(b, a)).map(|source| (source, Activation::HardSwish))
    }

    /// The x of clip(x + 3, 0, 6).
    fn clipped(&self, value: ValueId, output: ValueId) -> Option<ValueId> {
        let (Activation::Clip(0.0, 6.0), sum) = self.inner(value, output)? else { return None };
        let (_, node) = self.own_producer(sum).filter(|_| self.may_skip_rounding(sum, value))?;
        match (&node.operation, node.inputs.as_slice()) {
            (Operation::Binary(Binary::Add), &[x, three]) if self.number(three) == Some(3.0) => Some(x),
            _ => None,
        }
    }

    /// The function that gives a value which `output`'s node alone uses, and of what.
    fn inner(&self, value: ValueId, output: ValueId) -> Option<(Activation, ValueId)> {
        let (_, node) = self.own_producer(value).filter(|_| self.may_skip_rounding(value, output))?;
        match (&node.operation, node.inputs.as_slice()) {
            (Operation::Activation(activation), &[x]) => Some((*activation, x)),
            _ => None,
        }
    }
}

fn is_hard(alpha: f32, beta: f32) -> bool {
    (alpha - 1.0 / 6.0).abs() <= CLOSE && (beta - 0.5).abs() <= CLOSE
}
