//! A model as quantisation sees it: what each node does to grids and channels, who makes a value and who uses it.

use super::QuantizeError;
use crate::onnx::{FLOAT, Graph, Model, Node, TensorValue};
use std::collections::HashMap;

/// The first operator set whose DequantizeLinear knows a scale for each channel.
const FIRST_OPSET: i64 = 13;

/// What a node that can work on 8-bit numbers does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// A convolution whose weights are its own constants, in so many groups.
    Convolution {
        /// Groups of channels that do not see each other.
        groups: usize,
    },
    /// x, or α·x where negative: 0 for ReLU. A factor for a channel passes through.
    Rectifier(f32),
    /// Any other function of one number.
    Curve,
    /// The sum of two maps of one shape.
    Sum,
    /// The product of two values.
    Product,
    /// Channels of several maps one after another.
    Join,
    /// Numbers are moved or dropped, and none is made: the grid of the input is that of the output.
    Passing,
}

/// A model's graph with its connections.
pub(super) struct Network {
    /// As in the file, but for weights that [`super::equalize`] changes.
    pub(super) graph: Graph,
    /// What each node does; `None` for one that stays in float.
    pub(super) roles: Vec<Option<Role>>,
    /// The only input that is no constant.
    pub(super) image: String,
    makers: HashMap<String, usize>,
    users: HashMap<String, Vec<usize>>,
    constants: HashMap<String, usize>,
}

impl Network {
    /// # Errors
    /// What cannot be quantised at all: see [`QuantizeError`].
    pub(super) fn new(model: &Model) -> Result<Self, QuantizeError> {
        let opset = model.opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
        let opset = opset.map_or(1, |set| set.version);
        if opset < FIRST_OPSET {
            return Err(QuantizeError::Opset { found: opset });
        }
        let graph = model.graph.clone().unwrap_or_default();
        let is_quantized = |node: &Node| {
            let op = node.op_type.as_str();
            op.starts_with("QLinear")
                || op.ends_with("Integer")
                || op.contains("QuantizeLinear")
                || op == "DequantizeLinear"
        };
        if graph.node.iter().any(is_quantized) {
            return Err(QuantizeError::Already);
        }
        let constants: HashMap<_, _> =
            graph.initializer.iter().enumerate().map(|(index, constant)| (constant.name.clone(), index)).collect();
        let images: Vec<_> = graph.input.iter().filter(|input| !constants.contains_key(&input.name)).collect();
        let [image] = images[..] else { return Err(QuantizeError::Inputs { count: images.len() }) };
        let mut makers = HashMap::new();
        let mut users: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            makers.extend(node.output.iter().map(|name| (name.clone(), index)));
            for name in node.input.iter().filter(|name| !name.is_empty()) {
                users.entry(name.clone()).or_default().push(index);
            }
        }
        let image = image.name.clone();
        let mut network = Self { graph, roles: Vec::new(), image, makers, users, constants };
        network.roles = network.graph.node.iter().map(|node| network.role(node)).collect();
        if !network.roles.iter().any(|role| matches!(role, Some(Role::Convolution { .. }))) {
            return Err(QuantizeError::NoConvolution);
        }
        Ok(network)
    }

    fn role(&self, node: &Node) -> Option<Role> {
        if !(node.domain.is_empty() || node.domain == "ai.onnx")
            || node.output.iter().filter(|o| !o.is_empty()).count() != 1
        {
            return None;
        }
        let flows = |name: &String| !name.is_empty() && !self.constants.contains_key(name);
        match node.op_type.as_str() {
            "Conv" => self.convolution(node),
            "Relu" => Some(Role::Rectifier(0.0)),
            "LeakyRelu" => {
                let alpha = attribute(node, "alpha").map_or(0.01, |attribute| attribute.f);
                Some(if (0.0..=1.0).contains(&alpha) { Role::Rectifier(alpha) } else { Role::Curve })
            }
            "Clip" | "Sigmoid" | "Tanh" | "HardSigmoid" | "HardSwish" | "Elu" => Some(Role::Curve),
            "Add" if node.input.iter().all(flows) => Some(Role::Sum),
            "Mul" if node.input.iter().all(flows) => Some(Role::Product),
            "Concat" if node.input.iter().all(flows) && integer(node, "axis") == Some(1) => Some(Role::Join),
            "MaxPool" => Some(Role::Passing),
            "Resize" if attribute(node, "mode").is_none_or(|mode| mode.s.as_ref() == b"nearest") => Some(Role::Passing),
            _ => None,
        }
    }

    /// Weights that several nodes share stay in float: channels cannot be scaled for one of them alone.
    fn convolution(&self, node: &Node) -> Option<Role> {
        let own = |name: &String| {
            let constant = self.constant(name)?;
            (constant.data_type == FLOAT && self.users(name).len() == 1 && floats(constant).is_some())
                .then_some(constant)
        };
        let weights = own(node.input.get(1)?)?;
        if let Some(bias) = node.input.get(2).filter(|name| !name.is_empty()) {
            own(bias)?;
        }
        let groups = usize::try_from(integer(node, "group").unwrap_or(1)).ok().filter(|groups| *groups > 0)?;
        (weights.dims.len() == 4).then_some(Role::Convolution { groups })
    }

    /// The node that gives a value; `None` for inputs and constants.
    pub(super) fn maker(&self, value: &str) -> Option<usize> {
        self.makers.get(value).copied()
    }

    /// The nodes that use a value, one that uses it twice being there twice.
    pub(super) fn users(&self, value: &str) -> &[usize] {
        self.users.get(value).map_or(&[], Vec::as_slice)
    }

    /// Whether the caller gets the value.
    pub(super) fn is_output(&self, value: &str) -> bool {
        self.graph.output.iter().any(|output| output.name == value)
    }

    /// The constant of that name.
    pub(super) fn constant(&self, name: &str) -> Option<&TensorValue> {
        self.constants.get(name).map(|index| &self.graph.initializer[*index])
    }

    /// Puts other numbers into a constant.
    pub(super) fn set_constant(&mut self, name: &str, values: &[f32]) {
        if let Some(index) = self.constants.get(name) {
            let constant = &mut self.graph.initializer[*index];
            *constant = TensorValue::floats(name, constant.dims.clone(), values);
        }
    }

    /// The values that are observed: the image and what nodes with a role give.
    pub(super) fn observed(&self) -> Vec<String> {
        let made = self.graph.node.iter().zip(&self.roles).filter(|(_, role)| role.is_some());
        [self.image.clone()].into_iter().chain(made.map(|(node, _)| node.output[0].clone())).collect()
    }

    /// Inputs of a node that hold what flows through the network: of a convolution the map alone.
    pub(super) fn operands(&self, node: usize) -> &[String] {
        let inputs = &self.graph.node[node].input;
        match self.roles[node] {
            Some(Role::Sum | Role::Product | Role::Join) | None => inputs,
            Some(_) => &inputs[..inputs.len().min(1)],
        }
    }

    /// The operand of the rectifier that makes a value, if nothing else uses it.
    pub(super) fn rectified(&self, value: &str) -> Option<&String> {
        match self.operands(self.maker(value)?) {
            [operand] if self.rectifier(operand).is_some() => Some(operand),
            _ => None,
        }
    }

    /// The rectifier that alone uses a value, and its slope below 0.
    pub(super) fn rectifier(&self, value: &str) -> Option<(usize, f32)> {
        match self.users(value) {
            &[user] if !self.is_output(value) => match self.roles[user] {
                Some(Role::Rectifier(slope)) => Some((user, slope)),
                _ => None,
            },
            _ => None,
        }
    }
}

fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a crate::onnx::Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn integer(node: &Node, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i)
}

/// The numbers of a constant of 32-bit floats that are in the file.
pub(super) fn floats(constant: &TensorValue) -> Option<Vec<f32>> {
    if constant.data_type != FLOAT || constant.data_location == 1 {
        return None;
    }
    let values: Vec<f32> = if constant.raw_data.is_empty() {
        constant.float_data.clone()
    } else {
        constant.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let length =
        constant.dims.iter().try_fold(1, |length: usize, dim| length.checked_mul(usize::try_from(*dim).ok()?))?;
    (values.len() == length && values.iter().all(|value| value.is_finite())).then_some(values)
}
