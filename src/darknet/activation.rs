//! Activation functions: their names in a cfg and their ONNX nodes.

use super::emit::Emitter;
use crate::onnx::Attribute;

/// What a layer applies to each number of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x
    Linear,
    /// 1 / (1 + e⁻ˣ)
    Logistic,
    /// max(x, 0)
    Relu,
    /// x within 0..=6
    Relu6,
    /// x, or 0.1·x below 0
    Leaky,
    /// eˣ − 1 below 0, x above
    Elu,
    /// tanh x
    Tanh,
    /// x·logistic(x) (Ramachandran et al. 2017, <https://arxiv.org/abs/1710.05941>)
    Swish,
    /// x·tanh(ln(1 + eˣ)) (Misra 2019, <https://arxiv.org/abs/1908.08681>)
    Mish,
    /// (x + 3) / 6 within 0..=1 (Howard et al. 2019, <https://arxiv.org/abs/1905.02244>)
    HardSigmoid,
    /// x·`hard_sigmoid`(x), of the same paper
    HardSwish,
    /// x above 0, x²/2 + x down to −2, 0 below
    HardMish,
}

impl Activation {
    /// The function of this name in a cfg. Darknet takes any other name for `relu`; here it is `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "linear" => Self::Linear,
            "logistic" => Self::Logistic,
            "relu" => Self::Relu,
            "relu6" => Self::Relu6,
            "leaky" => Self::Leaky,
            "elu" => Self::Elu,
            "tanh" => Self::Tanh,
            "swish" => Self::Swish,
            "mish" => Self::Mish,
            "hard_sigmoid" => Self::HardSigmoid,
            "hard_swish" => Self::HardSwish,
            "hard_mish" => Self::HardMish,
            _ => return None,
        })
    }

    /// Emits the nodes that take `x` to `out`. [`Activation::Linear`] is none: the caller passes `x` on.
    pub(super) fn emit(self, emitter: &mut Emitter, x: &str, out: &str) {
        let part = |suffix: &str| format!("{out}.{suffix}");
        match self {
            Self::Linear => {}
            Self::Logistic => emitter.node("Sigmoid", &[x], out, vec![]),
            Self::Relu => emitter.node("Relu", &[x], out, vec![]),
            Self::Relu6 => clip(emitter, x, out, [0.0, 6.0]),
            Self::Leaky => emitter.node("LeakyRelu", &[x], out, vec![Attribute::float("alpha", 0.1)]),
            Self::Elu => emitter.node("Elu", &[x], out, vec![]),
            Self::Tanh => emitter.node("Tanh", &[x], out, vec![]),
            Self::Swish => {
                emitter.node("Sigmoid", &[x], &part("sigmoid"), vec![]);
                emitter.node("Mul", &[x, &part("sigmoid")], out, vec![]);
            }
            Self::Mish => {
                emitter.node("Softplus", &[x], &part("softplus"), vec![]);
                emitter.node("Tanh", &[&part("softplus")], &part("tanh"), vec![]);
                emitter.node("Mul", &[x, &part("tanh")], out, vec![]);
            }
            Self::HardSigmoid => hard_sigmoid(emitter, x, out),
            Self::HardSwish => {
                hard_sigmoid(emitter, x, &part("sigmoid"));
                emitter.node("Mul", &[x, &part("sigmoid")], out, vec![]);
            }
            Self::HardMish => hard_mish(emitter, x, out),
        }
    }
}

fn clip(emitter: &mut Emitter, x: &str, out: &str, bounds: [f32; 2]) {
    let min = emitter.scalar(&format!("{out}.min"), bounds[0]);
    let max = emitter.scalar(&format!("{out}.max"), bounds[1]);
    emitter.node("Clip", &[x, &min, &max], out, vec![]);
}

fn hard_sigmoid(emitter: &mut Emitter, x: &str, out: &str) {
    let attributes = vec![Attribute::float("alpha", 1.0 / 6.0), Attribute::float("beta", 0.5)];
    emitter.node("HardSigmoid", &[x], out, attributes);
}

/// With c = x clipped to −2..=0, the three pieces are one sum: max(x, 0) + c·(c/2 + 1).
fn hard_mish(emitter: &mut Emitter, x: &str, out: &str) {
    let part = |suffix: &str| format!("{out}.{suffix}");
    let half = emitter.scalar(&part("half"), 0.5);
    let one = emitter.scalar(&part("one"), 1.0);
    clip(emitter, x, &part("clip"), [-2.0, 0.0]);
    emitter.node("Mul", &[&part("clip"), &half], &part("slope"), vec![]);
    emitter.node("Add", &[&part("slope"), &one], &part("factor"), vec![]);
    emitter.node("Mul", &[&part("clip"), &part("factor")], &part("below"), vec![]);
    emitter.node("Relu", &[x], &part("above"), vec![]);
    emitter.node("Add", &[&part("above"), &part("below")], out, vec![]);
}
