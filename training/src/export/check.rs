//! Whether a file is sound, and whether it computes what the network does.

use super::ExportError;
use ocelli::engine::{Engine, EngineKind, EngineOptions, Runtime};
use ocelli::metadata::Metadata;
use ocelli::onnx::{Graph, Model};
use ocelli::tensor::{NamedTensors, Tensor};
use std::collections::HashSet;

/// Checks a model's structure: names are there once and made before they are used, outputs are there, the metadata can be
/// read.
///
/// # Errors
/// [`ExportError::Structure`] names what is wrong; [`ExportError::Metadata`].
pub fn structure(model: &Model) -> Result<(), ExportError> {
    let Some(graph) = &model.graph else { return Err(broken("there is none")) };
    let mut there: HashSet<&str> = HashSet::new();
    let given = graph.input.iter().map(|input| &input.name);
    for name in given.chain(graph.initializer.iter().map(|value| &value.name)) {
        if name.is_empty() || !there.insert(name) {
            return Err(broken(&format!("`{name}` is given twice")));
        }
    }
    nodes(graph, &mut there)?;
    for output in &graph.output {
        if !there.contains(output.name.as_str()) {
            return Err(broken(&format!("nothing makes the output `{}`", output.name)));
        }
    }
    Metadata::read(model)?;
    Ok(())
}

fn nodes<'a>(graph: &'a Graph, there: &mut HashSet<&'a str>) -> Result<(), ExportError> {
    let mut names = HashSet::new();
    for node in &graph.node {
        if !names.insert(&node.name) {
            return Err(broken(&format!("two nodes are called `{}`", node.name)));
        }
        if let Some(input) = node.input.iter().find(|input| !input.is_empty() && !there.contains(input.as_str())) {
            return Err(broken(&format!("nothing makes `{input}` before {} `{}` uses it", node.op_type, node.name)));
        }
        if let Some(output) = node.output.iter().find(|output| !there.insert(output)) {
            return Err(broken(&format!("`{output}` is made twice")));
        }
    }
    Ok(())
}

fn broken(reason: &str) -> ExportError {
    ExportError::Structure(reason.into())
}

/// Runs a model in every engine of the project and compares each output with what is wanted: the largest error over
/// max(1, the output's largest magnitude), over all outputs and engines.
///
/// # Errors
/// [`ExportError::Engine`] if an engine cannot run it, [`ExportError::Output`] if an output is missing, of another type
/// or of another shape, [`ExportError::Differs`] if one is off by more than `tolerance`.
pub fn outputs(
    model: &Model,
    inputs: &NamedTensors,
    wanted: &NamedTensors,
    tolerance: f32,
) -> Result<f32, ExportError> {
    let bytes = model.to_bytes();
    let shapes: Vec<_> = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape().to_vec())).collect();
    let (mut largest, mut engines) = (0f32, Vec::new());
    for kind in [EngineKind::Auto, EngineKind::Tract] {
        let engine = Runtime::new(EngineOptions { kind, ..EngineOptions::default() }).load(&bytes, &shapes)?;
        // One engine may be the only one, or the quickest.
        if engines.contains(&engine.name()) {
            continue;
        }
        engines.push(engine.name());
        let ordered = engine.inputs().iter().filter_map(|port| find(inputs, &port.name)).cloned().collect();
        let found = engine.run(ordered)?;
        largest = largest.max(compare(engine.as_ref(), &found, wanted, tolerance)?);
    }
    Ok(largest)
}

fn compare(
    engine: &dyn Engine,
    found: &NamedTensors,
    wanted: &NamedTensors,
    tolerance: f32,
) -> Result<f32, ExportError> {
    let mut largest = 0f32;
    for (name, wanted) in wanted {
        let wrong = |reason: String| ExportError::Output { name: name.clone(), reason };
        let found = find(found, name).ok_or_else(|| wrong(format!("engine {} does not give it", engine.name())))?;
        let error = distance(found, wanted).map_err(wrong)?;
        if error.is_nan() || error > tolerance {
            return Err(ExportError::Differs { output: name.clone(), engine: engine.name(), error, tolerance });
        }
        largest = largest.max(error);
    }
    Ok(largest)
}

fn find<'a>(tensors: &'a NamedTensors, name: &str) -> Option<&'a Tensor> {
    tensors.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor)
}

/// The largest difference of two tensors over max(1, the largest magnitude of the second); 0 or ∞ for those that are not
/// floats.
///
/// # Errors
/// Says how types or shapes differ.
pub fn distance(found: &Tensor, wanted: &Tensor) -> Result<f32, String> {
    if (found.dtype(), found.shape()) != (wanted.dtype(), wanted.shape()) {
        let (own, shape) = (found.dtype(), found.shape());
        return Err(format!("it is {own} {shape:?} in place of {} {:?}", wanted.dtype(), wanted.shape()));
    }
    let (Some(found_floats), Some(wanted_floats)) = (found.as_f32(), wanted.as_f32()) else {
        return Ok(if found == wanted { 0.0 } else { f32::INFINITY });
    };
    let scale = wanted_floats.iter().fold(1f32, |scale, value| scale.max(value.abs()));
    let errors = found_floats.iter().zip(wanted_floats).map(|(found, wanted)| match found == wanted {
        true => 0.0,
        false => (found - wanted).abs() / scale,
    });
    // `max` would drop a NaN.
    Ok(errors.fold(0.0, |largest, error| if error > largest || error.is_nan() { error } else { largest }))
}
