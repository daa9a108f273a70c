//! A graph as steps over one buffer: formats chosen, convolutions arranged, memory shared.

mod convolution;
mod layout;
mod lower;
mod memory;
mod store;
mod winograd;

use crate::engine::Memory;
use crate::engine::graph::{Graph, Unsupported};
use crate::engine::kernels::{Format, Kernels, Step};

pub(crate) use store::FilterStore;

/// What a plan is made for.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// The loops that will run it.
    pub(crate) kernels: &'static Kernels,
    /// The threads that will.
    pub(crate) threads: usize,
    /// How maps of floats lie in memory.
    pub(crate) float: Format,
    /// What matters more, time or memory.
    pub(crate) memory: Memory,
}

/// A network for inputs of certain shapes, ready to run.
pub(crate) struct Plan {
    /// In order.
    pub(crate) steps: Vec<Step>,
    /// Bytes of the buffer that they work in.
    pub(crate) buffer: usize,
    /// Tensors that do not depend on the inputs.
    pub(crate) constants: Vec<Vec<f32>>,
    /// Names and shapes of the inputs.
    pub(crate) inputs: Vec<(String, Vec<usize>)>,
    /// Names and shapes of the outputs.
    pub(crate) outputs: Vec<(String, Vec<usize>)>,
}

impl Plan {
    /// Lowers a graph. Filters are taken from the store, or prepared and put there.
    ///
    /// # Errors
    /// [`Unsupported`] for what no step does.
    pub(crate) fn new(graph: &Graph, settings: Settings, store: &FilterStore) -> Result<Self, Unsupported> {
        let (mut steps, constants, storages) = lower::lower(graph, settings, store)?;
        let buffer = storages.place(&mut steps);
        let port = |id: &usize| (graph.values[*id].name.clone(), graph.values[*id].shape.clone());
        Ok(Self {
            steps,
            buffer,
            constants,
            inputs: graph.inputs.iter().map(port).collect(),
            outputs: graph.outputs.iter().map(port).collect(),
        })
    }

    /// Multiplications of the convolutions, each with its addition.
    pub(crate) fn multiply_adds(&self) -> u64 {
        self.steps.iter().map(|step| step.cost.multiply_adds).sum()
    }
}
