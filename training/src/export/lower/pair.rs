//! Two traces of one forward, operation by operation: which sizes stay and which follow the inputs.

use super::super::ExportError;
use super::super::trace::Trace;
use burn::backend::capture::TensorId;
use burn::backend::ir::{IrVisitorMut, ModuleOperationIr, OperationIr, TensorIr, TensorStatus};
use burn::tensor::{Shape, Slice};
use std::collections::HashMap;

/// Sizes of a tensor's axes in the first and in the second trace.
pub(super) type Sizes = Vec<[usize; 2]>;

/// The operations of the first trace, each with its counterpart in the second.
pub(super) struct Pairs<'a> {
    pub(super) operations: Vec<(&'a OperationIr, &'a OperationIr)>,
    tensors: HashMap<TensorId, (TensorIr, Sizes)>,
}

impl<'a> Pairs<'a> {
    /// Without a second trace nothing is dynamic.
    pub(super) fn new(first: &'a Trace, second: Option<&'a Trace>) -> Result<Self, ExportError> {
        let second = second.unwrap_or(first);
        let (own, other) = (operations(first), operations(second));
        if own.len() != other.len() {
            return Err(ExportError::Sizes(format!("{} operations and {} at other sizes", own.len(), other.len())));
        }
        let mut pairs = Self { operations: own.into_iter().zip(other).collect(), tensors: HashMap::new() };
        let boundary = |trace: &Trace| [&trace.graph.graph.inputs[..], &trace.graph.graph.outputs].concat();
        let mut partner = HashMap::new();
        for (one, two) in boundary(first).into_iter().zip(boundary(second)) {
            pairs.add_constant(first, second, [one, two]);
            partner.insert(one, two);
        }
        for index in 0..pairs.operations.len() {
            let (one, two) = pairs.operations[index];
            if bare(one) != bare(two) {
                return Err(ExportError::Sizes(format!("{one:?} is {two:?} at other sizes")));
            }
            for (one, two) in one.nodes().into_iter().zip(two.nodes()) {
                if *partner.entry(one.id).or_insert(two.id) != two.id {
                    return Err(ExportError::Sizes(format!("other operands at other sizes of {:?}", one.shape)));
                }
                same_constant(first, second, [one, two])?;
                pairs.add(one, two.shape.iter());
            }
        }
        Ok(pairs)
    }

    fn add<'s>(&mut self, tensor: &TensorIr, other: impl Iterator<Item = &'s usize>) {
        let sizes = tensor.shape.iter().zip(other).map(|(one, two)| [*one, *two]).collect();
        self.tensors.insert(tensor.id, (tensor.clone(), sizes));
    }

    /// An input or output that no operation may touch is known by its value.
    fn add_constant(&mut self, first: &Trace, second: &Trace, [one, two]: [TensorId; 2]) {
        if let (Some(one_value), Some(two_value)) = (first.graph.values.get(&one), second.graph.values.get(&two)) {
            let shape = Shape::from(one_value.shape().to_vec());
            let tensor = TensorIr { id: one, shape, status: TensorStatus::ReadOnly, dtype: one_value.dtype() };
            self.add(&tensor, two_value.shape().iter());
        }
    }

    /// The sizes of a tensor of the first trace.
    pub(super) fn sizes(&self, id: TensorId) -> &[[usize; 2]] {
        self.tensors.get(&id).map_or(&[], |(_, sizes)| sizes)
    }

    pub(super) fn tensor(&self, id: TensorId) -> Option<TensorIr> {
        self.tensors.get(&id).map(|(tensor, _)| tensor.clone())
    }
}

fn operations(trace: &Trace) -> Vec<&OperationIr> {
    let kept = |op: &&OperationIr| !matches!(op, OperationIr::Init(_) | OperationIr::Drop(_));
    trace.graph.graph.operations.iter().filter(kept).collect()
}

/// A constant in the file cannot follow an axis.
fn same_constant(first: &Trace, second: &Trace, [one, two]: [&TensorIr; 2]) -> Result<(), ExportError> {
    if first.graph.graph.inputs.contains(&one.id) {
        return Ok(());
    }
    let values = [first.graph.values.get(&one.id), second.graph.values.get(&two.id)];
    if values[0] == values[1] {
        return Ok(());
    }
    let shapes = format!("a constant of shape {:?} becomes another of shape {:?}", one.shape, two.shape);
    Err(ExportError::Sizes(shapes))
}

/// An operation without what may follow the sizes: tensors, slices' ends, the size of a resized picture.
fn bare(operation: &OperationIr) -> OperationIr {
    let mut bare = operation.clone();
    bare.visit_mut(&mut Blank);
    if let OperationIr::Module(ModuleOperationIr::Interpolate(op)) = &mut bare {
        op.output_size = [0, 0];
    }
    bare
}

struct Blank;

impl IrVisitorMut for Blank {
    fn visit_tensor_mut(&mut self, tensor: &mut TensorIr) {
        tensor.id = TensorId::new(0);
        tensor.status = TensorStatus::ReadOnly;
        // The rank stays.
        tensor.shape = Shape::from(vec![0; tensor.shape.num_dims()]);
    }

    fn visit_range_mut(&mut self, range: &mut Slice) {
        *range = Slice::new(0, None, range.step);
    }
}
