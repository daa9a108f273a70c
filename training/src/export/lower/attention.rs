//! Scaled dot-product attention (Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>), which the operator set has no
//! node of.

use super::base::axis;
use super::{Lowered, Lowering, Refusal, refuse};
use burn::backend::ir::{AttentionOpIr, ScalarIr, TensorIr};
use ocelli::onnx::Attribute;

impl Lowering<'_> {
    pub(super) fn attention(&mut self, op: &AttentionOpIr) -> Lowered {
        if op.options.is_causal {
            return refuse("give the causal mask as a tensor");
        }
        let dtype = op.query.dtype;
        let width = op.query.shape[3] as f64;
        let scale = op.options.scale.map_or_else(|| width.powf(-0.5), |scale| scale.elem());
        let scale = self.scalar(dtype, ScalarIr::Float(scale))?;
        let key = self.read(&op.key);
        let key = self.inner("Transpose", vec![key], vec![Attribute::ints("perm", vec![0, 1, 3, 2])]);
        let query = self.read(&op.query);
        let products = self.inner("MatMul", vec![query, key], vec![]);
        let mut scores = self.inner("Mul", vec![products, scale], vec![]);
        if let Some(cap) = op.options.softcap {
            scores = self.soft_cap(scores, op, cap)?;
        }
        if let Some(mask) = &op.mask {
            scores = self.masked(scores, mask, op)?;
        }
        if let Some(bias) = &op.attn_bias {
            let bias = self.read(bias);
            scores = self.inner("Add", vec![scores, bias], vec![]);
        }
        let weights = self.inner("Softmax", vec![scores], vec![axis(3)]);
        let value = self.read(&op.value);
        self.emit("MatMul", vec![weights, value], &op.out, vec![]);
        Ok(())
    }

    fn soft_cap(&mut self, scores: String, op: &AttentionOpIr, cap: ScalarIr) -> Result<String, Refusal> {
        let cap = self.scalar(op.query.dtype, cap)?;
        let part = self.inner("Div", vec![scores, cap.clone()], vec![]);
        let bent = self.inner("Tanh", vec![part], vec![]);
        Ok(self.inner("Mul", vec![bent, cap], vec![]))
    }

    /// The least finite number in place of -∞: a row that is masked throughout then has a mean, not NaN.
    fn masked(&mut self, scores: String, mask: &TensorIr, op: &AttentionOpIr) -> Result<String, Refusal> {
        let least = self.scalar(op.query.dtype, ScalarIr::Float(f64::from(f32::MIN)))?;
        let mask = self.read(mask);
        Ok(self.inner("Where", vec![mask, least, scores], vec![]))
    }
}
