//! Operations on tensors row by row, which [`crate::engine::plain`] does.

use super::{Memory, Place};
use crate::engine::graph::{Grid, Operation};
use std::sync::Arc;

/// A tensor: where it is, and its shape.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    /// Where.
    pub(crate) place: Place,
    /// Lengths of the axes.
    pub(crate) shape: Vec<usize>,
}

/// An operation on tensors of floats, row by row.
#[derive(Debug, Clone)]
pub(crate) struct PlainStep {
    /// What is done.
    pub(crate) operation: Arc<Operation>,
    /// To what.
    pub(crate) inputs: Vec<Located>,
    /// The result.
    pub(crate) output: Located,
    /// What the result is rounded to.
    pub(crate) grid: Option<Grid>,
}

impl PlainStep {
    /// Does it.
    ///
    /// # Safety
    /// The tensors are where their places say, and nothing else uses the output's.
    pub(super) unsafe fn run(&self, memory: &Memory) {
        let numbers = |tensor: &Located| tensor.shape.iter().product();
        let input =
            |tensor: &Located| unsafe { std::slice::from_raw_parts(memory.read(&tensor.place), numbers(tensor)) };
        let inputs: Vec<(&[f32], &[usize])> =
            self.inputs.iter().map(|tensor| (input(tensor), &tensor.shape[..])).collect();
        let output = unsafe { std::slice::from_raw_parts_mut(memory.write(&self.output.place), numbers(&self.output)) };
        crate::engine::plain::run(&self.operation, &inputs, output, &self.output.shape);
        if let Some(grid) = self.grid {
            output.iter_mut().for_each(|x| *x = grid.round(*x));
        }
    }
}
