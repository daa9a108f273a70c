//! The only door to tract: reference engine, and the one for every graph.

use super::{Engine, EngineError, Port, Precision};
use crate::tensor::{NamedTensors, Tensor};
use bytes::Bytes;
use half::f16;
use std::num::NonZeroUsize;
use std::sync::Arc;
use tract_linalg::multithread::{Executor, multithread_tract_scope};
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, OutletId, TDim, TValue,
    TractError, TractResult, TypedModel, TypedRunnableModel,
};
use tract_onnx::tract_core::internal::DimLike;
use tract_onnx::tract_core::knobs::KnobScope;
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_hir::infer::{Factoid, GenericFactoid};

const NAME: &str = "tract";

/// The pool that the networks of one runtime share.
#[derive(Clone)]
pub(super) struct Threads(Executor);

impl Threads {
    pub(super) fn new(threads: NonZeroUsize) -> Self {
        match threads.get() {
            // A pool of one thread would only add a hand-over to each matrix product.
            1 => Self(Executor::SingleThread),
            threads => Self(Executor::multithread_with_name(threads, "ocelli-engine")),
        }
    }
}

/// A network in tract's optimised form.
pub(super) struct TractEngine {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    multiply_adds: u64,
    threads: Threads,
    choice: String,
}

impl TractEngine {
    /// `choice`: why this engine.
    pub(super) fn load(
        onnx: &Bytes,
        shapes: &[(String, Vec<usize>)],
        threads: &Threads,
        choice: String,
    ) -> Result<Self, EngineError> {
        let mut model = tract_onnx::onnx().model_for_read(&mut &onnx[..]).map_err(|e| load_error(&e))?;
        if let Some((name, _)) = shapes.iter().find(|(name, _)| !input_names(&model).contains(name)) {
            let reason = format!("the network has no such input; it has {}", input_names(&model).join(", "));
            return Err(EngineError::Input { name: name.clone(), reason });
        }
        fix_shapes(&mut model, shapes)?;
        // The optimiser drops nodes, and with them names.
        let names = [input_names(&model), output_names(&model)];
        let model = model.into_typed().and_then(TypedModel::into_decluttered).map_err(|e| load_error(&e))?;
        let [inputs, outputs] = names;
        let inputs = ports(&model, model.input_outlets(), inputs).map_err(|e| load_error(&e))?;
        let outputs = ports(&model, model.output_outlets(), outputs).map_err(|e| load_error(&e))?;
        let multiply_adds = multiply_adds(&model).map_err(|e| load_error(&e))?;
        let plan = optimize(model).map_err(|e| load_error(&e))?;
        Ok(Self { plan, inputs, outputs, multiply_adds, threads: threads.clone(), choice })
    }
}

impl Engine for TractEngine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }

    fn precision(&self) -> Precision {
        Precision::F32
    }

    fn choice(&self) -> &str {
        &self.choice
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<NamedTensors, EngineError> {
        super::check(&self.inputs, &inputs)?;
        let inputs = inputs.into_iter().map(into_tract).collect();
        let outputs =
            multithread_tract_scope(self.threads.0.clone(), || self.plan.run(inputs)).map_err(|e| run_error(&e))?;
        let named = self.outputs.iter().zip(outputs);
        named.map(|(port, value)| Ok((port.name.clone(), from_tract(value).map_err(|e| run_error(&e))?))).collect()
    }
}

/// tract's direct convolution is slower than its im2col on machines with AVX-512: it has AVX2 kernels alone, re-reads its
/// input, and does not fuse leaky ReLU (measured on YOLOv3 at 416: 762 ms with it, 637 ms without).
fn optimize(model: TypedModel) -> TractResult<Arc<TypedRunnableModel>> {
    let im2col = KnobScope::new([("TRACT_DISABLE_DIRECT_SPATIAL", "1")])?;
    im2col.enter(|| model.into_optimized()?.into_runnable())
}

fn input_names(model: &InferenceModel) -> Vec<String> {
    model.inputs.iter().map(|outlet| model.node(outlet.node).name.clone()).collect()
}

fn output_names(model: &InferenceModel) -> Vec<String> {
    let name = |outlet| model.outlet_label(outlet).unwrap_or(&model.node(outlet.node).name).to_owned();
    model.outputs.iter().copied().map(name).collect()
}

fn fix_shapes(model: &mut InferenceModel, shapes: &[(String, Vec<usize>)]) -> Result<(), EngineError> {
    for (index, name) in input_names(model).into_iter().enumerate() {
        let fact = model.input_fact(index).map_err(|e| load_error(&e))?.clone();
        let shape = match shapes.iter().find(|(wanted, _)| *wanted == name) {
            Some((_, shape)) => shape.clone(),
            None => default_shape(&fact).ok_or_else(|| EngineError::Input {
                name: name.clone(),
                reason: format!("its shape is not fixed in the file ({:?}); name one", fact.shape),
            })?,
        };
        let dtype = fact.datum_type.concretize().unwrap_or(DatumType::F32);
        model.set_input_fact(index, InferenceFact::dt_shape(dtype, shape)).map_err(|e| load_error(&e))?;
    }
    // What the file says of the outputs holds for its own sizes; the shapes follow from the inputs.
    for index in 0..model.outputs.len() {
        model.set_output_fact(index, InferenceFact::default()).map_err(|e| load_error(&e))?;
    }
    Ok(())
}

/// The file's shape, with a first axis of any size as 1.
fn default_shape(fact: &InferenceFact) -> Option<Vec<usize>> {
    if fact.shape.is_open() {
        return None;
    }
    let size = |(index, axis): (usize, &GenericFactoid<TDim>)| match axis.concretize().map(|dim| dim.to_usize()) {
        Some(Ok(size)) => Some(size),
        _ if index == 0 => Some(1),
        _ => None,
    };
    fact.shape.dims().enumerate().map(size).collect()
}

fn ports(model: &TypedModel, outlets: TractResult<&[OutletId]>, names: Vec<String>) -> TractResult<Vec<Port>> {
    outlets?
        .iter()
        .zip(names)
        .map(|(outlet, name)| {
            let fact = model.outlet_fact(*outlet)?;
            let shape = fact.shape.as_concrete().map(<[usize]>::to_vec).unwrap_or_default();
            Ok(Port { name, dtype: dtype_name(fact.datum_type).into(), shape })
        })
        .collect()
}

fn multiply_adds(model: &TypedModel) -> TractResult<u64> {
    let mut total = 0;
    for node in model.nodes() {
        let facts = model.node_input_facts(node.id)?;
        for (cost, count) in node.op.cost(&facts)? {
            if matches!(cost, Cost::FMA(_)) {
                total += u64::try_from(count.to_i64().unwrap_or(0)).unwrap_or(0);
            }
        }
    }
    Ok(total)
}

/// The element types that cross the door, each with tract's own name of it.
macro_rules! datum_types {
    ($($datum:ident $variant:ident $element:ty, $name:literal;)*) => {
        fn dtype_name(datum: DatumType) -> &'static str {
            match datum {
                $(DatumType::$datum => $name,)*
                // What tract makes of 64-bit integers that may be sizes.
                DatumType::TDim => "int64",
                _ => "other",
            }
        }

        fn into_tract(tensor: Tensor) -> TValue {
            match tensor {
                $(Tensor::$variant(array) => tract_onnx::prelude::Tensor::from(array).into(),)*
            }
        }

        fn from_tract(value: TValue) -> TractResult<Tensor> {
            match value.datum_type() {
                $(DatumType::$datum => Ok(value.to_plain_array_view::<$element>()?.to_owned().into()),)*
                DatumType::TDim => {
                    Ok(value.cast_to::<i64>()?.to_plain_array_view::<i64>()?.to_owned().into())
                }
                other => Err(tract_onnx::tract_core::internal::anyhow!("an output is of type {other:?}, which cannot be returned")),
            }
        }
    };
}

datum_types! {
    F32 F32 f32, "float32";
    F64 F64 f64, "float64";
    F16 F16 f16, "float16";
    I8 I8 i8, "int8";
    I16 I16 i16, "int16";
    I32 I32 i32, "int32";
    I64 I64 i64, "int64";
    U8 U8 u8, "uint8";
    U16 U16 u16, "uint16";
    U32 U32 u32, "uint32";
    U64 U64 u64, "uint64";
    Bool Bool bool, "bool";
}

fn load_error(error: &TractError) -> EngineError {
    EngineError::Load { engine: NAME, reason: format!("{error:#}") }
}

fn run_error(error: &TractError) -> EngineError {
    EngineError::Run { engine: NAME, reason: format!("{error:#}") }
}
