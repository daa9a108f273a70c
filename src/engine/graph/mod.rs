//! A network as the native engine sees it: few operations, every shape known, floats only.
//!
//! `import` makes it from an ONNX file for given input shapes: what depends on shapes and constants alone is computed
//! there, so that no integer is left. `fuse` then brings what belongs to a convolution into it.

mod call;
mod constants;
mod fold;
mod fuse;
mod import;
mod operators;
mod shapes;

pub(crate) use fuse::fuse;
pub(crate) use import::{ImportError, import};

use bytes::Bytes;

/// A value's place in [`Graph::values`].
pub(crate) type ValueId = usize;

/// A network whose every shape is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// What flows along the edges; those that nothing uses any more may remain.
    pub(crate) values: Vec<Value>,
    /// Each stands after those whose outputs it uses.
    pub(crate) nodes: Vec<Node>,
    /// What the caller supplies, in the file's order.
    pub(crate) inputs: Vec<ValueId>,
    /// What the caller gets, in the file's order.
    pub(crate) outputs: Vec<ValueId>,
}

/// A tensor of 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    /// As in the file.
    pub(crate) name: String,
    /// Lengths of the axes.
    pub(crate) shape: Vec<usize>,
    /// The numbers, row by row, if they do not depend on the inputs.
    pub(crate) constant: Option<Vec<f32>>,
    /// The 8-bit grid that its numbers are rounded to, if the file says so (QuantizeLinear, then DequantizeLinear).
    pub(crate) grid: Option<Grid>,
}

/// 8-bit unsigned numbers q that stand for `(q − zero_point) · scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// Distance between neighbours.
    pub(crate) scale: f32,
    /// The q that stands for 0.
    pub(crate) zero_point: u8,
}

impl Grid {
    /// The number of the grid that is nearest.
    pub(crate) fn round(self, x: f32) -> f32 {
        let zero = f32::from(self.zero_point);
        (((x / self.scale).round_ties_even() + zero).clamp(0.0, 255.0) - zero) * self.scale
    }
}

/// An operation and its operands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// As in the file: that of the first of several nodes that became one.
    pub(crate) name: String,
    /// What is done.
    pub(crate) operation: Operation,
    /// To what.
    pub(crate) inputs: Vec<ValueId>,
    /// The result.
    pub(crate) output: ValueId,
}

/// What a node does.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// A convolution of `[n, channels, height, width]`, inputs: the map, and the one to be added if there is a residual.
    Convolution(Box<Convolution>),
    /// The largest number, or the mean, of each window.
    Pool(Pool),
    /// The mean of each channel: `[n, c, h, w]` to `[n, c, 1, 1]`.
    GlobalAveragePool,
    /// Each number becomes a block of so many rows and columns.
    Upsample {
        /// Rows and columns.
        factor: [usize; 2],
    },
    /// One function for each number.
    Activation(Activation),
    /// Two tensors, number by number, broadcast as in NumPy.
    Binary(Binary),
    /// Several tensors one after another along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// exp(x) over its sum along an axis.
    Softmax {
        /// The axis.
        axis: usize,
    },
    /// The same numbers in another shape: that of the output.
    Reshape,
    /// Axes in another order: axis i of the output is axis `order[i]` of the input.
    Transpose {
        /// The order.
        order: Vec<usize>,
    },
    /// Along each axis, from `starts`, every `steps` (which may be negative), as many as the output has.
    Slice {
        /// First index along each axis.
        starts: Vec<usize>,
        /// Step along each axis.
        steps: Vec<isize>,
    },
    /// What stands at these indices of an axis (which goes where the output has one axis less).
    Gather {
        /// The axis.
        axis: usize,
        /// The indices.
        indices: Vec<usize>,
    },
    /// A constant around the tensor.
    Pad {
        /// How much before each axis; what comes after follows from the output's shape.
        before: Vec<usize>,
        /// The constant.
        value: f32,
    },
}

/// A convolution, with all that belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    /// The filters.
    pub(crate) weights: Weights,
    /// Factor of each filter, as batch normalisation leaves it; empty for none.
    pub(crate) scale: Vec<f32>,
    /// Added to each output channel; never empty.
    pub(crate) bias: Vec<f32>,
    /// Rows and columns between neighbouring outputs.
    pub(crate) stride: [usize; 2],
    /// Rows and columns between neighbours in the window.
    pub(crate) dilation: [usize; 2],
    /// Zeros around the map: top, left, bottom, right.
    pub(crate) padding: [usize; 4],
    /// Groups of channels that do not see each other.
    pub(crate) groups: usize,
    /// Applied to the sum.
    pub(crate) activation: Activation,
    /// With a second input r, the result is `residual(activation(sum) + r)`.
    pub(crate) residual: Option<Activation>,
}

/// The filters of a convolution: `[outputs, inputs / groups, rows, columns]`.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// The axes.
    pub(crate) shape: [usize; 4],
    /// The numbers.
    pub(crate) elements: Elements,
}

/// Numbers as the file holds them: little-endian, row by row.
#[derive(Debug, Clone)]
pub(crate) enum Elements {
    /// 32-bit floats.
    F32(Bytes),
    /// 16-bit floats.
    F16(Bytes),
    /// Signed 8-bit integers, each times the scale of its output channel.
    I8 {
        /// The integers.
        integers: Bytes,
        /// One for each output channel.
        scales: Vec<f32>,
    },
}

/// A window moved over a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pool {
    /// The largest number, or the mean.
    pub(crate) kind: PoolKind,
    /// Rows and columns of the window.
    pub(crate) kernel: [usize; 2],
    /// Rows and columns between neighbouring outputs.
    pub(crate) stride: [usize; 2],
    /// Rows and columns between neighbours in the window.
    pub(crate) dilation: [usize; 2],
    /// What lies around the map: top, left, bottom, right.
    pub(crate) padding: [usize; 4],
}

/// What a pool takes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolKind {
    /// The largest number; what lies around the map does not count.
    Max,
    /// The mean of what lies on the map.
    Average,
    /// The mean of the whole window, zeros around the map included.
    AverageWithPadding,
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Activation {
    /// x
    Linear,
    /// max(x, 0)
    Relu,
    /// x, or α·x where negative
    Leaky(f32),
    /// x within limits
    Clip(f32, f32),
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// x · sigmoid(x)
    Silu,
    /// tanh x
    Tanh,
    /// x · tanh(ln(1 + eˣ))
    Mish,
    /// ln(1 + eˣ)
    Softplus,
    /// x, or α·(eˣ − 1) where negative
    Elu(f32),
    /// α·x + β within 0 and 1
    HardSigmoid(f32, f32),
    /// x · hard sigmoid(x) with α = 1/6, β = 1/2
    HardSwish,
    /// eˣ
    Exp,
    /// √x
    Sqrt,
    /// −x
    Neg,
    /// ln x
    Log,
    /// |x|
    Abs,
}

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// The larger one.
    Max,
    /// The smaller one.
    Min,
    /// a to the power of b
    Pow,
}

/// Why a graph cannot be run by the native engine: an operation, an attribute or a type that it does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unsupported(pub(crate) String);

impl Node {
    /// Whether it only rounds its input to the grid of its output.
    pub(crate) fn is_rounding(&self) -> bool {
        matches!(self.operation, Operation::Activation(Activation::Linear))
    }
}

impl Elements {
    /// The numbers' bytes.
    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Self::F32(bytes) | Self::F16(bytes) | Self::I8 { integers: bytes, .. } => bytes,
        }
    }

    /// Other numbers of the same kind.
    pub(crate) fn with_bytes(&self, bytes: Bytes) -> Self {
        match self {
            Self::F32(_) => Self::F32(bytes),
            Self::F16(_) => Self::F16(bytes),
            Self::I8 { scales, .. } => Self::I8 { integers: bytes, scales: scales.clone() },
        }
    }
}

impl Convolution {
    /// Rows and columns of the window.
    pub(crate) fn kernel(&self) -> [usize; 2] {
        [self.weights.shape[2], self.weights.shape[3]]
    }
}

impl Activation {
    /// The function's value.
    pub(crate) fn apply(self, x: f32) -> f32 {
        match self {
            Self::Linear => x,
            Self::Relu => x.max(0.0),
            Self::Leaky(alpha) => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            Self::Clip(low, high) => x.max(low).min(high),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Mish => x * Self::Softplus.apply(x).tanh(),
            Self::Softplus => {
                if x > 20.0 {
                    x
                } else {
                    x.exp().ln_1p()
                }
            }
            Self::Elu(alpha) => {
                if x < 0.0 {
                    alpha * x.exp_m1()
                } else {
                    x
                }
            }
            Self::HardSigmoid(alpha, beta) => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Exp => x.exp(),
            Self::Sqrt => x.sqrt(),
            Self::Neg => -x,
            Self::Log => x.ln(),
            Self::Abs => x.abs(),
        }
    }
}
