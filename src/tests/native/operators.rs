//! One operator at a time, and the chains that become one, against onnxruntime.

use crate::cases::{self, Case};
use crate::python;
use ocelli::engine::{EngineKind, EngineOptions, Runtime};
use ocelli::tensor::{NamedTensors, Tensor};
use std::num::NonZeroUsize;
use std::path::Path;

/// The largest difference from onnxruntime, as a part of the largest number of the output.
const TOLERANCE: f32 = 2e-5;

pub(crate) fn runtime() -> Runtime {
    let threads = NonZeroUsize::new(2).expect("two");
    Runtime::new(EngineOptions { kind: EngineKind::Native, threads, ..EngineOptions::default() })
}

/// The files `{index}.{side}.0.npy`, `{index}.{side}.1.npy`, … of a folder.
pub(crate) fn tensors(folder: &Path, index: usize, side: &str) -> Vec<Tensor> {
    (0..)
        .map(|place| folder.join(format!("{index:03}.{side}.{place}.npy")))
        .take_while(|path| path.is_file())
        .map(|path| Tensor::read_npy(&path).expect("an array"))
        .collect()
}

/// What is wrong with the outputs, if anything.
fn fault(case: &Case, found: &NamedTensors, wanted: &[Tensor]) -> Option<String> {
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    if names != case.outputs {
        return Some(format!("outputs {names:?} in place of {:?}", case.outputs));
    }
    found.iter().zip(wanted).find_map(|((name, found), wanted)| {
        let (Some(found), Some(wanted)) = (found.as_f32(), wanted.as_f32()) else {
            return Some(format!("{name} is of type {}", found.dtype()));
        };
        if found.shape() != wanted.shape() {
            return Some(format!("{name} has shape {:?} in place of {:?}", found.shape(), wanted.shape()));
        }
        let largest = wanted.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        // Rounding may fall the other way where a number lies between two steps of a grid.
        let leave = case.steps.max(TOLERANCE * largest);
        let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let broken = found.iter().zip(wanted).any(|(a, b)| a.is_nan() != b.is_nan());
        (worst > leave || broken).then(|| format!("{name} is off by {worst}, its largest number being {largest}"))
    })
}

#[test]
fn every_operator_gives_what_onnxruntime_gives() {
    let Some(python) = python::python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let cases = cases::all();
    for (index, case) in cases.iter().enumerate() {
        let path = folder.path().join(format!("{index:03}.onnx"));
        case.model().write(&path).expect("a model");
    }
    python::script(&python, "operators.py", &[folder.path(), Path::new("-3"), Path::new("3")]);
    let runtime = runtime();
    let mut faults = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if let Ok(error) = std::fs::read_to_string(folder.path().join(format!("{index:03}.error"))) {
            faults.push(format!("{}: onnxruntime: {error}", case.name));
            continue;
        }
        let inputs = tensors(folder.path(), index, "in");
        let run = runtime.load(&case.model().to_bytes(), &[]).and_then(|engine| engine.run(inputs));
        match run {
            Err(error) => faults.push(format!("{}: {error}", case.name)),
            Ok(found) => faults.extend(
                fault(case, &found, &tensors(folder.path(), index, "out"))
                    .map(|fault| format!("{}: {fault}", case.name)),
            ),
        }
    }
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}
