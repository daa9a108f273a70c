//! A node of the file with its operands looked up: what an operator's importer reads.

use super::constants::Constant;
use super::{Unsupported, ValueId, shapes};
use crate::onnx::{Attribute, Node};

/// What a name in the file stands for.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// Known numbers.
    Constant(Constant),
    /// Floats that depend on the inputs.
    Runtime {
        /// Which.
        value: ValueId,
        /// Lengths of its axes.
        shape: Vec<usize>,
    },
    /// 8-bit integers on the grid of a value, which depend on the inputs.
    Quantized {
        /// The floats that the integers stand for.
        value: ValueId,
        /// Lengths of its axes.
        shape: Vec<usize>,
    },
}

impl Operand {
    /// Lengths of the axes.
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Constant(constant) => &constant.shape,
            Self::Runtime { shape, .. } | Self::Quantized { shape, .. } => shape,
        }
    }

    /// The constant, if it is one.
    pub(super) fn constant(&self) -> Option<&Constant> {
        match self {
            Self::Constant(constant) => Some(constant),
            _ => None,
        }
    }
}

/// A node of the file.
pub(super) struct Call<'a> {
    node: &'a Node,
    name: &'a str,
    /// Version of the operator set.
    pub(super) opset: i64,
    operands: Vec<Option<Operand>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(node: &'a Node, name: &'a str, opset: i64, operands: Vec<Option<Operand>>) -> Self {
        Self { node, name, opset, operands }
    }

    /// The operator.
    pub(super) fn operator(&self) -> &'a str {
        &self.node.op_type
    }

    /// The node's name, which no other has.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// Name of the first result.
    pub(super) fn result(&self) -> &'a str {
        self.node.output.first().map_or("", String::as_str)
    }

    /// How many results the file names.
    pub(super) fn results(&self) -> usize {
        self.node.output.len()
    }

    /// Why this node cannot be imported.
    pub(super) fn refuse(&self, reason: impl std::fmt::Display) -> Unsupported {
        Unsupported(format!("operator {} (node {}): {reason}", self.operator(), self.name()))
    }

    /// How many operands there are, those left out included.
    pub(super) fn operand_count(&self) -> usize {
        self.operands.len()
    }

    /// The operand at this place.
    pub(super) fn operand(&self, place: usize) -> Result<&Operand, Unsupported> {
        self.optional(place).ok_or_else(|| self.refuse(format!("operand {place} is missing")))
    }

    /// The operand at this place, unless it is left out.
    pub(super) fn optional(&self, place: usize) -> Option<&Operand> {
        self.operands.get(place).and_then(Option::as_ref)
    }

    /// The operand at this place, which must be constant.
    pub(super) fn constant(&self, place: usize) -> Result<&Constant, Unsupported> {
        let operand = self.operand(place)?;
        operand.constant().ok_or_else(|| self.refuse(format!("operand {place} depends on the inputs")))
    }

    /// The operand at this place, which must be constant floats.
    pub(super) fn floats(&self, place: usize) -> Result<Vec<f32>, Unsupported> {
        self.constant(place)?.floats().ok_or_else(|| self.refuse(format!("operand {place} is not of floats")))
    }

    /// The operand at this place, which must be one float.
    pub(super) fn number(&self, place: usize) -> Result<f32, Unsupported> {
        match self.floats(place)?.as_slice() {
            [number] => Ok(*number),
            _ => Err(self.refuse(format!("operand {place} is not one number"))),
        }
    }

    /// The operand at this place, which must be constant integers.
    pub(super) fn integers(&self, place: usize) -> Result<Vec<i64>, Unsupported> {
        self.constant(place)?.integers().ok_or_else(|| self.refuse(format!("operand {place} is not of integers")))
    }

    /// Integers that old operator sets have as an attribute, new ones as an operand; `None` if both are left out.
    pub(super) fn listed(&self, attribute: &str, place: usize) -> Result<Option<Vec<i64>>, Unsupported> {
        match (self.ints(attribute), self.optional(place)) {
            (Some(ints), _) => Ok(Some(ints.to_vec())),
            (None, Some(_)) => self.integers(place).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// An attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// An integer attribute.
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// A float attribute.
    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    /// An attribute of several integers.
    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// A text attribute; one that is not UTF-8 is no text that any operator knows.
    pub(super) fn text(&self, name: &str, default: &'a str) -> &'a str {
        self.attribute(name).map_or(default, |attribute| std::str::from_utf8(&attribute.s).unwrap_or("?"))
    }

    /// An axis that may be counted from the end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Unsupported> {
        shapes::axis(axis, rank).ok_or_else(|| self.refuse(format!("there is no axis {axis} of {rank}")))
    }

    /// Different axes that may be counted from the end.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Unsupported> {
        let mut found = Vec::with_capacity(axes.len().min(rank));
        for &axis in axes {
            let axis = self.axis(axis, rank)?;
            if found.contains(&axis) {
                return Err(self.refuse(format!("axis {axis} is named twice")));
            }
            found.push(axis);
        }
        Ok(found)
    }

    /// Lengths that must not be negative.
    pub(super) fn lengths(&self, lengths: &[i64]) -> Result<Vec<usize>, Unsupported> {
        let lengths: Option<Vec<usize>> = lengths.iter().map(|&length| usize::try_from(length).ok()).collect();
        lengths.ok_or_else(|| self.refuse("a length is negative"))
    }
}
