//! What comes before and after a convolution, done by it.

use super::Fusion;
use crate::engine::graph::constants::little_endian;
use crate::engine::graph::{Activation, Binary, Convolution, Elements, Node, Operation, PoolKind, ValueId, Weights};

impl Fusion<'_> {
    /// Takes a convolution into the node after it, and padding into the one before.
    pub(super) fn convolution(&mut self, index: usize) -> Option<()> {
        match &self.node(index)?.operation {
            Operation::Convolution(_) | Operation::Pool(_) => self.padding(index),
            Operation::Activation(activation) => self.activated(index, *activation),
            Operation::Binary(_) => self.affine(index).or_else(|| self.residual(index)),
            _ => None,
        }
    }

    /// A convolution whose result only the node at `index` uses: where it stands, and itself.
    fn before(&self, index: usize, value: ValueId) -> Option<(usize, &Convolution)> {
        let output = self.node(index)?.output;
        let (place, node) = self.own_producer(value).filter(|_| self.may_skip_rounding(value, output))?;
        match &node.operation {
            Operation::Convolution(convolution) => Some((place, convolution)),
            _ => None,
        }
    }

    /// Moves the convolution at `from` to `index`, changed, in place of what is there.
    fn absorb(
        &mut self,
        from: usize,
        index: usize,
        change: impl FnOnce(&mut Convolution),
        other: Option<ValueId>,
    ) -> Option<()> {
        let Node { name, operation: Operation::Convolution(mut convolution), mut inputs, .. } =
            self.node(from)?.clone()
        else {
            return None;
        };
        change(&mut convolution);
        inputs.extend(other);
        self.replace(index, name, Operation::Convolution(convolution), inputs);
        Some(())
    }

    fn activated(&mut self, index: usize, activation: Activation) -> Option<()> {
        let (from, convolution) = self.before(index, *self.node(index)?.inputs.first()?)?;
        match (convolution.activation, convolution.residual) {
            (Activation::Linear, None) => {
                self.absorb(from, index, |convolution| convolution.activation = activation, None)
            }
            (_, Some(Activation::Linear)) => {
                self.absorb(from, index, |convolution| convolution.residual = Some(activation), None)
            }
            _ => None,
        }
    }

    /// Factors and summands of the channels, as batch normalisation has them.
    fn affine(&mut self, index: usize) -> Option<()> {
        let (value, factors, summands) = self.channel_line(index)?;
        let (from, convolution) = self.before(index, value)?;
        if convolution.activation != Activation::Linear || convolution.residual.is_some() {
            return None;
        }
        self.absorb(from, index, |convolution| scale(convolution, &factors, &summands), None)
    }

    /// The sum of a convolution and another map. Of two convolutions the later one: the other map is there then.
    fn residual(&mut self, index: usize) -> Option<()> {
        let node = self.node(index)?;
        let (Operation::Binary(Binary::Add), &[a, b]) = (&node.operation, node.inputs.as_slice()) else { return None };
        if a == b || self.shape(a) != self.shape(b) {
            return None;
        }
        let sides = [(a, b), (b, a)].into_iter().filter_map(|(sum, other)| {
            let (from, convolution) = self.before(index, sum)?;
            let free = convolution.residual.is_none() && self.graph.values[other].constant.is_none();
            free.then_some((from, other))
        });
        let (from, other) = sides.max()?;
        self.absorb(from, index, |convolution| convolution.residual = Some(Activation::Linear), Some(other))
    }

    /// A node that multiplies each channel by a factor and adds a summand: of which value, and which.
    fn channel_line(&self, index: usize) -> Option<(ValueId, Vec<f32>, Vec<f32>)> {
        let node = self.node(index)?;
        let (Operation::Binary(function), &[a, b]) = (&node.operation, node.inputs.as_slice()) else { return None };
        let output = self.shape(node.output);
        let (value, numbers, first) = match (self.by_channel(a, output), self.by_channel(b, output)) {
            (None, Some(numbers)) => (a, numbers, true),
            (Some(numbers), None) => (b, numbers, false),
            _ => return None,
        };
        if self.shape(value) != output || self.graph.values[value].constant.is_some() {
            return None;
        }
        let count = numbers.len();
        let each = |function: fn(f32) -> f32| numbers.iter().copied().map(function).collect();
        Some(match (function, first) {
            (Binary::Mul, _) => (value, numbers, vec![0.0; count]),
            (Binary::Add, _) => (value, vec![1.0; count], numbers),
            (Binary::Sub, true) => (value, vec![1.0; count], each(|x| -x)),
            (Binary::Sub, false) => (value, vec![-1.0; count], numbers),
            (Binary::Div, true) if numbers.iter().all(|x| *x != 0.0) => (value, each(f32::recip), vec![0.0; count]),
            _ => return None,
        })
    }

    /// A constant as one number for each channel of a map.
    fn by_channel(&self, value: ValueId, map: &[usize]) -> Option<Vec<f32>> {
        let &[_, channels, _, _] = map else { return None };
        let constant = self.graph.values[value].constant.as_ref()?;
        let shape = self.shape(value);
        match (constant.as_slice(), shape) {
            ([number], _) if shape.len() <= 4 => Some(vec![*number; channels]),
            (_, [_, 1, 1] | [1, _, 1, 1]) if constant.len() == channels => Some(constant.clone()),
            _ => None,
        }
    }

    /// Zeros put around a map before a window moves over it.
    fn padding(&mut self, index: usize) -> Option<()> {
        let node = self.node(index)?;
        let value = *node.inputs.first()?;
        let (_, before) = self.own_producer(value).filter(|_| self.graph.values[value].grid.is_none())?;
        let Operation::Pad { before: front, value: zero } = &before.operation else { return None };
        let from = *before.inputs.first()?;
        let (&[_, _, rows, columns], &[top, left]) = (self.shape(from), front.get(2..)?) else { return None };
        let padded = self.shape(value);
        if *zero != 0.0 || padded[..2] != self.shape(from)[..2] {
            return None;
        }
        let more = [top, left, padded[2] - rows - top, padded[3] - columns - left];
        let mut node = node.clone();
        match &mut node.operation {
            Operation::Convolution(convolution) => add(&mut convolution.padding, more),
            Operation::Pool(pool) if pool.kind == PoolKind::AverageWithPadding => add(&mut pool.padding, more),
            // Until now the zeros were part of the map, and counted.
            Operation::Pool(pool) if pool.kind == PoolKind::Average && pool.padding == [0; 4] => {
                (pool.kind, pool.padding) = (PoolKind::AverageWithPadding, more);
            }
            _ => return None,
        }
        node.inputs[0] = from;
        self.replace(index, node.name, node.operation, node.inputs);
        Some(())
    }

    /// Factors or summands of the channels that no convolution took: a convolution of its own, window 1×1, which can take
    /// what comes after. Only of maps that lie as convolutions want them.
    pub(super) fn channel_factors(&mut self, index: usize) -> Option<()> {
        let (value, factors, summands) = self.channel_line(index)?;
        let map = match self.producer(value) {
            None => self.graph.inputs.contains(&value),
            Some((_, node)) => matches!(
                &node.operation,
                Operation::Convolution(_)
                    | Operation::Pool(_)
                    | Operation::Upsample { .. }
                    | Operation::Activation(_)
                    | Operation::Binary(_)
                    | Operation::Concat { axis: 1 }
            ),
        };
        let name = self.node(index).filter(|_| map)?.name.clone();
        let weights = Weights { shape: [factors.len(), 1, 1, 1], elements: Elements::F32(little_endian(&factors)) };
        let convolution = Convolution {
            weights,
            scale: Vec::new(),
            bias: summands,
            stride: [1, 1],
            dilation: [1, 1],
            padding: [0; 4],
            groups: factors.len(),
            activation: Activation::Linear,
            residual: None,
        };
        self.replace(index, name, Operation::Convolution(Box::new(convolution)), vec![value]);
        Some(())
    }
}

/// Multiplies a convolution's channels and adds to them.
fn scale(convolution: &mut Convolution, factors: &[f32], summands: &[f32]) {
    if factors.iter().any(|factor| *factor != 1.0) {
        if convolution.scale.is_empty() {
            convolution.scale = vec![1.0; factors.len()];
        }
        convolution.scale.iter_mut().zip(factors).for_each(|(scale, factor)| *scale *= factor);
    }
    for (bias, (factor, summand)) in convolution.bias.iter_mut().zip(factors.iter().zip(summands)) {
        *bias = (f64::from(*bias) * f64::from(*factor) + f64::from(*summand)) as f32;
    }
}

fn add(padding: &mut [usize; 4], more: [usize; 4]) {
    padding.iter_mut().zip(more).for_each(|(padding, more)| *padding += more);
}
