//! Functions of floats and activations.

use super::base::axis;
use super::{Lowered, Lowering, refuse, unknown};
use burn::backend::ir::{ActivationOperationIr, FloatOperationIr, ScalarIr, TensorIr, UnaryOpIr};
use ocelli::onnx::Attribute;

impl Lowering<'_> {
    pub(super) fn float(&mut self, op: &FloatOperationIr) -> Lowered {
        use FloatOperationIr as F;
        match op {
            F::Exp(op) => self.unary("Exp", op),
            F::Log(op) => self.unary("Log", op),
            F::Erf(op) => self.unary("Erf", op),
            F::Sqrt(op) => self.unary("Sqrt", op),
            F::Sin(op) => self.unary("Sin", op),
            F::Cos(op) => self.unary("Cos", op),
            F::Tan(op) => self.unary("Tan", op),
            F::Sinh(op) => self.unary("Sinh", op),
            F::Cosh(op) => self.unary("Cosh", op),
            F::Tanh(op) => self.unary("Tanh", op),
            F::ArcSin(op) => self.unary("Asin", op),
            F::ArcCos(op) => self.unary("Acos", op),
            F::ArcTan(op) => self.unary("Atan", op),
            F::Round(op) => self.unary("Round", op),
            F::Floor(op) => self.unary("Floor", op),
            F::Ceil(op) => self.unary("Ceil", op),
            F::Recip(op) => self.unary("Reciprocal", op),
            F::Log1p(op) => {
                let inputs = vec![self.read(&op.input), self.scalar(op.input.dtype, ScalarIr::Float(1.0))?];
                let more = self.inner("Add", inputs, vec![]);
                self.emit("Log", vec![more], &op.out, vec![]);
                Ok(())
            }
            F::Powf(op) => self.binary("Pow", op),
            F::PowfScalar(op) => self.with_scalar("Pow", op),
            F::Matmul(op) => self.node("MatMul", &[&op.lhs, &op.rhs], &op.out),
            F::IntoInt(op) => self.cast(op),
            F::Random(_) => refuse("chance has no place in a file"),
            _ => unknown(),
        }
    }

    pub(super) fn activation(&mut self, op: &ActivationOperationIr) -> Lowered {
        use ActivationOperationIr as A;
        match op {
            A::Relu(op) => self.unary("Relu", op),
            A::Sigmoid(op) => self.unary("Sigmoid", op),
            A::LeakyRelu(op) => {
                let input = self.read(&op.lhs);
                self.emit("LeakyRelu", vec![input], &op.out, vec![Attribute::float("alpha", op.rhs.elem())]);
                Ok(())
            }
            A::PRelu(op) => self.node("PRelu", &[&op.lhs, &op.rhs], &op.out),
            A::HardSigmoid(op) => {
                let input = self.read(&op.tensor);
                let (alpha, beta) = (op.alpha.elem(), op.beta.elem());
                let attributes = vec![Attribute::float("alpha", alpha), Attribute::float("beta", beta)];
                self.emit("HardSigmoid", vec![input], &op.out, attributes);
                Ok(())
            }
            A::LogSigmoid(op) => {
                let input = self.read(&op.input);
                let negative = self.inner("Neg", vec![input], vec![]);
                let plus = self.inner("Softplus", vec![negative], vec![]);
                self.emit("Neg", vec![plus], &op.out, vec![]);
                Ok(())
            }
            A::Softmax(op) => self.softmax("Softmax", &op.input, op.axis, &op.out),
            A::LogSoftmax(op) => self.softmax("LogSoftmax", &op.input, op.axis, &op.out),
            A::Softmin(op) => {
                let input = self.read(&op.input);
                let negative = self.inner("Neg", vec![input], vec![]);
                self.emit("Softmax", vec![negative], &op.out, vec![axis(op.axis)]);
                Ok(())
            }
            A::Gelu(op) => self.gelu(op),
            _ => unknown(),
        }
    }

    fn unary(&mut self, op_type: &str, op: &UnaryOpIr) -> Lowered {
        self.node(op_type, &[&op.input], &op.out)
    }

    fn softmax(&mut self, op_type: &str, input: &TensorIr, dim: usize, out: &TensorIr) -> Lowered {
        let input = self.read(input);
        self.emit(op_type, vec![input], out, vec![axis(dim)]);
        Ok(())
    }

    /// x / 2 · (1 + erf(x / √2)): the operator set has no node of it.
    fn gelu(&mut self, op: &UnaryOpIr) -> Lowered {
        let dtype = op.input.dtype;
        let constants =
            [std::f64::consts::FRAC_1_SQRT_2, 1.0, 0.5].map(|value| self.scalar(dtype, ScalarIr::Float(value)));
        let [root, one, half] = constants;
        let (root, one, half, input) = (root?, one?, half?, self.read(&op.input));
        let scaled = self.inner("Mul", vec![input.clone(), root], vec![]);
        let erf = self.inner("Erf", vec![scaled], vec![]);
        let sum = self.inner("Add", vec![erf, one], vec![]);
        let halved = self.inner("Mul", vec![input, half], vec![]);
        self.emit("Mul", vec![halved, sum], &op.out, vec![]);
        Ok(())
    }
}
