//! Models of one operator, or of a few that belong together.

mod chains;
mod layout;
mod maps;
mod numbers;
mod quantized;

use ocelli::onnx::{
    Attribute, Extent, FLOAT, Graph, Model, Node, OperatorSet, TensorType, TensorValue, ValueInfo, ValueType,
};

/// A model and what is expected of it.
pub(crate) struct Case {
    /// For messages.
    pub(crate) name: String,
    /// How far numbers may be off, if the model rounds them to a grid.
    pub(crate) steps: f32,
    /// Names of the outputs.
    pub(crate) outputs: Vec<&'static str>,
    opset: i64,
    inputs: Vec<Vec<i64>>,
    constants: Vec<TensorValue>,
    nodes: Vec<Node>,
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [numbers::cases(), maps::cases(), layout::cases(), chains::cases(), quantized::cases()]
        .into_iter()
        .flatten()
        .collect()
}

impl Case {
    /// One node. Its operands are the inputs `x0`, `x1`, …, then the constants in order: one without a name is left out.
    pub(crate) fn one(
        op_type: &str,
        opset: i64,
        inputs: &[&[i64]],
        constants: Vec<TensorValue>,
        attributes: Vec<Attribute>,
    ) -> Self {
        let names = (0..inputs.len()).map(|index| format!("x{index}"));
        let operands = names.chain(constants.iter().map(|constant| constant.name.clone())).collect();
        let told: Vec<String> =
            attributes.iter().map(|a| format!("{} {} {:?} {} {:?}", a.name, a.i, a.ints, a.f, a.s)).collect();
        let node = Node::new(op_type, operands, "y", attributes);
        let name = format!("{op_type}-{opset} of {inputs:?} ({})", told.join(", "));
        let constants = constants.into_iter().filter(|constant| !constant.name.is_empty()).collect();
        Self::chain(&name, opset, inputs, constants, vec![node])
    }

    /// Several nodes, from the inputs `x0`, `x1`, … to the output `y`.
    pub(crate) fn chain(
        name: &str,
        opset: i64,
        inputs: &[&[i64]],
        constants: Vec<TensorValue>,
        nodes: Vec<Node>,
    ) -> Self {
        let inputs = inputs.iter().map(|shape| shape.to_vec()).collect();
        Self { name: name.into(), steps: 0.0, outputs: vec!["y"], opset, inputs, constants, nodes }
    }

    /// The file.
    pub(crate) fn model(&self) -> Model {
        let fixed = |shape: &Vec<i64>| shape.iter().map(|&length| Some(Extent::Fixed(length))).collect();
        let inputs = self.inputs.iter().enumerate();
        let open = |name: &&str| ValueInfo {
            name: (*name).into(),
            r#type: Some(ValueType { tensor: Some(TensorType { element: FLOAT, shape: None }) }),
            ..ValueInfo::default()
        };
        let mut model = Model::new(Graph {
            name: "case".into(),
            node: self.nodes.clone(),
            initializer: self.constants.clone(),
            input: inputs.map(|(index, shape)| ValueInfo::of(&format!("x{index}"), FLOAT, fixed(shape))).collect(),
            output: self.outputs.iter().map(open).collect(),
            ..Graph::default()
        });
        model.opset_import = vec![OperatorSet { domain: String::new(), version: self.opset }];
        model
    }
}

/// A node whose operands are named in one line, apart by spaces; `_` is one left out.
pub(crate) fn node(op_type: &str, operands: &str, output: &str, attributes: Vec<Attribute>) -> Node {
    let operands = operands.split(' ').map(|name| if name == "_" { String::new() } else { name.into() }).collect();
    Node::new(op_type, operands, output, attributes)
}

/// A constant of numbers that look random, between −1 and 1.
pub(crate) fn random(name: &str, shape: &[i64]) -> TensorValue {
    let count: i64 = shape.iter().product();
    let mut state = count as u32 ^ 0x9e37_79b9;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    TensorValue::floats(name, shape.to_vec(), &(0..count).map(|_| next()).collect::<Vec<f32>>())
}

/// A constant of positive numbers.
pub(crate) fn positive(name: &str, shape: &[i64]) -> TensorValue {
    let count: i64 = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|index| 0.3 + (index * 7 % 11) as f32 / 8.0).collect();
    TensorValue::floats(name, shape.to_vec(), &numbers)
}

/// A constant of one number.
pub(crate) fn number(name: &str, value: f32) -> TensorValue {
    TensorValue::floats(name, vec![], &[value])
}

/// A list of whole numbers.
pub(crate) fn integers(name: &str, values: &[i64]) -> TensorValue {
    TensorValue::int64s(name, values)
}

/// An operand left out.
pub(crate) fn none() -> TensorValue {
    TensorValue::default()
}

/// An attribute of several whole numbers.
pub(crate) fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute::ints(name, values.to_vec())
}

/// An attribute of several floats.
pub(crate) fn floats(name: &str, values: &[f32]) -> Attribute {
    Attribute { name: name.into(), floats: values.to_vec(), kind: 6, ..Attribute::default() }
}
