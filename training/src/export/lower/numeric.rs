//! Arithmetic, comparisons, reductions and sorting, of floats and integers alike.

use super::base::axis;
use super::{Lowered, Lowering, refuse, unknown};
use burn::backend::ir::{
    BinaryOpIr, NumericOperationIr, PadModeIr, PadOpIr, ReduceDimOpIr, ReduceOpIr, ScalarOpIr, TensorIr,
};
use burn::tensor::DType;
use ocelli::onnx::Attribute;

impl Lowering<'_> {
    pub(super) fn numeric(&mut self, op: &NumericOperationIr) -> Lowered {
        use NumericOperationIr as N;
        match op {
            N::Add(op) => self.binary("Add", op),
            N::Sub(op) => self.binary("Sub", op),
            N::Mul(op) => self.binary("Mul", op),
            N::Div(op) => self.binary("Div", op),
            N::Powi(op) => self.binary("Pow", op),
            N::AddScalar(op) => self.with_scalar("Add", op),
            N::SubScalar(op) => self.with_scalar("Sub", op),
            N::MulScalar(op) => self.with_scalar("Mul", op),
            N::DivScalar(op) => self.with_scalar("Div", op),
            N::PowiScalar(op) => self.with_scalar("Pow", op),
            N::Rem(op) => {
                let operands = [self.read(&op.lhs), self.read(&op.rhs)];
                self.remainder(operands, &op.out)
            }
            N::RemScalar(op) => {
                let operands = [self.read(&op.lhs), self.scalar(op.lhs.dtype, op.rhs)?];
                self.remainder(operands, &op.out)
            }
            N::Abs(op) => self.node("Abs", &[&op.input], &op.out),
            N::Neg(op) => self.node("Neg", &[&op.input], &op.out),
            N::Sign(op) => self.node("Sign", &[&op.input], &op.out),
            N::Full(op) => self.full(op),
            N::Clamp(op) => {
                let (low, high) = (self.scalar(op.tensor.dtype, op.min)?, self.scalar(op.tensor.dtype, op.max)?);
                let inputs = vec![self.read(&op.tensor), low, high];
                self.emit("Clip", inputs, &op.out, vec![]);
                Ok(())
            }
            N::ClampMin(op) => self.with_scalar("Max", op),
            N::ClampMax(op) => self.with_scalar("Min", op),
            N::Pad(op) => self.pad(op),
            _ => self.compare_or_reduce(op),
        }
    }

    fn compare_or_reduce(&mut self, op: &NumericOperationIr) -> Lowered {
        use NumericOperationIr as N;
        match op {
            N::Greater(op) => self.binary("Greater", op),
            N::GreaterElem(op) => self.with_scalar("Greater", op),
            N::GreaterEqual(op) => self.binary("GreaterOrEqual", op),
            N::GreaterEqualElem(op) => self.with_scalar("GreaterOrEqual", op),
            N::Lower(op) => self.binary("Less", op),
            N::LowerElem(op) => self.with_scalar("Less", op),
            N::LowerEqual(op) => self.binary("LessOrEqual", op),
            N::LowerEqualElem(op) => self.with_scalar("LessOrEqual", op),
            N::Sum(op) => self.reduce_all("ReduceSum", op),
            N::Mean(op) => self.reduce_all("ReduceMean", op),
            N::Prod(op) => self.reduce_all("ReduceProd", op),
            N::Max(op) => self.reduce_all("ReduceMax", op),
            N::Min(op) => self.reduce_all("ReduceMin", op),
            N::SumDims(op) => {
                let axes: Vec<i64> = op.axes.iter().map(|axis| *axis as i64).collect();
                let inputs = vec![self.read(&op.input), self.integers(&axes)];
                self.emit("ReduceSum", inputs, &op.out, vec![Attribute::int("keepdims", 1)]);
                Ok(())
            }
            N::SumDim(op) => {
                let inputs = vec![self.read(&op.input), self.integers(&[op.axis as i64])];
                self.emit("ReduceSum", inputs, &op.out, vec![Attribute::int("keepdims", 1)]);
                Ok(())
            }
            N::MeanDim(op) => self.reduce("ReduceMean", &op.input, op.axis, &op.out),
            N::ProdDim(op) => self.reduce("ReduceProd", &op.input, op.axis, &op.out),
            N::MaxDim(op) => self.reduce("ReduceMax", &op.input, op.axis, &op.out),
            N::MinDim(op) => self.reduce("ReduceMin", &op.input, op.axis, &op.out),
            N::MaxAbsDim(op) => self.largest_magnitude(op),
            N::ArgMax(op) => self.place_of("ArgMax", &op.input, op.axis, &op.out),
            N::ArgMin(op) => self.place_of("ArgMin", &op.input, op.axis, &op.out),
            N::MaxDimWithIndices(op) => {
                self.reduce("ReduceMax", &op.tensor, op.dim, &op.out)?;
                self.place_of("ArgMax", &op.tensor, op.dim, &op.out_indices)
            }
            N::MinDimWithIndices(op) => {
                self.reduce("ReduceMin", &op.tensor, op.dim, &op.out)?;
                self.place_of("ArgMin", &op.tensor, op.dim, &op.out_indices)
            }
            _ => self.sort(op),
        }
    }

    fn sort(&mut self, op: &NumericOperationIr) -> Lowered {
        use NumericOperationIr as N;
        match op {
            N::TopK(op) => self.top(&op.input, op.axis, op.accumulator_len, true, [Some(&op.out), None]),
            N::ArgTopK(op) => self.top(&op.input, op.axis, op.accumulator_len, true, [None, Some(&op.out)]),
            N::TopKWithIndices(op) => self.top(&op.tensor, op.dim, op.k, true, [Some(&op.out), Some(&op.out_indices)]),
            N::Sort(op) => self.sorted(&op.input, op.dim, op.descending, [Some(&op.out), None]),
            N::ArgSort(op) => self.sorted(&op.input, op.dim, op.descending, [None, Some(&op.out)]),
            N::SortWithIndices(op) => {
                self.sorted(&op.input, op.dim, op.descending, [Some(&op.out), Some(&op.out_indices)])
            }
            N::CumSum(op) => {
                let axis = self.scalar(DType::I64, burn::backend::ir::ScalarIr::Int(op.axis as i64))?;
                let inputs = vec![self.read(&op.input), axis];
                self.emit("CumSum", inputs, &op.out, vec![]);
                Ok(())
            }
            _ => unknown(),
        }
    }

    fn sorted(&mut self, input: &TensorIr, dim: usize, descending: bool, out: [Option<&TensorIr>; 2]) -> Lowered {
        if self.is_dynamic(input.id, dim) {
            return refuse("a dynamic axis cannot be sorted");
        }
        self.top(input, dim, input.shape[dim], descending, out)
    }

    fn top(&mut self, input: &TensorIr, dim: usize, k: usize, largest: bool, out: [Option<&TensorIr>; 2]) -> Lowered {
        let inputs = vec![self.read(input), self.integers(&[k as i64])];
        let attributes = vec![axis(dim), Attribute::int("largest", largest.into()), Attribute::int("sorted", 1)];
        let values = match out[0] {
            Some(out) => self.define("top_k", out),
            None => self.fresh("top_k"),
        };
        let places = match out[1] {
            Some(out) if out.dtype != DType::I64 => return refuse("indices must be 64-bit integers"),
            Some(out) => self.define("top_k.indices", out),
            None => self.fresh("top_k.indices"),
        };
        self.several("TopK", inputs, vec![values, places], attributes);
        Ok(())
    }

    pub(super) fn binary(&mut self, op_type: &str, op: &BinaryOpIr) -> Lowered {
        self.node(op_type, &[&op.lhs, &op.rhs], &op.out)
    }

    pub(super) fn with_scalar(&mut self, op_type: &str, op: &ScalarOpIr) -> Lowered {
        let inputs = vec![self.read(&op.lhs), self.scalar(op.lhs.dtype, op.rhs)?];
        self.emit(op_type, inputs, &op.out, vec![]);
        Ok(())
    }

    /// burn's remainder has the divisor's sign, which ONNX's has for integers alone.
    fn remainder(&mut self, [own, divisor]: [String; 2], out: &TensorIr) -> Lowered {
        if !out.dtype.is_float() {
            self.emit("Mod", vec![own, divisor], out, vec![]);
            return Ok(());
        }
        let quotient = self.inner("Div", vec![own.clone(), divisor.clone()], vec![]);
        let whole = self.inner("Floor", vec![quotient], vec![]);
        let part = self.inner("Mul", vec![whole, divisor], vec![]);
        self.emit("Sub", vec![own, part], out, vec![]);
        Ok(())
    }

    fn reduce(&mut self, op_type: &str, input: &TensorIr, dim: usize, out: &TensorIr) -> Lowered {
        let input = self.read(input);
        let attributes = vec![Attribute::ints("axes", vec![dim as i64]), Attribute::int("keepdims", 1)];
        self.emit(op_type, vec![input], out, attributes);
        Ok(())
    }

    /// To one number, which burn gives as a list of one.
    fn reduce_all(&mut self, op_type: &str, op: &ReduceOpIr) -> Lowered {
        let input = self.read(&op.input);
        let reduced = self.inner(op_type, vec![input], vec![Attribute::int("keepdims", 0)]);
        let one = self.integers(&[1]);
        self.emit("Reshape", vec![reduced, one], &op.out, vec![]);
        Ok(())
    }

    fn largest_magnitude(&mut self, op: &ReduceDimOpIr) -> Lowered {
        let input = self.read(&op.input);
        let magnitude = self.inner("Abs", vec![input], vec![]);
        let attributes = vec![Attribute::ints("axes", vec![op.axis as i64]), Attribute::int("keepdims", 1)];
        self.emit("ReduceMax", vec![magnitude], &op.out, attributes);
        Ok(())
    }

    fn place_of(&mut self, op_type: &str, input: &TensorIr, dim: usize, out: &TensorIr) -> Lowered {
        let input = self.read(input);
        let attributes = vec![axis(dim), Attribute::int("keepdims", 1)];
        if out.dtype == DType::I64 {
            self.emit(op_type, vec![input], out, attributes);
            return Ok(());
        }
        let places = self.inner(op_type, vec![input], attributes);
        self.emit_cast(places, out)
    }

    fn pad(&mut self, op: &PadOpIr) -> Lowered {
        let before = op.padding.iter().map(|(before, _)| *before as i64);
        let pads: Vec<i64> = before.chain(op.padding.iter().map(|(_, after)| *after as i64)).collect();
        let mut inputs = vec![self.read(&op.input), self.integers(&pads)];
        let mode = match op.mode {
            PadModeIr::Constant(value) => {
                inputs.push(self.scalar(op.input.dtype, value)?);
                "constant"
            }
            PadModeIr::Reflect => "reflect",
            PadModeIr::Edge => "edge",
        };
        self.emit("Pad", inputs, &op.out, vec![Attribute::string("mode", mode)]);
        Ok(())
    }
}
