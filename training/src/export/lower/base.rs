//! Operations on tensors of any type: shape, order, choice.

use super::{Lowered, Lowering, refuse, unknown};
use burn::backend::ir::{BaseOperationIr, ReduceDimOpIr, ReduceOpIr, ScalarIr, TensorIr};
use ocelli::onnx::{Attribute, BOOL, INT64};

impl Lowering<'_> {
    pub(super) fn base(&mut self, index: usize, op: &BaseOperationIr) -> Lowered {
        match op {
            BaseOperationIr::Reshape(op) => self.reshape(op),
            BaseOperationIr::Expand(op) => self.expand(op),
            BaseOperationIr::SwapDims(op) => {
                let mut axes: Vec<usize> = (0..op.out.shape.num_dims()).collect();
                axes.swap(op.dim1, op.dim2);
                self.transpose(&op.input, &op.out, &axes)
            }
            BaseOperationIr::Permute(op) => self.transpose(&op.input, &op.out, &op.axes),
            BaseOperationIr::Cat(op) => {
                let parts = op.tensors.iter().map(|tensor| self.read(tensor)).collect();
                self.emit("Concat", parts, &op.out, vec![axis(op.dim)]);
                Ok(())
            }
            BaseOperationIr::Slice(op) => self.slice(index, op),
            BaseOperationIr::SliceAssign(op) => self.slice_assign(index, op),
            BaseOperationIr::Flip(op) => {
                let input = self.read(&op.input);
                let inputs = self.flip(input, &op.axes);
                self.emit("Slice", inputs, &op.out, vec![]);
                Ok(())
            }
            BaseOperationIr::RepeatDim(op) => {
                let mut times = vec![1; op.out.shape.num_dims()];
                times[op.dim] = op.times as i64;
                let inputs = vec![self.read(&op.tensor), self.integers(&times)];
                self.emit("Tile", inputs, &op.out, vec![]);
                Ok(())
            }
            BaseOperationIr::Cast(op) => self.cast(op),
            _ => self.choice(op),
        }
    }

    /// Operations that look at values.
    fn choice(&mut self, op: &BaseOperationIr) -> Lowered {
        match op {
            BaseOperationIr::Select(op) => self.along("Gather", [&op.tensor, &op.indices], op.dim, &op.out),
            BaseOperationIr::Gather(op) => self.along("GatherElements", [&op.tensor, &op.indices], op.dim, &op.out),
            BaseOperationIr::MaskWhere(op) => self.node("Where", &[&op.mask, &op.value, &op.tensor], &op.out),
            BaseOperationIr::MaskFill(op) => {
                let value = self.scalar(op.tensor.dtype, op.value)?;
                let inputs = vec![self.read(&op.mask), value, self.read(&op.tensor)];
                self.emit("Where", inputs, &op.out, vec![]);
                Ok(())
            }
            BaseOperationIr::Equal(op) => self.node("Equal", &[&op.lhs, &op.rhs], &op.out),
            BaseOperationIr::EqualElem(op) => self.with_scalar("Equal", op),
            BaseOperationIr::NotEqual(op) => {
                let inputs = vec![self.read(&op.lhs), self.read(&op.rhs)];
                let equal = self.inner("Equal", inputs, vec![]);
                self.emit("Not", vec![equal], &op.out, vec![]);
                Ok(())
            }
            BaseOperationIr::NotEqualElem(op) => {
                let inputs = vec![self.read(&op.lhs), self.scalar(op.lhs.dtype, op.rhs)?];
                let equal = self.inner("Equal", inputs, vec![]);
                self.emit("Not", vec![equal], &op.out, vec![]);
                Ok(())
            }
            BaseOperationIr::Zeros(op) | BaseOperationIr::Empty(op) => self.fill(&op.out, ScalarIr::Int(0)),
            BaseOperationIr::Ones(op) => self.fill(&op.out, ScalarIr::Int(1)),
            BaseOperationIr::All(op) => self.truth_of_all("ReduceMin", op),
            BaseOperationIr::Any(op) => self.truth_of_all("ReduceMax", op),
            BaseOperationIr::AllDim(op) => self.truth_along("ReduceMin", op),
            BaseOperationIr::AnyDim(op) => self.truth_along("ReduceMax", op),
            _ => unknown(),
        }
    }

    /// `Where` knows no truth values in onnxruntime.
    pub(super) fn base_of_bools(&mut self, index: usize, op: &BaseOperationIr) -> Lowered {
        match op {
            BaseOperationIr::MaskWhere(_) | BaseOperationIr::MaskFill(_) => {
                refuse("truth values cannot be chosen by a mask; use logic on them")
            }
            _ => self.base(index, op),
        }
    }

    fn transpose(&mut self, input: &TensorIr, out: &TensorIr, axes: &[usize]) -> Lowered {
        let axes = axes.iter().map(|axis| *axis as i64).collect();
        let input = self.read(input);
        self.emit("Transpose", vec![input], out, vec![Attribute::ints("perm", axes)]);
        Ok(())
    }

    /// A node with an axis.
    pub(super) fn along(&mut self, op_type: &str, inputs: [&TensorIr; 2], dim: usize, out: &TensorIr) -> Lowered {
        let inputs = inputs.iter().map(|tensor| self.read(tensor)).collect();
        self.emit(op_type, inputs, out, vec![axis(dim)]);
        Ok(())
    }

    /// Reductions know no truth values: they go by way of integers.
    fn numbers_of_truths(&mut self, input: &TensorIr) -> String {
        let input = self.read(input);
        let truth = self.inner("Cast", vec![input], vec![Attribute::int("to", BOOL.into())]);
        self.inner("Cast", vec![truth], vec![Attribute::int("to", INT64.into())])
    }

    fn truth_along(&mut self, op_type: &str, op: &ReduceDimOpIr) -> Lowered {
        let numbers = self.numbers_of_truths(&op.input);
        let attributes = vec![Attribute::ints("axes", vec![op.axis as i64]), Attribute::int("keepdims", 1)];
        let reduced = self.inner(op_type, vec![numbers], attributes);
        self.emit_cast(reduced, &op.out)
    }

    fn truth_of_all(&mut self, op_type: &str, op: &ReduceOpIr) -> Lowered {
        let numbers = self.numbers_of_truths(&op.input);
        let reduced = self.inner(op_type, vec![numbers], vec![Attribute::int("keepdims", 0)]);
        let one = self.integers(&[1]);
        let reduced = self.inner("Reshape", vec![reduced, one], vec![]);
        self.emit_cast(reduced, &op.out)
    }
}

pub(super) fn axis(dim: usize) -> Attribute {
    Attribute::int("axis", dim as i64)
}
