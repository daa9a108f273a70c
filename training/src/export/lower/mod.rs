//! burn's operations → ONNX nodes of operator set 17: one match over each kind of operation.

mod attention;
mod base;
mod float;
mod linear;
mod module;
mod number;
mod numeric;
mod pair;
mod shape;
mod slice;
mod window;

use super::ExportError;
use super::fold;
use super::pass::Input;
use super::trace::Trace;
use burn::backend::capture::TensorId;
use burn::backend::ir::{BoolOperationIr, CastOpIr, CustomOpIr, IntOperationIr, OperationIr, ScalarIr, TensorIr};
use burn::tensor::DType;
use number::{constant, element, scalar_bytes};
use ocelli::onnx::{Attribute, FLOAT, Graph, INT64, Model, Node, TensorValue};
use pair::Pairs;
use shape::Symbol;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Why one operation cannot be lowered.
struct Refusal(String);

type Lowered = Result<(), Refusal>;

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(reason.into()))
}

/// What ONNX lacks altogether, or what no network here needed so far.
fn unknown() -> Lowered {
    refuse("it has no counterpart among the operations that the export knows")
}

/// A graph in the making.
struct Lowering<'a> {
    trace: &'a Trace,
    pairs: Pairs,
    symbols: Vec<Symbol>,
    nodes: Vec<Node>,
    constants: Vec<TensorValue>,
    /// Names of the values that are there.
    names: HashMap<TensorId, String>,
    /// The same in the order of their making.
    made: Vec<TensorId>,
    /// Names that outputs must get.
    wanted: HashMap<TensorId, String>,
    taken: HashSet<String>,
    /// Constants that came with no tensor, so that equal ones are one.
    shared: BTreeMap<(i32, Vec<i64>, Vec<u8>), String>,
}

/// The graph of a trace. Axes whose sizes differ in the second trace are dynamic.
pub(super) fn to_model(first: &Trace, second: Option<&Trace>, inputs: &[Input]) -> Result<Model, ExportError> {
    let (pairs, operations) = Pairs::new(first, second)?;
    let mut lowering = Lowering::new(first, pairs, inputs)?;
    for (operation, other) in &operations {
        lowering.operation(operation, other).map_err(|refusal| unsupported(operation, refusal))?;
    }
    let mut graph = lowering.finish()?;
    fold::batch_norms(&mut graph);
    fold::prune(&mut graph);
    Ok(Model::new(graph))
}

impl<'a> Lowering<'a> {
    fn new(trace: &'a Trace, pairs: Pairs, inputs: &[Input]) -> Result<Self, ExportError> {
        let names: HashMap<_, _> = trace.graph.graph.inputs.iter().copied().zip(trace.inputs.iter().cloned()).collect();
        let wanted: HashMap<_, _> =
            trace.graph.graph.outputs.iter().copied().zip(trace.outputs.iter().cloned()).collect();
        let taken: HashSet<String> = trace.inputs.iter().chain(&trace.outputs).cloned().collect();
        if taken.len() != trace.inputs.len() + trace.outputs.len() {
            return Err(ExportError::Structure("two inputs or outputs have one name".into()));
        }
        let symbols = shape::symbols(inputs)?;
        let made = trace.graph.graph.inputs.clone();
        let (nodes, constants, shared) = (Vec::new(), Vec::new(), BTreeMap::new());
        Ok(Self { trace, pairs, symbols, nodes, constants, names, made, wanted, taken, shared })
    }

    /// `other` is the operation in the second trace.
    fn operation(&mut self, operation: &OperationIr, other: &OperationIr) -> Lowered {
        match operation {
            OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) => self.base(op, other),
            OperationIr::BaseBool(op) => self.base_of_bools(op, other),
            OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => self.numeric(op),
            OperationIr::Float(_, op) => self.float(op),
            OperationIr::Int(IntOperationIr::IntoFloat(op))
            | OperationIr::Bool(BoolOperationIr::IntoFloat(op) | BoolOperationIr::IntoInt(op)) => self.cast(op),
            OperationIr::Bool(BoolOperationIr::Not(op)) => self.node("Not", &[&op.input], &op.out),
            OperationIr::Bool(BoolOperationIr::And(op)) => self.node("And", &[&op.lhs, &op.rhs], &op.out),
            OperationIr::Bool(BoolOperationIr::Or(op)) => self.node("Or", &[&op.lhs, &op.rhs], &op.out),
            OperationIr::Bool(BoolOperationIr::Xor(op)) => self.node("Xor", &[&op.lhs, &op.rhs], &op.out),
            OperationIr::Activation(op) => self.activation(op),
            OperationIr::Module(op) => self.module(op, other),
            OperationIr::Custom(op) => self.custom(op),
            OperationIr::Init(_) | OperationIr::Drop(_) => Ok(()),
            _ => unknown(),
        }
    }

    /// Operations that modules put into a capture by themselves because ONNX has one node for them (see
    /// [`super::lstm()`]).
    fn custom(&mut self, op: &CustomOpIr) -> Lowered {
        let (super::lstm::LSTM, [hidden], [out]) = (op.id.as_str(), &op.scalars[..], &op.outputs[..]) else {
            return unknown();
        };
        let inputs = op.inputs.iter().map(|tensor| self.read(tensor)).collect();
        self.emit("LSTM", inputs, out, vec![Attribute::int("hidden_size", hidden.elem())]);
        Ok(())
    }

    fn cast(&mut self, op: &CastOpIr) -> Lowered {
        let (input, to) = (self.read(&op.input), element(op.out.dtype)?);
        self.emit("Cast", vec![input], &op.out, vec![Attribute::int("to", to.into())]);
        Ok(())
    }

    /// The name of an operand. A constant enters the graph when it is first used.
    fn read(&mut self, tensor: &TensorIr) -> String {
        if let Some(name) = self.names.get(&tensor.id) {
            return name.clone();
        }
        let own = self.trace.parameters.get(&tensor.id).map_or("constant", String::as_str);
        let name = self.fresh(own);
        // A value that nobody made is left for the structure's check to find.
        if let Some(value) = self.trace.graph.values.get(&tensor.id).and_then(|data| constant(&name, data)) {
            self.constants.push(value);
        }
        self.names.insert(tensor.id, name.clone());
        name
    }

    /// Adds a node without attributes.
    fn node(&mut self, op_type: &str, inputs: &[&TensorIr], out: &TensorIr) -> Lowered {
        let inputs = inputs.iter().map(|tensor| self.read(tensor)).collect();
        self.emit(op_type, inputs, out, vec![]);
        Ok(())
    }

    /// Adds a node whose result stands for a captured tensor.
    fn emit(&mut self, op_type: &str, inputs: Vec<String>, out: &TensorIr, attributes: Vec<Attribute>) {
        self.emit_as(&snake(op_type), op_type, inputs, out, attributes);
    }

    /// As [`Self::emit`], with a proposal for the name.
    fn emit_as(&mut self, name: &str, op_type: &str, inputs: Vec<String>, out: &TensorIr, attributes: Vec<Attribute>) {
        let name = self.define(name, out);
        self.nodes.push(Node::new(op_type, inputs, &name, attributes));
    }

    /// Adds a node whose result stands for no captured tensor; gives its name back.
    fn inner(&mut self, op_type: &str, inputs: Vec<String>, attributes: Vec<Attribute>) -> String {
        let name = self.fresh(&snake(op_type));
        self.nodes.push(Node::new(op_type, inputs, &name, attributes));
        name
    }

    /// Adds a node of several results, whose names are taken.
    fn several(&mut self, op_type: &str, inputs: Vec<String>, outputs: Vec<String>, attributes: Vec<Attribute>) {
        let node = Node::new(op_type, inputs, outputs.first().map_or("", String::as_str), attributes);
        self.nodes.push(Node { output: outputs, ..node });
    }

    /// Adds a node that brings an inner value to the type of a captured tensor, which it then stands for.
    fn emit_cast(&mut self, value: String, out: &TensorIr) -> Lowered {
        let to = element(out.dtype)?;
        self.emit("Cast", vec![value], out, vec![Attribute::int("to", to.into())]);
        Ok(())
    }

    /// The name of a captured tensor that is about to be made.
    fn define(&mut self, proposal: &str, out: &TensorIr) -> String {
        let name = self.wanted.get(&out.id).cloned().unwrap_or_else(|| self.fresh(proposal));
        self.names.insert(out.id, name.clone());
        self.made.push(out.id);
        name
    }

    fn fresh(&mut self, proposal: &str) -> String {
        let mut name = proposal.to_owned();
        let mut count = 1;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{proposal}_{count}");
        }
        name
    }

    /// A constant list of integers.
    fn integers(&mut self, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.shared(INT64, vec![values.len() as i64], bytes)
    }

    /// A constant list of floats.
    fn floats(&mut self, values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.shared(FLOAT, vec![values.len() as i64], bytes)
    }

    /// A constant number of the type that a tensor has.
    fn scalar(&mut self, dtype: DType, value: ScalarIr) -> Result<String, Refusal> {
        Ok(self.shared(element(dtype)?, vec![], scalar_bytes(dtype, value)?))
    }

    fn shared(&mut self, data_type: i32, dims: Vec<i64>, bytes: Vec<u8>) -> String {
        let key = (data_type, dims, bytes);
        if let Some(name) = self.shared.get(&key) {
            return name.clone();
        }
        let name = self.fresh("constant");
        self.constants.push(TensorValue::raw(&name, key.1.clone(), data_type, key.2.clone()));
        self.shared.insert(key, name.clone());
        name
    }

    /// The path of the module whose parameter this is.
    fn module_of(&self, parameter: &TensorIr) -> Option<String> {
        let (path, _) = self.trace.parameters.get(&parameter.id)?.rsplit_once('.')?;
        Some(path.into())
    }

    fn finish(mut self) -> Result<Graph, ExportError> {
        let outputs = self.trace.graph.graph.outputs.clone();
        for id in &outputs {
            // What an operation made has its name; an input or a constant that is given as it is needs a node.
            let made = self.names.get(id);
            if made.is_none_or(|name| Some(name) != self.wanted.get(id)) {
                let tensor =
                    self.pairs.tensor(*id).ok_or_else(|| ExportError::Structure("an output of nothing".into()))?;
                let input = self.read(&tensor);
                self.names.remove(id);
                self.emit("Identity", vec![input], &tensor, vec![]);
            }
        }
        let mut graph = Graph { name: "ocelli".into(), node: self.nodes.split_off(0), ..Graph::default() };
        graph.input = self
            .trace
            .inputs
            .iter()
            .zip(&self.trace.graph.graph.inputs)
            .map(|(name, id)| self.info(name, *id))
            .collect::<Result<_, _>>()?;
        graph.output =
            self.trace.outputs.iter().zip(&outputs).map(|(name, id)| self.info(name, *id)).collect::<Result<_, _>>()?;
        graph.initializer = self.constants;
        Ok(graph)
    }
}

/// `LeakyRelu` → `leaky_relu`.
fn snake(op_type: &str) -> String {
    let mut name = String::new();
    for (index, letter) in op_type.char_indices() {
        let after_lower = op_type[..index].chars().next_back().is_some_and(char::is_lowercase);
        if letter.is_uppercase() && after_lower {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

fn unsupported(operation: &OperationIr, refusal: Refusal) -> ExportError {
    let name = match operation {
        OperationIr::Custom(op) => op.id.clone(),
        // `NumericFloat(F32, Sort(SortOpIr {…`: the second word is the operation.
        other => {
            let debug = format!("{other:?}");
            let words: Vec<&str> = debug.split(['(', ' ', ',']).filter(|word| !word.is_empty()).collect();
            let typed =
                matches!(other, OperationIr::NumericFloat(..) | OperationIr::NumericInt(..) | OperationIr::Float(..));
            words.get(if typed { 2 } else { 1 }).copied().unwrap_or_default().to_owned()
        }
    };
    let shape = operation.outputs().next().map(|out| out.shape.to_vec()).unwrap_or_default();
    ExportError::Unsupported { operation: name, shape, reason: refusal.0 }
}
