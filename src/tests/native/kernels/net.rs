//! Small networks, made node by node together with what they are to give.
//!
//! Inputs and weights are numbers that the precision holds exactly (bfloat16, steps of a grid), so that the only errors
//! left are those of the sums, of the functions, and of what is rounded in between. bfloat16 holds the points of Winograd's
//! tiles of two as well: sums of four inputs, and a quarter of nine weights.

use super::truth::{self, Function, Map, Pair, Taken, Window};
use crate::cases::{ints, node};
use ocelli::engine::Precision;
use ocelli::onnx::{Attribute, Extent, FLOAT, Graph, Model, Node, OperatorSet, TensorValue, UINT8, ValueInfo};
use ocelli::tensor::Tensor;

/// `TensorProto.DataType` of 8-bit signed integers.
const INT8: i32 = 3;

/// Errors of sums of floats, as a part of the largest sum.
const FINE: f64 = 2e-5;

/// Errors where numbers in between are rounded to bfloat16.
const COARSE: f64 = 1e-2;

/// A value of the network.
pub(super) type Id = usize;

/// Numbers q that stand for (q − zero) · scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) scale: f32,
    pub(super) zero: u8,
}

/// A convolution with all that may be fused into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Convolution {
    pub(super) window: Window,
    pub(super) function: Function,
    /// Added after the function, and what is done then.
    pub(super) residual: Option<(Id, Function)>,
}

struct Value {
    map: Map,
    /// Whether the precision holds each number.
    exact: bool,
    /// Whether something was rounded on the way.
    coarse: bool,
    grid: Option<Grid>,
}

/// A network on its way.
pub(super) struct Net {
    precision: Precision,
    /// Whether filters are floats in any precision.
    float_filters: bool,
    images: usize,
    state: u64,
    nodes: Vec<Node>,
    constants: Vec<TensorValue>,
    inputs: Vec<(Id, Vec<f32>)>,
    values: Vec<Value>,
    outputs: Vec<Id>,
}

/// What an output is to be.
pub(super) struct Expected {
    pub(super) shape: [usize; 4],
    pub(super) numbers: Vec<f64>,
    /// How far the numbers may be off, before they are rounded to the grid.
    pub(super) leave: f64,
    pub(super) grid: Option<Grid>,
}

/// A network, its inputs, and what is to come out.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) model: Model,
    pub(super) precision: Precision,
    pub(super) inputs: Vec<Tensor>,
    pub(super) outputs: Vec<Expected>,
}

/// The nearest number of three binary places.
fn short(x: f32) -> f32 {
    (x * 8.0).round() / 8.0
}

fn name(id: Id) -> String {
    format!("v{id}")
}

impl Net {
    pub(super) fn new(precision: Precision, images: usize) -> Self {
        Self {
            precision,
            float_filters: false,
            images,
            state: 0x9e37_79b9_7f4a_7c15,
            nodes: Vec::new(),
            constants: Vec::new(),
            inputs: Vec::new(),
            values: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// As [`Self::new`], with filters that are not quantised.
    pub(super) fn with_float_filters(precision: Precision, images: usize) -> Self {
        Self { float_filters: true, ..Self::new(precision, images) }
    }

    pub(super) fn shape(&self, id: Id) -> [usize; 4] {
        self.values[id].map.shape
    }

    /// Numbers from −1 to 1 (xorshift).
    fn random(&mut self, count: usize) -> Vec<f32> {
        let mut next = || {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            (self.state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn push(&mut self, map: Map, exact: bool, coarse: bool) -> Id {
        self.values.push(Value { map, exact, coarse, grid: None });
        self.values.len() - 1
    }

    /// The result of a node that takes other values; `moves` if it makes no new numbers.
    fn result(&mut self, operands: &[Id], map: Map, moves: bool) -> Id {
        let exact = moves && operands.iter().all(|id| self.values[*id].exact);
        let rounds = self.precision == Precision::Bf16;
        let coarse = operands.iter().map(|id| &self.values[*id]).any(|value| value.coarse || rounds && !value.exact);
        self.push(map, exact, coarse)
    }

    fn emit(&mut self, op_type: &str, operands: &str, output: &str, attributes: Vec<Attribute>) {
        self.nodes.push(node(op_type, operands, output, attributes));
    }

    /// An input of the network: `[channels, rows, columns]`.
    pub(super) fn input(&mut self, [channels, rows, columns]: [usize; 3]) -> Id {
        let shape = [self.images, channels, rows, columns];
        let mut numbers = self.random(shape.iter().product());
        // Each input has a grid of its own.
        let order = self.inputs.len();
        let grid = Grid { scale: 0.011 + 0.004 * order as f32, zero: 117 - 23 * order as u8 };
        for x in &mut numbers {
            match self.precision {
                Precision::F32 => {}
                Precision::Bf16 => *x = short(*x),
                Precision::Int8 => *x = (((*x + 1.0) * 127.5).round() - f32::from(grid.zero)) * grid.scale,
            }
        }
        let map = Map::new(shape, numbers.iter().map(|x| f64::from(*x)).collect());
        let id = self.push(map, true, false);
        self.inputs.push((id, numbers));
        if self.precision == Precision::Int8 { self.on_grid(id, grid) } else { id }
    }

    /// An input whose numbers lie between the steps of the grid that they are rounded to, a quarter of a step off.
    pub(super) fn rough_input(&mut self, shape: [usize; 3]) -> Id {
        let rounded = self.input(shape);
        let grid = self.values[rounded].grid.expect("a precision with grids");
        let (_, numbers) = self.inputs.last_mut().expect("the input");
        numbers.iter_mut().enumerate().for_each(|(place, x)| *x += grid.scale * [0.25, -0.25][place % 2]);
        rounded
    }

    /// A value whose numbers are steps of a grid already, rounded to it.
    fn on_grid(&mut self, id: Id, grid: Grid) -> Id {
        let map = self.values[id].map.clone();
        let rounded = self.push(map, true, false);
        self.values[rounded].grid = Some(grid);
        let (x, y) = (name(id), name(rounded));
        self.constants.push(TensorValue::floats(&format!("{y}.scale"), vec![], &[grid.scale]));
        self.constants.push(TensorValue::raw(&format!("{y}.zero"), vec![], UINT8, vec![grid.zero]));
        self.emit("QuantizeLinear", &format!("{x} {y}.scale {y}.zero"), &format!("{y}.q"), vec![]);
        self.emit("DequantizeLinear", &format!("{y}.q {y}.scale {y}.zero"), &y, vec![]);
        rounded
    }

    /// An input that has come to be a map blocked by channel: it went through a pool of one pixel.
    pub(super) fn map_input(&mut self, shape: [usize; 3]) -> Id {
        let input = self.input(shape);
        let one = Window { outputs: 0, groups: 1, kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4] };
        let pooled = self.pool(input, &one, Taken::Largest);
        match self.values[input].grid {
            Some(grid) => self.on_grid(pooled, grid),
            None => pooled,
        }
    }

    pub(super) fn convolution(&mut self, x: Id, convolution: &Convolution) -> Id {
        let Convolution { window, function, residual } = *convolution;
        let id = self.values.len();
        let per_group = self.shape(x)[1] / window.groups;
        let [weights, bias] = self.filters(id, per_group, &window);
        let sums = truth::convolution(&self.values[x].map, &window, &weights, &bias);
        let (sum, result) = (format!("v{id}.sum"), name(id));
        let attributes = vec![
            ints("kernel_shape", &window.kernel.map(|k| k as i64)),
            ints("strides", &window.stride.map(|k| k as i64)),
            ints("dilations", &window.dilation.map(|k| k as i64)),
            ints("pads", &window.pads.map(|k| k as i64)),
            Attribute::int("group", window.groups as i64),
        ];
        self.emit("Conv", &format!("{} v{id}.w v{id}.b", name(x)), &sum, attributes);
        let map = sums.apply(function);
        let Some((other, after)) = residual else {
            self.emit_function(function, &sum, &result);
            return self.result(&[x], map, false);
        };
        self.emit_function(function, &sum, &format!("v{id}.f"));
        self.emit("Add", &format!("v{id}.f {}", name(other)), &format!("v{id}.a"), vec![]);
        self.emit_function(after, &format!("v{id}.a"), &result);
        let map = truth::pair(&map, &self.values[other].map, Pair::Add).apply(after);
        self.result(&[x, other], map, false)
    }

    /// Makes the constants `v{id}.w` and `v{id}.b`, and returns their numbers.
    fn filters(&mut self, id: Id, per_group: usize, window: &Window) -> [Vec<f64>; 2] {
        let shape = [window.outputs, per_group, window.kernel[0], window.kernel[1]];
        let dims: Vec<i64> = shape.iter().map(|length| *length as i64).collect();
        let mut weights = self.random(shape.iter().product());
        let bias = self.random(window.outputs);
        self.constants.push(TensorValue::floats(&format!("v{id}.b"), vec![dims[0]], &bias));
        let bias = bias.iter().map(|x| f64::from(*x)).collect();
        if self.precision != Precision::Int8 || self.float_filters {
            if self.precision == Precision::Bf16 {
                weights.iter_mut().for_each(|x| *x = short(*x));
            }
            self.constants.push(TensorValue::floats(&format!("v{id}.w"), dims, &weights));
            return [weights.iter().map(|x| f64::from(*x)).collect(), bias];
        }
        // Beyond the ends, which therefore occur: sums of products of 16 bits would overflow.
        let integers: Vec<i8> = weights.iter().map(|x| (x * 140.0).round() as i8).collect();
        let scales: Vec<f32> = (0..window.outputs).map(|output| 0.002 + 0.0003 * (output % 7) as f32).collect();
        let each = weights.len() / window.outputs;
        let factors = integers.iter().enumerate().map(|(i, q)| f64::from(*q) * f64::from(scales[i / each])).collect();
        let bytes: Vec<u8> = integers.iter().map(|q| *q as u8).collect();
        self.constants.push(TensorValue::raw(&format!("v{id}.wq"), dims.clone(), INT8, bytes));
        self.constants.push(TensorValue::floats(&format!("v{id}.ws"), vec![dims[0]], &scales));
        let axis = vec![Attribute::int("axis", 0)];
        self.emit("DequantizeLinear", &format!("v{id}.wq v{id}.ws"), &format!("v{id}.w"), axis);
        [factors, bias]
    }

    fn emit_function(&mut self, function: Function, x: &str, y: &str) {
        let alpha = |value| vec![Attribute::float("alpha", value)];
        let inner = |step: usize| format!("{y}.{step}");
        match function {
            Function::Linear => self.emit("Identity", x, y, vec![]),
            Function::Relu => self.emit("Relu", x, y, vec![]),
            Function::Leaky(value) => self.emit("LeakyRelu", x, y, alpha(value)),
            Function::Relu6 => {
                for (limit, number) in [("low", 0.0), ("high", 6.0)] {
                    self.constants.push(TensorValue::floats(&format!("{y}.{limit}"), vec![], &[number]));
                }
                self.emit("Clip", &format!("{x} {y}.low {y}.high"), y, vec![]);
            }
            Function::Sigmoid => self.emit("Sigmoid", x, y, vec![]),
            Function::Silu => {
                self.emit("Sigmoid", x, &inner(0), vec![]);
                self.emit("Mul", &format!("{x} {}", inner(0)), y, vec![]);
            }
            Function::Mish => {
                self.emit("Softplus", x, &inner(0), vec![]);
                self.emit("Tanh", &inner(0), &inner(1), vec![]);
                self.emit("Mul", &format!("{x} {}", inner(1)), y, vec![]);
            }
            Function::HardSwish => self.emit("HardSwish", x, y, vec![]),
            Function::HardSigmoid => self.emit("HardSigmoid", x, y, vec![]),
            Function::Elu => self.emit("Elu", x, y, vec![]),
            Function::Tanh => self.emit("Tanh", x, y, vec![]),
            Function::Softplus => self.emit("Softplus", x, y, vec![]),
            Function::Abs => self.emit("Abs", x, y, vec![]),
        }
    }

    pub(super) fn function(&mut self, x: Id, function: Function) -> Id {
        let map = self.values[x].map.apply(function);
        self.emit_function(function, &name(x), &name(self.values.len()));
        self.result(&[x], map, false)
    }

    pub(super) fn pool(&mut self, x: Id, window: &Window, taken: Taken) -> Id {
        let map = truth::pool(&self.values[x].map, window, taken);
        let mut attributes = vec![
            ints("kernel_shape", &window.kernel.map(|k| k as i64)),
            ints("strides", &window.stride.map(|k| k as i64)),
            ints("pads", &window.pads.map(|k| k as i64)),
        ];
        let operator = match taken {
            Taken::Largest => {
                attributes.push(ints("dilations", &window.dilation.map(|k| k as i64)));
                "MaxPool"
            }
            _ => {
                attributes.push(Attribute::int("count_include_pad", i64::from(taken == Taken::MeanOfWindow)));
                "AveragePool"
            }
        };
        self.emit(operator, &name(x), &name(self.values.len()), attributes);
        self.result(&[x], map, taken == Taken::Largest)
    }

    /// The mean of each channel.
    pub(super) fn mean(&mut self, x: Id) -> Id {
        let [.., rows, columns] = self.shape(x);
        let window =
            Window { outputs: 0, groups: 1, kernel: [rows, columns], stride: [1, 1], dilation: [1, 1], pads: [0; 4] };
        let map = truth::pool(&self.values[x].map, &window, Taken::MeanOfMap);
        self.emit("GlobalAveragePool", &name(x), &name(self.values.len()), vec![]);
        self.result(&[x], map, false)
    }

    pub(super) fn pair(&mut self, a: Id, b: Id, pair: Pair) -> Id {
        let map = truth::pair(&self.values[a].map, &self.values[b].map, pair);
        let operator = match pair {
            Pair::Add => "Add",
            Pair::Sub => "Sub",
            Pair::Mul => "Mul",
            Pair::Max => "Max",
            Pair::Min => "Min",
        };
        self.emit(operator, &format!("{} {}", name(a), name(b)), &name(self.values.len()), vec![]);
        self.result(&[a, b], map, matches!(pair, Pair::Max | Pair::Min))
    }

    pub(super) fn upsample(&mut self, x: Id, factor: [usize; 2]) -> Id {
        let (id, map) = (self.values.len(), truth::upsample(&self.values[x].map, factor));
        let scales = [1.0, 1.0, factor[0] as f32, factor[1] as f32];
        self.constants.push(TensorValue::floats(&format!("v{id}.scales"), vec![4], &scales));
        let text = |name, value| Attribute::string(name, value);
        let attributes = vec![
            text("mode", "nearest"),
            text("nearest_mode", "floor"),
            text("coordinate_transformation_mode", "asymmetric"),
        ];
        self.emit("Resize", &format!("{} _ v{id}.scales", name(x)), &name(id), attributes);
        self.result(&[x], map, true)
    }

    pub(super) fn concat(&mut self, parts: &[Id]) -> Id {
        let maps: Vec<&Map> = parts.iter().map(|id| &self.values[*id].map).collect();
        let map = truth::concat(&maps);
        let names: Vec<String> = parts.iter().map(|id| name(*id)).collect();
        self.emit("Concat", &names.join(" "), &name(self.values.len()), vec![Attribute::int("axis", 1)]);
        self.result(parts, map, true)
    }

    /// Some of the channels.
    pub(super) fn channels(&mut self, x: Id, from: usize, to: usize) -> Id {
        let (id, map) = (self.values.len(), truth::channels(&self.values[x].map, from, to));
        for (part, value) in [("from", from as i64), ("to", to as i64), ("axis", 1)] {
            self.constants.push(TensorValue::int64s(&format!("v{id}.{part}"), &[value]));
        }
        self.emit("Slice", &format!("{} v{id}.from v{id}.to v{id}.axis", name(x)), &name(id), vec![]);
        self.result(&[x], map, true)
    }

    /// A value rounded to a grid which it reaches out of, where the precision has grids; nothing is to follow.
    pub(super) fn rounded(&mut self, id: Id) -> Id {
        if self.precision != Precision::Int8 {
            return id;
        }
        let most = self.values[id].map.numbers.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let grid = Grid { scale: (most / 140.0).max(1e-3) as f32, zero: 121 };
        let size = self.values[id].map.size;
        let rounded = self.on_grid(id, grid);
        let [low, high] = [0, 255].map(|q| f64::from(q - i32::from(grid.zero)) * f64::from(grid.scale));
        let map = &mut self.values[rounded].map;
        map.numbers.iter_mut().for_each(|x| *x = x.clamp(low, high));
        map.size = size;
        self.values[rounded].exact = false;
        rounded
    }

    /// Makes a value an output.
    pub(super) fn output(&mut self, id: Id) {
        self.outputs.push(id);
    }

    pub(super) fn case(self, name_of_case: impl Into<String>) -> Case {
        let port = |id: &Id| {
            let [_, rest @ ..] = self.values[*id].map.shape.map(|length| Some(Extent::Fixed(length as i64)));
            let axes = std::iter::once(Some(Extent::Symbol("n".into()))).chain(rest).collect();
            ValueInfo::of(&name(*id), FLOAT, axes)
        };
        let mut model = Model::new(Graph {
            name: "case".into(),
            node: self.nodes.clone(),
            initializer: self.constants.clone(),
            input: self.inputs.iter().map(|(id, _)| port(id)).collect(),
            output: self.outputs.iter().map(port).collect(),
            ..Graph::default()
        });
        model.opset_import = vec![OperatorSet { domain: String::new(), version: 17 }];
        let tensor = |(id, numbers): &(Id, Vec<f32>)| {
            let shape = self.values[*id].map.shape;
            Tensor::F32(ndarray::ArrayD::from_shape_vec(shape.to_vec(), numbers.clone()).expect("a shape"))
        };
        let expected = |id: &Id| {
            let Value { map, coarse, grid, .. } = &self.values[*id];
            let leave = map.size * if *coarse { COARSE } else { FINE };
            Expected { shape: map.shape, numbers: map.numbers.clone(), leave, grid: *grid }
        };
        Case {
            name: format!("{} in {}", name_of_case.into(), self.precision),
            model,
            precision: self.precision,
            inputs: self.inputs.iter().map(tensor).collect(),
            outputs: self.outputs.iter().map(expected).collect(),
        }
    }
}
