//! One operation of a plan, and the memory that it works in.

use super::{
    Block, Convolve, Depthwise, Elementwise, Kernels, Map, Pack, PlainStep, Pooling, Regroup, Stem, Unpack, Winograd,
    halo,
};

/// Where a tensor of floats, row by row, lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the buffer, from this byte on.
    Buffer(usize),
    /// It is one of the caller's inputs.
    Input(usize),
    /// It is one of the outputs.
    Output(usize),
    /// It is one of the plan's constants.
    Constant(usize),
}

/// The memory that the threads of a run share.
pub(crate) struct Memory {
    pub(super) buffer: *mut u8,
    inputs: Vec<*const f32>,
    outputs: Vec<*mut f32>,
    constants: Vec<*const f32>,
}

/// Safety: the items of a step write what no other item of it reads or writes, and steps are done one after another.
unsafe impl Sync for Memory {}

impl Memory {
    /// The memory of one run; it must not be used after any of these is gone.
    pub(crate) fn new(buffer: &mut Block, inputs: &[&[f32]], outputs: &mut [Vec<f32>], constants: &[Vec<f32>]) -> Self {
        Self {
            buffer: buffer.bytes_mut().as_mut_ptr(),
            inputs: inputs.iter().map(|input| input.as_ptr()).collect(),
            outputs: outputs.iter_mut().map(|output| output.as_mut_ptr()).collect(),
            constants: constants.iter().map(|constant| constant.as_ptr()).collect(),
        }
    }

    pub(super) unsafe fn read(&self, place: &Place) -> *const f32 {
        match *place {
            Place::Buffer(offset) => unsafe { self.buffer.add(offset).cast_const().cast() },
            Place::Input(index) => self.inputs[index],
            Place::Output(index) => self.outputs[index].cast_const(),
            Place::Constant(index) => self.constants[index],
        }
    }

    /// Of a place that is no input and no constant.
    pub(super) unsafe fn write(&self, place: &Place) -> *mut f32 {
        match *place {
            Place::Output(index) => self.outputs[index],
            ref other => unsafe { self.read(other).cast_mut() },
        }
    }
}

/// An operation of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The node's name.
    pub(crate) name: String,
    /// What is done.
    pub(crate) work: Work,
    /// What it is, and what it costs.
    pub(crate) cost: Cost,
    /// The map that comes of it, if zeros belong around it.
    pub(crate) halo: Option<Map>,
}

/// What a step is, for tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cost {
    /// The operation: `conv3x3s1`.
    pub(crate) kind: String,
    /// How it is done: `direct`.
    pub(crate) algorithm: &'static str,
    /// Shape of the output, without the images.
    pub(crate) shape: Vec<usize>,
    /// Multiplications of a convolution, each with its addition.
    pub(crate) multiply_adds: u64,
}

/// What a step does.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub(crate) enum Work {
    Convolve(Convolve),
    Stem(Stem),
    WinogradInputs(Winograd),
    Winograd(Winograd),
    Depthwise(Depthwise),
    Pooling(Pooling),
    Elementwise(Elementwise),
    Regroup(Regroup),
    Pack(Pack),
    Unpack(Unpack),
    Plain(PlainStep),
}

impl Step {
    /// Pieces of work that can be done in any order, by any thread.
    pub(crate) fn items(&self) -> usize {
        self.work.items() + self.halo.as_ref().map_or(0, halo::blocks)
    }

    /// Every offset into the buffer: of maps and tensors, read and written.
    pub(crate) fn offsets(&mut self) -> Vec<&mut usize> {
        let mut offsets = self.work.offsets();
        offsets.extend(self.halo.iter_mut().map(|map| &mut map.offset));
        offsets
    }

    /// Does one of them. The step belongs to a plan made for this memory; all steps before it are done, and each item is
    /// done once: the plan and the engine that runs it see to that.
    pub(crate) fn run(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        let works = self.work.items();
        unsafe {
            match &self.halo {
                Some(map) if item >= works => halo::fill(map, item - works, memory),
                _ => self.work.item(item, kernels, memory),
            }
        }
    }
}

impl Work {
    fn offsets(&mut self) -> Vec<&mut usize> {
        fn maps<'a>(maps: impl IntoIterator<Item = &'a mut Map>) -> Vec<&'a mut usize> {
            maps.into_iter().map(|map| &mut map.offset).collect()
        }
        fn place(place: &mut Place) -> Option<&mut usize> {
            match place {
                Place::Buffer(offset) => Some(offset),
                _ => None,
            }
        }
        match self {
            Self::Convolve(work) => maps([&mut work.input, &mut work.output].into_iter().chain(&mut work.residual)),
            Self::Stem(work) => {
                let convolve = &mut work.convolve;
                let own = maps([&mut convolve.output].into_iter().chain(&mut convolve.residual));
                own.into_iter().chain(place(&mut work.from)).collect()
            }
            Self::WinogradInputs(work) => maps([&mut work.input]).into_iter().chain(&mut work.transformed).collect(),
            Self::Winograd(work) => {
                // A step before has read the input if there is one.
                let input = Some(&mut work.input).filter(|_| work.transformed.is_none());
                let own = maps(input.into_iter().chain([&mut work.output]).chain(&mut work.residual));
                own.into_iter().chain(&mut work.transformed).collect()
            }
            Self::Depthwise(work) => maps([&mut work.input, &mut work.output].into_iter().chain(&mut work.residual)),
            Self::Pooling(work) => maps([&mut work.input, &mut work.output]),
            Self::Elementwise(work) => {
                let other = work.other.iter_mut().map(|(_, map)| map);
                maps([&mut work.input, &mut work.output].into_iter().chain(other))
            }
            Self::Regroup(work) => maps(work.inputs.iter_mut().chain([&mut work.output])),
            Self::Pack(work) => maps([&mut work.to]).into_iter().chain(place(&mut work.from)).collect(),
            Self::Unpack(work) => maps([&mut work.from]).into_iter().chain(place(&mut work.to)).collect(),
            Self::Plain(work) => {
                let tensors = work.inputs.iter_mut().chain([&mut work.output]);
                tensors.filter_map(|tensor| place(&mut tensor.place)).collect()
            }
        }
    }

    fn items(&self) -> usize {
        match self {
            Self::Convolve(work) => work.items(),
            Self::Stem(work) => work.items(),
            Self::WinogradInputs(work) => work.input_items(),
            Self::Winograd(work) => work.items(),
            Self::Depthwise(work) => work.items(),
            Self::Pooling(work) => work.items(),
            Self::Elementwise(work) => work.items(),
            Self::Regroup(work) => work.items(),
            Self::Pack(work) => work.items(),
            Self::Unpack(work) => work.items(),
            Self::Plain(_) => 1,
        }
    }

    unsafe fn item(&self, item: usize, kernels: &Kernels, memory: &Memory) {
        unsafe {
            match self {
                Self::Convolve(work) => work.item(item, kernels, memory),
                Self::Stem(work) => work.item(item, kernels, memory),
                Self::WinogradInputs(work) => work.input_item(item, kernels, memory),
                Self::Winograd(work) => work.item(item, kernels, memory),
                Self::Depthwise(work) => work.item(item, kernels, memory),
                Self::Pooling(work) => (kernels.pooling)(work, item, memory),
                Self::Elementwise(work) => (kernels.elementwise)(work, item, memory),
                Self::Regroup(work) => (kernels.regroup)(work, item, memory),
                Self::Pack(work) => (kernels.pack)(work, item, memory),
                Self::Unpack(work) => (kernels.unpack)(work, item, memory),
                Self::Plain(work) => work.run(memory),
            }
        }
    }
}
