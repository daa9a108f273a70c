//! Nodes become steps.

use super::layout::Layout;
use super::memory::Storages;
use super::{FilterStore, Settings};
use crate::engine::graph::{Activation, Binary, Graph, Node, Operation, Pool, PoolKind, Unsupported, Value, ValueId};
use crate::engine::kernels::{
    Cost, Elementwise, Format, Located, Map, Pack, Place, PlainStep, Pooling, Regroup, Step, Unpack, Work,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Steps in order, constants, and the storages that the steps' offsets name.
pub(super) type Lowered = (Vec<Step>, Vec<Vec<f32>>, Storages);

/// Lowers all nodes.
pub(super) fn lower(graph: &Graph, settings: Settings, store: &FilterStore) -> Result<Lowered, Unsupported> {
    let mut lowering = Lowering::new(graph, settings, store);
    for node in &graph.nodes {
        lowering.node(node)?;
        lowering.hand_out(node.output);
    }
    lowering.copy_outputs();
    Ok((lowering.steps, lowering.constants, lowering.storages))
}

/// A graph on its way to steps.
pub(super) struct Lowering<'a> {
    pub(super) graph: &'a Graph,
    pub(super) settings: Settings,
    pub(super) store: &'a FilterStore,
    pub(super) layout: Layout,
    pub(super) storages: Storages,
    steps: Vec<Step>,
    /// The maps that hold a value, in different formats.
    maps: HashMap<ValueId, Vec<Map>>,
    /// Where a value is, row by row.
    places: HashMap<ValueId, Place>,
    /// Values that are rounded from others, row by row, as they are packed.
    pub(super) rounded: HashMap<ValueId, ValueId>,
    constants: Vec<Vec<f32>>,
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph, settings: Settings, store: &'a FilterStore) -> Self {
        let places = graph.inputs.iter().enumerate().map(|(index, value)| (*value, Place::Input(index))).collect();
        Self {
            graph,
            settings,
            store,
            layout: Layout::new(graph, &settings),
            storages: Storages::default(),
            steps: Vec::new(),
            maps: HashMap::new(),
            places,
            rounded: HashMap::new(),
            constants: Vec::new(),
        }
    }

    fn value(&self, id: ValueId) -> &'a Value {
        &self.graph.values[id]
    }

    /// A value's shape as that of a map.
    pub(super) fn shape(&self, id: ValueId) -> Result<[usize; 4], Unsupported> {
        let value = self.value(id);
        let shape = <[usize; 4]>::try_from(&value.shape[..]);
        shape.map_err(|_| Unsupported(format!("value {} has {} axes in place of 4", value.name, value.shape.len())))
    }

    fn node(&mut self, node: &Node) -> Result<(), Unsupported> {
        let maps = self.layout.maps[node.output];
        match &node.operation {
            Operation::Convolution(convolution) => self.convolution(node, convolution),
            Operation::Pool(pool) => self.pool(node, *pool),
            Operation::GlobalAveragePool => {
                let [_, _, rows, columns] = self.shape(node.inputs[0])?;
                let [stride, dilation] = [[1, 1]; 2];
                let kernel = [rows, columns];
                self.pool(node, Pool { kind: PoolKind::Average, kernel, stride, dilation, padding: [0; 4] })
            }
            Operation::Upsample { factor } => self.elementwise(node, None, *factor, Activation::Linear),
            Operation::Activation(activation) if maps => self.elementwise(node, None, [1, 1], *activation),
            Operation::Binary(binary) if maps => {
                self.elementwise(node, Some((*binary, node.inputs[1])), [1, 1], Activation::Linear)
            }
            Operation::Concat { axis: 1 } if maps => self.concat(node),
            _ if maps => self.regroup(node),
            _ if self.rounds_on_the_way(node) => {
                self.rounded.insert(node.output, node.inputs[0]);
                Ok(())
            }
            operation => {
                self.plain(node, operation);
                Ok(())
            }
        }
    }

    pub(super) fn push(
        &mut self,
        node: &Node,
        kind: String,
        algorithm: &'static str,
        multiply_adds: u64,
        work: Work,
        output: Option<Map>,
    ) {
        let shape = self.value(node.output).shape.get(1..).unwrap_or_default().to_vec();
        let cost = Cost { kind, algorithm, shape, multiply_adds };
        let halo = output.filter(|map| map.halo != [0; 4]);
        self.steps.push(Step { name: node.name.clone(), work, halo, cost });
    }

    /// Memory for a value as a map; within a concatenation's if it is a part of one.
    pub(super) fn new_map(&mut self, id: ValueId) -> Result<Map, Unsupported> {
        let map = self.room(id)?;
        self.maps.entry(id).or_default().push(map);
        Ok(map)
    }

    fn room(&mut self, id: ValueId) -> Result<Map, Unsupported> {
        if let Some((whole, block)) = self.layout.parts.get(&id).copied() {
            let whole = match self.maps.get(&whole).and_then(|maps| maps.first()) {
                Some(map) => *map,
                None => self.new_map(whole)?,
            };
            return Ok(whole.part(block, self.shape(id)?[1]));
        }
        self.own_room(id, self.layout.formats[id])
    }

    /// Memory for a value as a map that is no other's part.
    fn own_room(&mut self, id: ValueId, format: Format) -> Result<Map, Unsupported> {
        // Tiles are loaded by whole lines.
        let whole_lines = self.settings.kernels.has_tiles(format);
        let new = if whole_lines { Map::new } else { Map::narrow };
        let mut map = new(format, self.shape(id)?, self.layout.halos[id]);
        map.offset += self.storages.add(map.bytes());
        Ok(map)
    }

    /// Whether a node only rounds a tensor which can be packed into bytes of that grid when it is needed.
    fn rounds_on_the_way(&self, node: &Node) -> bool {
        let value = self.value(node.output);
        let four = value.shape.len() == 4 && value.shape == self.value(node.inputs[0]).shape;
        node.is_rounding() && value.grid.is_some() && four && !self.graph.outputs.contains(&node.output)
    }

    /// A value as a map in a format: as it is there, converted, or packed.
    pub(super) fn map(&mut self, node: &Node, id: ValueId, format: Format) -> Result<Map, Unsupported> {
        // Bytes first, where numbers are rounded as they become bytes.
        let own = self.layout.formats[id];
        if self.rounded.contains_key(&id) && format != own && !self.maps.contains_key(&id) {
            self.map(node, id, own)?;
        }
        let known = self.maps.get(&id).map(Vec::as_slice).unwrap_or_default();
        if let Some(map) = known.iter().find(|map| map.format == format) {
            return Ok(*map);
        }
        let other = known.first().copied();
        let map = self.own_room(id, format)?;
        let work = match other {
            Some(input) => Work::Elementwise(Elementwise {
                input,
                other: None,
                factor: [1, 1],
                activation: Activation::Linear,
                output: map,
            }),
            None => {
                let source = self.rounded.get(&id).copied().unwrap_or(id);
                Work::Pack(Pack { from: self.place(node, source)?, to: map })
            }
        };
        self.push(node, "convert".into(), "copy", 0, work, Some(map));
        self.maps.entry(id).or_default().push(map);
        Ok(map)
    }

    /// A value as the map that there is, or in its own format.
    pub(super) fn any_map(&mut self, node: &Node, id: ValueId) -> Result<Map, Unsupported> {
        match self.maps.get(&id).and_then(|maps| maps.first()) {
            Some(map) => Ok(*map),
            None => self.map(node, id, self.layout.formats[id]),
        }
    }

    /// Where a value lies row by row, if it does not have to be brought there.
    pub(super) fn known_place(&mut self, id: ValueId) -> Option<Place> {
        if let (None, Some(numbers)) = (self.places.get(&id), &self.value(id).constant) {
            self.constants.push(numbers.clone());
            self.places.insert(id, Place::Constant(self.constants.len() - 1));
        }
        self.places.get(&id).copied()
    }

    /// Where a value lies row by row.
    fn place(&mut self, node: &Node, id: ValueId) -> Result<Place, Unsupported> {
        if let Some(place) = self.known_place(id) {
            return Ok(place);
        }
        let from = self.any_map(node, id)?;
        let to = self.new_place(id);
        self.push(node, "convert".into(), "copy", 0, Work::Unpack(Unpack { from, to }), None);
        Ok(to)
    }

    fn new_place(&mut self, id: ValueId) -> Place {
        let output = self.graph.outputs.iter().position(|output| *output == id);
        let numbers: usize = self.value(id).shape.iter().product();
        let place = output.map_or_else(|| Place::Buffer(self.storages.add(numbers * 4)), Place::Output);
        self.places.insert(id, place);
        place
    }

    /// Brings an output to the caller as soon as it is there.
    fn hand_out(&mut self, id: ValueId) {
        let Some(node) = self.graph.nodes.iter().find(|node| node.output == id) else { return };
        let map = self.maps.get(&id).and_then(|maps| maps.first()).copied();
        if let (true, Some(from), false) = (self.graph.outputs.contains(&id), map, self.places.contains_key(&id)) {
            let to = self.new_place(id);
            self.push(node, "unpack".into(), "copy", 0, Work::Unpack(Unpack { from, to }), None);
        }
    }

    /// Outputs that are inputs, constants or one another.
    fn copy_outputs(&mut self) {
        for (index, id) in self.graph.outputs.clone().into_iter().enumerate() {
            let Some(from) = self.known_place(id).filter(|place| *place != Place::Output(index)) else { continue };
            let shape = self.value(id).shape.clone();
            let located = |place| Located { place, shape: shape.clone() };
            let work = PlainStep {
                operation: Arc::new(Operation::Reshape),
                inputs: vec![located(from)],
                output: located(Place::Output(index)),
                grid: None,
            };
            let cost = Cost { kind: "copy".into(), algorithm: "plain", shape: shape.clone(), multiply_adds: 0 };
            let name = self.value(id).name.clone();
            self.steps.push(Step { name, work: Work::Plain(work), halo: None, cost });
        }
    }

    fn plain(&mut self, node: &Node, operation: &Operation) {
        let mut inputs = Vec::new();
        for id in &node.inputs {
            let Ok(place) = self.place(node, *id) else { continue };
            inputs.push(Located { place, shape: self.value(*id).shape.clone() });
        }
        let place = self.new_place(node.output);
        let output = Located { place, shape: self.value(node.output).shape.clone() };
        let grid = self.value(node.output).grid;
        let work = PlainStep { operation: Arc::new(operation.clone()), inputs, output, grid };
        self.push(node, name(operation).into(), "plain", 0, Work::Plain(work), None);
    }

    fn pool(&mut self, node: &Node, pool: Pool) -> Result<(), Unsupported> {
        let input = self.any_map(node, node.inputs[0])?;
        let output = self.new_map(node.output)?;
        let kind =
            format!("{}{}x{}", if pool.kind == PoolKind::Max { "max" } else { "mean" }, pool.kernel[0], pool.kernel[1]);
        self.push(node, kind, "direct", 0, Work::Pooling(Pooling { input, output, pool }), Some(output));
        Ok(())
    }

    fn elementwise(
        &mut self,
        node: &Node,
        other: Option<(Binary, ValueId)>,
        factor: [usize; 2],
        activation: Activation,
    ) -> Result<(), Unsupported> {
        let input = self.any_map(node, node.inputs[0])?;
        let other = other.map(|(binary, id)| Ok((binary, self.any_map(node, id)?))).transpose()?;
        let output = self.new_map(node.output)?;
        let work = Work::Elementwise(Elementwise { input, other, factor, activation, output });
        self.push(node, name(&node.operation).into(), "direct", 0, work, Some(output));
        Ok(())
    }

    /// Copies what is not made in its place already.
    fn concat(&mut self, node: &Node) -> Result<(), Unsupported> {
        let whole = match self.maps.get(&node.output).and_then(|maps| maps.first()) {
            Some(map) => *map,
            None => self.new_map(node.output)?,
        };
        let in_place =
            |lowering: &Self, id: ValueId| lowering.layout.parts.get(&id).is_some_and(|(of, _)| *of == node.output);
        let aligned = node.inputs.iter().any(|id| in_place(self, *id));
        if !aligned {
            return self.regroup(node);
        }
        let mut block = 0;
        for id in &node.inputs {
            let channels = self.shape(*id)?[1];
            if !in_place(self, *id) {
                let input = self.any_map(node, *id)?;
                let output = whole.part(block, channels);
                let copy = Elementwise { input, other: None, factor: [1, 1], activation: Activation::Linear, output };
                self.push(node, "concat".into(), "copy", 0, Work::Elementwise(copy), Some(output));
            }
            block += channels.div_ceil(whole.format.channels());
        }
        Ok(())
    }

    fn regroup(&mut self, node: &Node) -> Result<(), Unsupported> {
        let channels = channels_taken(self.graph, node);
        let channels = channels.ok_or_else(|| Unsupported(format!("{} {}", name(&node.operation), node.name)))?;
        let mut inputs = Vec::new();
        for id in &node.inputs {
            inputs.push(self.any_map(node, *id)?);
        }
        let output = match self.maps.get(&node.output).and_then(|maps| maps.first()) {
            Some(map) => *map,
            None => self.new_map(node.output)?,
        };
        let work = Work::Regroup(Regroup { inputs, channels, output });
        self.push(node, name(&node.operation).into(), "copy", 0, work, Some(output));
        Ok(())
    }
}

/// Which operand's which channel each output channel is, for operations that only move channels; `None` for a zero.
pub(super) fn channels_taken(graph: &Graph, node: &Node) -> Option<Vec<Option<(usize, usize)>>> {
    let shape = |id: ValueId| &graph.values[id].shape;
    let output = shape(node.output);
    let first = shape(*node.inputs.first()?);
    let same_pixels = output.len() == 4 && first.len() == 4 && output[0] == first[0] && output[2..] == first[2..];
    if !same_pixels {
        return None;
    }
    match &node.operation {
        Operation::Concat { axis: 1 } => {
            let channels =
                |(index, id): (usize, &ValueId)| (0..shape(*id)[1]).map(move |channel| Some((index, channel)));
            Some(node.inputs.iter().enumerate().flat_map(channels).collect())
        }
        Operation::Slice { starts, steps } if [0, 2, 3].iter().all(|axis| starts[*axis] == 0 && steps[*axis] == 1) => {
            let channel = |index: usize| usize::try_from(starts[1] as isize + index as isize * steps[1]).ok();
            (0..output[1]).map(|index| Some(Some((0, channel(index)?)))).collect()
        }
        Operation::Gather { axis: 1, indices } => Some(indices.iter().map(|channel| Some((0, *channel))).collect()),
        Operation::Pad { before, value } if *value == 0.0 => {
            let channel = |index: usize| index.checked_sub(before[1]).filter(|channel| *channel < first[1]);
            Some((0..output[1]).map(|index| channel(index).map(|channel| (0, channel))).collect())
        }
        _ => None,
    }
}

/// Whether a function of two numbers can be done on maps: of one shape, or one number for each channel; and such that the
/// channels that do not count stay finite.
pub(super) fn is_map_binary(graph: &Graph, node: &Node) -> bool {
    let Operation::Binary(binary) = &node.operation else { return false };
    let [a, b] = node.inputs[..] else { return false };
    let (a, b) = (&graph.values[a], &graph.values[b]);
    let fits = a.shape.len() == 4
        && b.shape.len() == 4
        && a.shape == graph.values[node.output].shape
        && a.shape[..2] == b.shape[..2]
        && (a.shape == b.shape || b.shape[2..] == [1, 1]);
    fits && matches!(binary, Binary::Add | Binary::Sub | Binary::Mul | Binary::Max | Binary::Min)
}

/// What an operation is called in tables.
fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Convolution(_) => "conv",
        Operation::Pool(_) | Operation::GlobalAveragePool => "pool",
        Operation::Upsample { .. } => "upsample",
        Operation::Activation(_) => "activation",
        Operation::Binary(Binary::Add) => "add",
        Operation::Binary(_) => "binary",
        Operation::Concat { .. } => "concat",
        Operation::Softmax { .. } => "softmax",
        Operation::Reshape => "reshape",
        Operation::Transpose { .. } => "transpose",
        Operation::Slice { .. } => "slice",
        Operation::Gather { .. } => "gather",
        Operation::Pad { .. } => "pad",
    }
}
