//! Layers → ONNX nodes: one value for each layer, named after it (`conv_12`, with `conv_12.weight`).

use super::Network;
use super::activation::Activation;
use super::error::DarknetError;
use super::layer::{Kind, Layer};
use super::weights::Weights;
use crate::onnx::{Attribute, Extent, Node, TensorValue, ValueInfo};

/// Added to a variance, so that it is never 0. The published networks were trained with pjreddie's Darknet, which adds it
/// to the root instead, or AlexeyAB's, which adds 1e-5 to the variance; this is what OpenCV does, whose logits the tests
/// compare with. Where a filter's variance is tiny it matters: with Yolo-Fastest-1.1-XL the other two differ from
/// OpenCV's logits by 0.001 and 0.014, this one by 0.00003.
pub const BATCH_NORM_EPSILON: f64 = 1e-6;

/// A graph in the making.
#[derive(Default)]
pub(super) struct Emitter {
    /// The nodes so far.
    pub(super) nodes: Vec<Node>,
    /// Weights and the like.
    pub(super) constants: Vec<TensorValue>,
    /// What the graph gives.
    pub(super) outputs: Vec<ValueInfo>,
    /// Name of the value that each layer gives.
    values: Vec<String>,
}

impl Emitter {
    /// Adds a node of one result.
    pub(super) fn node(&mut self, op_type: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) {
        let inputs = inputs.iter().map(|&name| name.into()).collect();
        self.nodes.push(Node::new(op_type, inputs, output, attributes));
    }

    /// Adds a constant of one number; gives its name back.
    pub(super) fn scalar(&mut self, name: &str, value: f32) -> String {
        self.constants.push(TensorValue::floats(name, vec![], &[value]));
        name.into()
    }

    fn integers(&mut self, name: &str, values: &[usize]) -> String {
        let values: Vec<i64> = values.iter().map(|&value| value as i64).collect();
        self.constants.push(TensorValue::int64s(name, &values));
        name.into()
    }

    /// Adds the nodes of a layer; those before it are there.
    pub(super) fn layer(&mut self, network: &Network, index: usize, layer: &Layer) -> Result<(), DarknetError> {
        let name = &value_name(index, layer);
        let input = &self.values.last().map_or("images", String::as_str).to_owned();
        match &layer.kind {
            Kind::Convolutional(_) | Kind::Connected { .. } => self.weighted(index, layer, input, name)?,
            Kind::MaxPool(_) => self.node("MaxPool", &[input], name, window(layer)),
            Kind::AvgPool => self.node("GlobalAveragePool", &[input], name, vec![]),
            Kind::Upsample { stride, scale } => self.upsample([input, name], *stride, *scale),
            Kind::Route { layers, groups: 1, .. } if layers.len() == 1 => {
                self.values.push(self.values[layers[0]].clone());
                return Ok(());
            }
            Kind::Route { layers, groups, group_id } => self.route(network, layers, [*groups, *group_id], name),
            Kind::Shortcut { from, activation } => {
                let other = self.fit(&network.layers[*from], *from, layer, name);
                self.binary("Add", [input, &other], *activation, name);
            }
            Kind::ScaleChannels { from, activation } | Kind::Sam { from, activation } => {
                self.binary("Mul", [&self.values[*from].clone(), input], *activation, name);
            }
            Kind::Softmax => self.softmax(layer, input, name),
            Kind::Reorg { stride } => self.reorg(layer, *stride, [input, name]),
            Kind::Dropout | Kind::Cost => {
                self.values.push(input.clone());
                return Ok(());
            }
            Kind::Head(_) => {
                self.node("Identity", &[input], name, vec![]);
                let shape = layer.output;
                self.outputs.push(value_info(name, shape.channels, Some([shape.height, shape.width])));
            }
        }
        self.values.push(name.clone());
        Ok(())
    }

    /// Names a network's last value `output`; one number for each channel becomes \[batch, channels\].
    pub(super) fn last(&mut self, network: &Network) {
        let (Some(layer), Some(value)) = (network.layers.last(), self.values.last().cloned()) else { return };
        let shape = layer.output;
        let sides = if (shape.height, shape.width) == (1, 1) {
            self.node("Flatten", &[&value], "output", vec![Attribute::int("axis", 1)]);
            None
        } else {
            self.node("Identity", &[&value], "output", vec![]);
            Some([shape.height, shape.width])
        };
        self.outputs.push(value_info("output", shape.channels, sides));
    }

    /// A convolution; a connected layer is one whose window is the whole map, and its weights lie in the same order.
    fn weighted(&mut self, index: usize, layer: &Layer, input: &str, name: &str) -> Result<(), DarknetError> {
        let unfilled = DarknetError::Unfilled { layer: index, section: layer.kind.section() };
        let weights = layer.weights.as_ref().ok_or(unfilled)?;
        let (channels, sides, activation) = match &layer.kind {
            Kind::Convolutional(c) => (layer.input.channels / c.groups, [c.size; 2], c.activation),
            Kind::Connected { activation, .. } => {
                (layer.input.channels, [layer.input.height, layer.input.width], *activation)
            }
            _ => return Ok(()),
        };
        let dims = [layer.output.channels, channels, sides[0], sides[1]].map(|dim| dim as i64).to_vec();
        let (folded, biases) = fold(weights);
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.constants.push(TensorValue::floats(&weight, dims, &folded));
        self.constants.push(TensorValue::floats(&bias, vec![biases.len() as i64], &biases));
        self.activated(activation, name, |emitter, out| {
            emitter.node("Conv", &[input, &weight, &bias], out, window(layer));
        });
        Ok(())
    }

    fn binary(&mut self, op_type: &str, operands: [&str; 2], activation: Activation, name: &str) {
        self.activated(activation, name, |emitter, out| emitter.node(op_type, &operands, out, vec![]));
    }

    /// Emits an operation and then the activation, whose result takes the layer's name.
    fn activated(&mut self, activation: Activation, name: &str, operation: impl FnOnce(&mut Self, &str)) {
        if activation == Activation::Linear {
            operation(self, name);
        } else {
            let linear = format!("{name}.linear");
            operation(self, &linear);
            activation.emit(self, &linear, name);
        }
    }

    fn upsample(&mut self, [input, name]: [&str; 2], stride: usize, scale: f32) {
        let scales = format!("{name}.scales");
        self.constants.push(TensorValue::floats(&scales, vec![4], &[1.0, 1.0, stride as f32, stride as f32]));
        let attributes = vec![
            Attribute::string("mode", "nearest"),
            Attribute::string("coordinate_transformation_mode", "asymmetric"),
            Attribute::string("nearest_mode", "floor"),
        ];
        if scale == 1.0 {
            return self.node("Resize", &[input, "", &scales], name, attributes);
        }
        let (resized, factor) = (format!("{name}.resized"), self.scalar(&format!("{name}.factor"), scale));
        self.node("Resize", &[input, "", &scales], &resized, attributes);
        self.node("Mul", &[&resized, &factor], name, vec![]);
    }

    fn route(&mut self, network: &Network, layers: &[usize], [groups, group_id]: [usize; 2], name: &str) {
        let mut parts = Vec::new();
        for (position, &index) in layers.iter().enumerate() {
            let value = self.values[index].clone();
            if groups == 1 {
                parts.push(value);
                continue;
            }
            let size = network.layers[index].output.channels / groups;
            let part = if layers.len() == 1 { name.into() } else { format!("{name}.group{position}") };
            self.slice(&value, &part, [&[1], &[size * group_id], &[size * (group_id + 1)], &[1]]);
            parts.push(part);
        }
        if parts.len() > 1 {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            self.node("Concat", &parts, name, vec![Attribute::int("axis", 1)]);
        }
    }

    /// A map brought to another's shape as Darknet's `shortcut_cpu` does; gives the value's name.
    fn fit(&mut self, from: &Layer, index: usize, layer: &Layer, name: &str) -> String {
        let (have, want) = (from.output, layer.output);
        let mut value = self.values[index].clone();
        if (have.height, have.width) != (want.height, want.width) {
            let stride = have.width / want.width;
            // To the end wherever that gives the same: then the node holds for any input size.
            let end = |have: usize, want: usize| if have == want * stride { i64::MAX as usize } else { want * stride };
            let ends = [end(have.height, want.height), end(have.width, want.width)];
            let sampled = format!("{name}.sampled");
            self.slice(&value, &sampled, [&[2, 3], &[0, 0], &ends, &[stride, stride]]);
            value = sampled;
        }
        if have.channels > want.channels {
            let cut = format!("{name}.cut");
            self.slice(&value, &cut, [&[1], &[0], &[want.channels], &[1]]);
            value = cut;
        } else if have.channels < want.channels {
            let padded = format!("{name}.padded");
            let missing = want.channels - have.channels;
            let pads = self.integers(&format!("{name}.pads"), &[0, 0, 0, 0, 0, missing, 0, 0]);
            self.node("Pad", &[&value, &pads], &padded, vec![]);
            value = padded;
        }
        value
    }

    /// Takes from `input` what lies between starts and ends, every so many steps, along some axes.
    fn slice(&mut self, input: &str, name: &str, [axes, starts, ends, steps]: [&[usize]; 4]) {
        let starts = self.integers(&format!("{name}.starts"), starts);
        let ends = self.integers(&format!("{name}.ends"), ends);
        let axes = self.integers(&format!("{name}.axes"), axes);
        let steps = self.integers(&format!("{name}.steps"), steps);
        self.node("Slice", &[input, &starts, &ends, &axes, &steps], name, vec![]);
    }

    fn softmax(&mut self, layer: &Layer, input: &str, name: &str) {
        let axis = vec![Attribute::int("axis", 1)];
        if layer.input == layer.output {
            return self.node("Softmax", &[input], name, axis);
        }
        let (flat, shape) = (format!("{name}.flat"), format!("{name}.shape"));
        self.constants.push(TensorValue::int64s(&shape, &[0, -1, 1, 1]));
        self.node("Reshape", &[input, &shape], &flat, vec![]);
        self.node("Softmax", &[&flat], name, axis);
    }

    /// The memory of c × h × w as (c/s²) × (h·s) × (w·s), whose pixel (y, x) goes to the channels of (y mod s, x mod s).
    fn reorg(&mut self, layer: &Layer, s: usize, [input, name]: [&str; 2]) {
        let (from, to) = (layer.input, layer.output);
        // A 0 keeps the batch.
        let squares =
            self.integers(&format!("{name}.squares"), &[0, from.channels / (s * s), from.height, s, from.width, s]);
        let shape = self.integers(&format!("{name}.shape"), &[0, to.channels, to.height, to.width]);
        let (split, turned) = (format!("{name}.split"), format!("{name}.turned"));
        self.node("Reshape", &[input, &squares], &split, vec![]);
        self.node("Transpose", &[&split], &turned, vec![Attribute::ints("perm", vec![0, 3, 5, 1, 2, 4])]);
        self.node("Reshape", &[&turned, &shape], name, vec![]);
    }
}

/// The name of a layer's value.
fn value_name(index: usize, layer: &Layer) -> String {
    match layer.kind.section() {
        "convolutional" => format!("conv_{index}"),
        section => format!("{section}_{index}"),
    }
}

/// The attributes of a convolution's or a pooling's window.
fn window(layer: &Layer) -> Vec<Attribute> {
    let ints = |name: &str, values: &[usize]| Attribute::ints(name, values.iter().map(|&value| value as i64).collect());
    match &layer.kind {
        Kind::Convolutional(c) => vec![
            ints("kernel_shape", &[c.size; 2]),
            ints("strides", &c.stride),
            ints("pads", &[c.padding * c.dilation; 4]),
            ints("dilations", &[c.dilation; 2]),
            Attribute::int("group", c.groups as i64),
        ],
        Kind::Connected { .. } => vec![ints("kernel_shape", &[layer.input.height, layer.input.width])],
        Kind::MaxPool(m) => {
            let (before, after) = (m.padding / 2, m.padding.div_ceil(2));
            let pads = ints("pads", &[before, before, after, after]);
            vec![ints("kernel_shape", &[m.size; 2]), ints("strides", &m.stride), pads]
        }
        _ => vec![],
    }
}

/// Weights and biases with batch normalisation folded in, computed in f64.
fn fold(weights: &Weights) -> (Vec<f32>, Vec<f32>) {
    let Some(norm) = &weights.norm else { return (weights.weights.clone(), weights.biases.clone()) };
    let filters = weights.biases.len();
    let fan_in = weights.weights.len() / filters.max(1);
    let factor = |filter: usize| {
        f64::from(norm.scales[filter]) / (f64::from(norm.variances[filter]) + BATCH_NORM_EPSILON).sqrt()
    };
    let factors: Vec<f64> = (0..filters).map(factor).collect();
    let bias = |filter: usize| f64::from(weights.biases[filter]) - f64::from(norm.means[filter]) * factors[filter];
    let rows = weights.weights.chunks(fan_in.max(1)).zip(&factors);
    let folded = rows.flat_map(|(row, factor)| row.iter().map(move |weight| (f64::from(*weight) * factor) as f32));
    (folded.collect(), (0..filters).map(|filter| bias(filter) as f32).collect())
}

/// A tensor of any batch; without sides it is \[batch, channels\].
pub(super) fn value_info(name: &str, channels: usize, sides: Option<[usize; 2]>) -> ValueInfo {
    let sizes = [channels].into_iter().chain(sides.into_iter().flatten());
    let sizes = sizes.map(|size| Extent::Fixed(size as i64));
    let axes: Vec<Extent> = [Extent::Symbol("batch".into())].into_iter().chain(sizes).collect();
    ValueInfo::floats(name, &axes)
}
