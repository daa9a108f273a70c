//! burn spells a linear layer out as reshapes and a matrix product, in one of two ways that it chooses by the sizes: two
//! traces of one layer may differ. Here it becomes the one operation that it is.

use super::super::trace::Trace;
use burn::backend::capture::TensorId;
use burn::backend::ir::{
    BaseOperationIr, BinaryOpIr, FloatOperationIr, LinearOpIr, MatmulOpIr, ModuleOperationIr, NumericOperationIr,
    OperationIr, ShapeOpIr, TensorIr,
};
use std::collections::HashMap;

/// The operations of a trace, linear layers in one piece.
pub(super) fn operations(trace: &Trace) -> Vec<OperationIr> {
    let kept = |op: &&OperationIr| !matches!(op, OperationIr::Init(_) | OperationIr::Drop(_));
    let all: Vec<&OperationIr> = trace.graph.graph.operations.iter().filter(kept).collect();
    let mut uses: HashMap<TensorId, usize> = HashMap::new();
    let outputs = trace.graph.graph.outputs.iter().copied();
    for id in all.iter().flat_map(|op| op.inputs().map(|tensor| tensor.id)).chain(outputs) {
        *uses.entry(id).or_default() += 1;
    }
    let mut operations = Vec::new();
    let mut rest = &all[..];
    while let Some(first) = rest.first() {
        match linear(rest, &uses) {
            Some((op, length)) => {
                operations.push(OperationIr::Module(ModuleOperationIr::Linear(op)));
                rest = &rest[length..];
            }
            None => {
                operations.push((*first).clone());
                rest = &rest[1..];
            }
        }
    }
    operations
}

/// The linear layer that these operations start with, and of how many it is made.
fn linear(operations: &[&OperationIr], uses: &HashMap<TensorId, usize>) -> Option<(LinearOpIr, usize)> {
    let inner = |tensor: &TensorIr| uses.get(&tensor.id) == Some(&1);
    let shaped = reshape(operations.first()?).filter(|op| inner(&op.out));
    let mut next = usize::from(shaped.is_some());
    let product = matmul(operations.get(next)?)?;
    next += 1;
    let (x, weight, folded) = match shaped {
        None => (&product.lhs, &product.rhs, false),
        Some(rows) if rows.out.id == product.lhs.id => (&rows.input, &product.rhs, true),
        Some(raised) if raised.out.id == product.rhs.id => (&product.lhs, &raised.input, false),
        Some(_) => return None,
    };
    let [width, features] = weight.shape[..] else { return None };
    if x.shape.last() != Some(&width) || (folded && product.lhs.shape.last() != Some(&width)) {
        return None;
    }
    if !folded && product.out.shape.num_dims() != x.shape.num_dims() {
        return None;
    }
    let (mut out, mut bias) = (&product.out, None);
    let following = (operations.get(next).and_then(|op| reshape(op)), operations.get(next + 1).and_then(|op| add(op)));
    if let (Some(raised), Some(sum)) = following
        && (sum.lhs.id, sum.rhs.id) == (out.id, raised.out.id)
        && inner(out)
        && inner(&raised.out)
        && raised.input.shape[..] == [features]
        && raised.out.shape.last() == Some(&features)
    {
        (out, bias) = (&sum.out, Some(raised.input.clone()));
        next += 2;
    }
    if folded {
        let unfolded = reshape(operations.get(next)?).filter(|op| op.input.id == out.id && inner(out))?;
        let leading = x.shape.num_dims() - 1;
        if unfolded.out.shape.num_dims() != leading + 1 || unfolded.out.shape[..leading] != x.shape[..leading] {
            return None;
        }
        out = &unfolded.out;
        next += 1;
    }
    Some((LinearOpIr { x: x.clone(), weight: weight.clone(), bias, out: out.clone() }, next))
}

fn reshape(operation: &OperationIr) -> Option<&ShapeOpIr> {
    match operation {
        OperationIr::BaseFloat(BaseOperationIr::Reshape(op)) => Some(op),
        _ => None,
    }
}

fn matmul(operation: &OperationIr) -> Option<&MatmulOpIr> {
    match operation {
        OperationIr::Float(_, FloatOperationIr::Matmul(op)) => Some(op),
        _ => None,
    }
}

fn add(operation: &OperationIr) -> Option<&BinaryOpIr> {
    match operation {
        OperationIr::NumericFloat(_, NumericOperationIr::Add(op)) => Some(op),
        _ => None,
    }
}
