//! From an ONNX file and the shapes of its inputs to a graph of float operations.
//!
//! A node all of whose operands are known is computed here, by the operations that would run it; so shapes, and what
//! is computed from them, leave no node behind.

use super::call::{Call, Operand};
use super::constants::{Constant, Numbers};
use super::{Binary, Graph, Node, Operation, Unsupported, Value, ValueId, fold, operators, shapes};
use crate::onnx::{self, Model, ValueInfo};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Operator sets whose meaning is known here.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=22;

/// The most numbers that may be computed at import, all constants together.
const MOST_FOLDED: usize = 1 << 28;

const TOO_MUCH: &str = "too much to compute of constants";

/// Why a file could not be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImportError {
    /// A named input does not exist, or an input's shape is not known.
    #[error("input `{name}`: {reason}")]
    Input {
        /// The input's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something in the graph is not known here.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// Imports a file's graph; `shapes` fixes inputs by name, and a first axis of unknown size becomes 1.
///
/// # Errors
/// [`ImportError`].
pub(crate) fn import(model: &Model, shapes: &[(String, Vec<usize>)]) -> Result<Graph, ImportError> {
    let graph = model.graph.as_ref().ok_or_else(|| Unsupported("the file holds no graph".into()))?;
    let mut importer = Importer { opset: opset(model)?, ..Importer::default() };
    importer.constants(graph)?;
    importer.inputs(graph, shapes)?;
    let nodes = needed(graph);
    for (node, name) in nodes.iter().zip(names(&nodes)) {
        importer.node(node, &name)?;
    }
    importer.outputs(graph)?;
    Ok(importer.graph)
}

fn opset(model: &Model) -> Result<i64, Unsupported> {
    let standard = |set: &&onnx::OperatorSet| set.domain.is_empty() || set.domain == "ai.onnx";
    let version = model.opset_import.iter().find(standard).map_or(1, |set| set.version);
    if OPSETS.contains(&version) { Ok(version) } else { Err(Unsupported(format!("operator set {version}"))) }
}

/// The nodes that an output depends on, in the file's order.
fn needed(graph: &onnx::Graph) -> Vec<&onnx::Node> {
    let mut names: HashSet<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    let mut nodes = Vec::new();
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|name| names.contains(name.as_str())) {
            names.extend(node.input.iter().map(String::as_str));
            nodes.push(node);
        }
    }
    nodes.reverse();
    nodes
}

/// A name for each node that no other has, the same for all shapes of inputs: a plan knows prepared filters by it.
fn names(nodes: &[&onnx::Node]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(nodes.len());
    for node in nodes {
        let own = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
        let mut name = own.cloned().unwrap_or_default();
        while !taken.insert(name.clone()) {
            name.push('\'');
        }
        names.push(name);
    }
    names
}

/// Where a constant's numbers are, and their shape.
type Address = (*const Numbers, Vec<usize>);

/// A graph in the making.
#[derive(Default)]
pub(super) struct Importer<'a> {
    opset: i64,
    /// The graph so far.
    pub(super) graph: Graph,
    names: HashMap<&'a str, Operand>,
    /// Constants that became values, by their numbers and shape. Holding them keeps the addresses theirs.
    values: HashMap<Address, (Arc<Numbers>, ValueId)>,
    /// Numbers computed so far.
    folded: usize,
}

impl<'a> Importer<'a> {
    fn constants(&mut self, graph: &'a onnx::Graph) -> Result<(), Unsupported> {
        for tensor in &graph.initializer {
            let constant = Constant::read(tensor).map_err(|e| Unsupported(format!("constant {}: {e}", tensor.name)))?;
            self.define(&tensor.name, Operand::Constant(constant))?;
        }
        Ok(())
    }

    fn inputs(&mut self, graph: &'a onnx::Graph, shapes: &[(String, Vec<usize>)]) -> Result<(), ImportError> {
        // Old files list the constants too.
        let inputs: Vec<&ValueInfo> =
            graph.input.iter().filter(|input| !self.names.contains_key(input.name.as_str())).collect();
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        if let Some((name, _)) = shapes.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            let reason = format!("the network has no such input; it has {}", names.join(", "));
            return Err(ImportError::Input { name: name.clone(), reason });
        }
        for input in inputs {
            let wanted = shapes.iter().find(|(name, _)| *name == input.name).map(|(_, shape)| shape.clone());
            let shape = wanted.map_or_else(|| default_shape(input), Ok);
            let shape = shape.and_then(|shape| match shapes::count(&shape) {
                Some(0) | None => Err(format!("a tensor cannot have the shape {shape:?}")),
                Some(_) => Ok(shape),
            });
            let shape = shape.map_err(|reason| ImportError::Input { name: input.name.clone(), reason })?;
            let element =
                input.r#type.as_ref().and_then(|kind| kind.tensor.as_ref()).map_or(0, |tensor| tensor.element);
            if element != onnx::FLOAT {
                let name = &input.name;
                return Err(Unsupported(format!("input {name} is of type {element}, not 32-bit floats")).into());
            }
            let value = self.add_value(&input.name, shape.clone());
            self.graph.inputs.push(value);
            self.define(&input.name, Operand::Runtime { value, shape })?;
        }
        Ok(())
    }

    fn node(&mut self, node: &'a onnx::Node, unique: &str) -> Result<(), Unsupported> {
        let missing = Call::new(node, unique, self.opset, Vec::new());
        if !(node.domain.is_empty() || node.domain == "ai.onnx") {
            return Err(missing.refuse(format!("operators of {} are not known", node.domain)));
        }
        let find = |name: &String| match name.as_str() {
            "" => Ok(None),
            name => {
                let unknown =
                    || missing.refuse(format!("operand {name} is given by no constant, input or node before"));
                self.names.get(name).cloned().map(Some).ok_or_else(unknown)
            }
        };
        let operands: Vec<Option<Operand>> = node.input.iter().map(find).collect::<Result<_, _>>()?;
        let before = self.graph.values.len();
        let results = operators::import(self, &Call::new(node, unique, self.opset, operands))?;
        for (name, result) in node.output.iter().zip(results).filter(|(name, _)| !name.is_empty()) {
            if let Operand::Runtime { value, .. } = &result
                && *value >= before
            {
                self.graph.values[*value].name.clone_from(name);
            }
            self.define(name, result)?;
        }
        Ok(())
    }

    fn define(&mut self, name: &'a str, operand: Operand) -> Result<(), Unsupported> {
        match self.names.insert(name, operand) {
            Some(_) => Err(Unsupported(format!("the name {name} is given twice"))),
            None => Ok(()),
        }
    }

    fn outputs(&mut self, graph: &'a onnx::Graph) -> Result<(), Unsupported> {
        for output in &graph.output {
            let refuse = |reason: &str| Unsupported(format!("output {}: {reason}", output.name));
            let operand = self.names.get(output.name.as_str()).cloned().ok_or_else(|| refuse("nothing gives it"))?;
            let mut value = self.value(&operand).map_err(refuse)?;
            let taken = |value: ValueId| self.graph.inputs.contains(&value) || self.graph.outputs.contains(&value);
            if self.graph.values[value].name != output.name {
                // One value under two names: the first has it, the next ones have copies.
                if taken(value) || self.graph.values[value].constant.is_some() {
                    let copy = self.add_value(&output.name, operand.shape().to_vec());
                    self.add_node(&output.name, Operation::Reshape, vec![value], copy);
                    value = copy;
                } else {
                    self.graph.values[value].name.clone_from(&output.name);
                }
            }
            self.graph.outputs.push(value);
        }
        Ok(())
    }

    fn add_value(&mut self, name: &str, shape: Vec<usize>) -> ValueId {
        self.graph.values.push(Value { name: name.into(), shape, constant: None, grid: None });
        self.graph.values.len() - 1
    }

    fn add_node(&mut self, name: &str, operation: Operation, inputs: Vec<ValueId>, output: ValueId) {
        self.graph.nodes.push(Node { name: name.into(), operation, inputs, output });
    }

    /// The value of an operand of floats; otherwise what is wrong with it.
    fn value(&mut self, operand: &Operand) -> Result<ValueId, &'static str> {
        let constant = match operand {
            Operand::Runtime { value, .. } => return Ok(*value),
            Operand::Quantized { .. } => return Err("8-bit integers where floats belong"),
            Operand::Constant(constant) => constant,
        };
        let key = (Arc::as_ptr(&constant.numbers), constant.shape.clone());
        if let Some((_, value)) = self.values.get(&key) {
            return Ok(*value);
        }
        let floats = constant.floats().ok_or("integers where floats belong")?;
        self.folded = self.folded.saturating_add(floats.len());
        if self.folded > MOST_FOLDED {
            return Err(TOO_MUCH);
        }
        let value = self.add_value(&constant.name, constant.shape.clone());
        self.graph.values[value].constant = Some(floats);
        self.values.insert(key, (constant.numbers.clone(), value));
        Ok(value)
    }

    /// The result of an operation, of this shape: computed if all operands are known, otherwise a new node's.
    pub(super) fn apply(
        &mut self,
        call: &Call,
        operation: Operation,
        operands: &[&Operand],
        shape: Vec<usize>,
    ) -> Result<Operand, Unsupported> {
        let count = shapes::count(&shape).ok_or_else(|| call.refuse(format!("a result of shape {shape:?}")))?;
        let constants: Option<Vec<&Constant>> = operands.iter().map(|operand| operand.constant()).collect();
        if let Some(constants) = constants.filter(|_| !matches!(operation, Operation::Convolution(_))) {
            if let (Operation::Reshape, [constant]) = (&operation, constants.as_slice()) {
                return Ok(Operand::Constant(constant.reshaped(shape)));
            }
            self.spend(call, count)?;
            let folded = fold::fold(call.result(), &operation, &constants, shape, count);
            return folded.map(Operand::Constant).map_err(|reason| call.refuse(reason));
        }
        if count == 0 {
            return Err(call.refuse(format!("an empty result, of shape {shape:?}")));
        }
        let inputs: Result<Vec<ValueId>, _> = operands.iter().map(|operand| self.value(operand)).collect();
        let inputs = inputs.map_err(|reason| call.refuse(reason))?;
        // The file's name is given to what the node gives in the end.
        let name = format!("{}.{}", call.result(), self.graph.values.len());
        let value = self.add_value(&name, shape.clone());
        self.add_node(call.name(), operation, inputs, value);
        Ok(Operand::Runtime { value, shape })
    }

    /// Counts numbers that are about to be computed.
    pub(super) fn spend(&mut self, call: &Call, count: usize) -> Result<(), Unsupported> {
        self.folded = self.folded.saturating_add(count);
        if self.folded > MOST_FOLDED { Err(call.refuse(TOO_MUCH)) } else { Ok(()) }
    }

    /// Two operands, broadcast.
    pub(super) fn binary(
        &mut self,
        call: &Call,
        function: Binary,
        [a, b]: [&Operand; 2],
    ) -> Result<Operand, Unsupported> {
        let shape = shapes::broadcast(a.shape(), b.shape())
            .ok_or_else(|| call.refuse(format!("shapes {:?} and {:?} do not fit", a.shape(), b.shape())))?;
        self.apply(call, Operation::Binary(function), &[a, b], shape)
    }

    /// The same numbers in another shape.
    pub(super) fn reshape(
        &mut self,
        call: &Call,
        operand: &Operand,
        shape: Vec<usize>,
    ) -> Result<Operand, Unsupported> {
        if shapes::count(&shape).is_none() || shapes::count(&shape) != shapes::count(operand.shape()) {
            return Err(call.refuse(format!("{:?} numbers cannot have the shape {shape:?}", operand.shape())));
        }
        if shape == operand.shape() {
            return Ok(operand.clone());
        }
        self.apply(call, Operation::Reshape, &[operand], shape)
    }
}

/// The file's shape of an input, with a first axis of any size as 1; otherwise what is wrong with it.
fn default_shape(input: &ValueInfo) -> Result<Vec<usize>, String> {
    let Some(axes) = input.axes() else { return Err("its shape is not fixed in the file; name one".into()) };
    let size = |(index, axis): (usize, &Option<usize>)| axis.or((index == 0).then_some(1));
    let shape: Option<Vec<usize>> = axes.iter().enumerate().map(size).collect();
    shape.ok_or_else(|| {
        let axes: Vec<String> = axes.iter().map(|axis| axis.map_or("?".into(), |size| size.to_string())).collect();
        format!("its shape is not fixed in the file ([{}]); name one", axes.join(", "))
    })
}
