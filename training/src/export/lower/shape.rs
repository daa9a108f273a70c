//! Sizes that are known when the network runs.

use super::super::ExportError;
use super::super::pass::Input;
use super::{Lowered, Lowering, Refusal, element, refuse};
use burn::backend::capture::TensorId;
use burn::backend::ir::{FullOpIr, ScalarIr, ShapeOpIr, TensorIr};
use ocelli::onnx::{Attribute, Extent, TensorValue, ValueInfo};

/// A dynamic axis by name, with the input that it can be read from.
pub(super) struct Symbol {
    name: String,
    input: String,
    axis: usize,
    sizes: [usize; 2],
}

/// The names of the dynamic axes; inputs may share one.
pub(super) fn symbols(inputs: &[Input]) -> Result<Vec<Symbol>, ExportError> {
    let mut symbols: Vec<Symbol> = Vec::new();
    for input in inputs {
        for dynamic in &input.dynamic {
            let wrong = |reason: String| ExportError::Input { name: input.name.clone(), reason };
            let own = input.shape.get(dynamic.axis);
            let own = *own.ok_or_else(|| wrong(format!("it has no axis {}", dynamic.axis)))?;
            let sizes = [own, dynamic.other];
            if own == dynamic.other || sizes.contains(&1) {
                return Err(wrong(format!("{own} and {} cannot tell axis {} apart", dynamic.other, dynamic.axis)));
            }
            match symbols.iter().find(|symbol| symbol.name == dynamic.name) {
                Some(known) if known.sizes != sizes => {
                    return Err(wrong(format!(
                        "`{}` has sizes {sizes:?} here, {:?} elsewhere",
                        dynamic.name, known.sizes
                    )));
                }
                Some(_) => {}
                None => {
                    let (name, input) = (dynamic.name.clone(), input.name.clone());
                    symbols.push(Symbol { name, input, axis: dynamic.axis, sizes });
                }
            }
        }
    }
    Ok(symbols)
}

impl Lowering<'_> {
    pub(super) fn is_dynamic(&self, id: TensorId, axis: usize) -> bool {
        self.pairs.sizes(id).get(axis).is_some_and(|[one, two]| one != two)
    }

    /// The type and sizes of an input or output.
    pub(super) fn info(&self, name: &str, id: TensorId) -> Result<ValueInfo, ExportError> {
        let lost = || ExportError::Structure(format!("`{name}` is nowhere in the trace"));
        let tensor = self.pairs.tensor(id).ok_or_else(lost)?;
        let extent = |sizes: &[usize; 2]| match self.symbols.iter().find(|symbol| symbol.sizes == *sizes) {
            Some(symbol) => Some(Extent::Symbol(symbol.name.clone())),
            None if sizes[0] == sizes[1] => Some(Extent::Fixed(sizes[0] as i64)),
            None => None,
        };
        let axes = self.pairs.sizes(id).iter().map(extent).collect();
        let element = element(tensor.dtype).map_err(|Refusal(reason)| ExportError::Structure(reason))?;
        Ok(ValueInfo::of(name, element, axes))
    }

    /// The name of a value that holds a shape.
    pub(super) fn shape(&mut self, sizes: &[[usize; 2]]) -> Result<String, Refusal> {
        if sizes.iter().all(|[one, two]| one == two) {
            let fixed: Vec<i64> = sizes.iter().map(|[size, _]| *size as i64).collect();
            return Ok(self.integers(&fixed));
        }
        let parts = sizes.iter().map(|sizes| self.size(*sizes)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.inner("Concat", parts, vec![Attribute::int("axis", 0)]))
    }

    /// The name of a list of one size, which is read from where it can be: an axis of an input, of a value that is
    /// there, a multiple of such an axis, a product of two.
    fn size(&mut self, sizes: [usize; 2]) -> Result<String, Refusal> {
        if sizes[0] == sizes[1] {
            return Ok(self.integers(&[sizes[0] as i64]));
        }
        if let Some((value, axis)) = self.axis_of(sizes) {
            return Ok(self.axis(value, axis));
        }
        for index in 0..self.symbols.len() {
            let symbol = &self.symbols[index];
            if let Some(factor) = ratio(sizes, symbol.sizes) {
                let one = self.axis(self.symbols[index].input.clone(), self.symbols[index].axis);
                let factor = self.integers(&[factor as i64]);
                return Ok(self.inner("Mul", vec![one, factor], vec![]));
            }
        }
        for (index, symbol) in self.symbols.iter().enumerate() {
            let (Some(one), Some(two)) = (exact(sizes[0], symbol.sizes[0]), exact(sizes[1], symbol.sizes[1])) else {
                continue;
            };
            if let Some((value, axis)) = self.axis_of([one, two]) {
                let own = self.axis(self.symbols[index].input.clone(), self.symbols[index].axis);
                let rest = self.axis(value, axis);
                return Ok(self.inner("Mul", vec![own, rest], vec![]));
            }
        }
        refuse(format!("a size of {} that becomes {} follows from no dynamic axis", sizes[0], sizes[1]))
    }

    fn axis_of(&self, sizes: [usize; 2]) -> Option<(String, usize)> {
        if let Some(symbol) = self.symbols.iter().find(|symbol| symbol.sizes == sizes) {
            return Some((symbol.input.clone(), symbol.axis));
        }
        self.made.iter().find_map(|id| {
            let axis = self.pairs.sizes(*id).iter().position(|found| *found == sizes)?;
            Some((self.names.get(id)?.clone(), axis))
        })
    }

    fn axis(&mut self, value: String, axis: usize) -> String {
        let (start, end) = (axis as i64, axis as i64 + 1);
        self.inner("Shape", vec![value], vec![Attribute::int("start", start), Attribute::int("end", end)])
    }

    pub(super) fn reshape(&mut self, op: &ShapeOpIr) -> Lowered {
        let input = self.read(&op.input);
        let shape = self.new_shape(op)?;
        self.emit("Reshape", vec![input, shape], &op.out, vec![]);
        Ok(())
    }

    fn new_shape(&mut self, op: &ShapeOpIr) -> Result<String, Refusal> {
        let (from, to) = (self.pairs.sizes(op.input.id).to_vec(), self.pairs.sizes(op.out.id).to_vec());
        // A 0 keeps the input's size, a single -1 is what remains.
        let kept = |(axis, sizes): (usize, &[usize; 2])| match sizes {
            [one, two] if one == two => *one as i64,
            sizes if from.get(axis) == Some(sizes) => 0,
            _ => -1,
        };
        let sizes: Vec<i64> = to.iter().enumerate().map(kept).collect();
        if sizes.iter().filter(|size| **size == -1).count() <= 1 {
            return Ok(self.integers(&sizes));
        }
        self.shape(&to)
    }

    pub(super) fn expand(&mut self, op: &ShapeOpIr) -> Lowered {
        let (from, mut to) = (self.pairs.sizes(op.input.id).to_vec(), self.pairs.sizes(op.out.id).to_vec());
        let added = to.len().saturating_sub(from.len());
        for (sizes, own) in to.iter_mut().skip(added).zip(&from) {
            if sizes == own {
                // A 1 keeps the input's size.
                *sizes = [1, 1];
            }
        }
        let (input, shape) = (self.read(&op.input), self.shape(&to)?);
        self.emit("Expand", vec![input, shape], &op.out, vec![]);
        Ok(())
    }

    pub(super) fn full(&mut self, op: &FullOpIr) -> Lowered {
        self.fill(&op.out, op.value)
    }

    /// A tensor of one number.
    pub(super) fn fill(&mut self, out: &TensorIr, value: ScalarIr) -> Lowered {
        let value = super::scalar_bytes(out.dtype, value)?;
        let value = TensorValue::raw("", vec![1], element(out.dtype)?, value);
        let sizes = self.pairs.sizes(out.id).to_vec();
        let shape = self.shape(&sizes)?;
        self.emit("ConstantOfShape", vec![shape], out, vec![Attribute::tensor("value", value)]);
        Ok(())
    }
}

fn exact(size: usize, part: usize) -> Option<usize> {
    (part > 0 && size.is_multiple_of(part)).then(|| size / part)
}

fn ratio(sizes: [usize; 2], parts: [usize; 2]) -> Option<usize> {
    let factor = exact(sizes[0], parts[0])?;
    (exact(sizes[1], parts[1]) == Some(factor)).then_some(factor)
}
