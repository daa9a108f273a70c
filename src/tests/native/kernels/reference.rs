//! Scalar kernels against tract, wherever this binary is built with it.

use super::variants::{self, Variant};
use super::{convolutions, maps};
use ocelli::engine::{EngineKind, EngineOptions, KernelSet, Memory, Precision, Runtime};
use ocelli::tensor::Tensor;
use std::num::NonZeroUsize;

#[test]
fn scalar_kernels_give_what_tract_gives() {
    let scalar = Variant { kernels: KernelSet::Scalar, threads: 2, memory: Memory::Normal };
    let tract =
        Runtime::new(EngineOptions { kind: EngineKind::Tract, threads: NonZeroUsize::MIN, ..EngineOptions::default() });
    let mut cases: Vec<_> = convolutions::specs().iter().map(|spec| spec.case(Precision::F32)).collect();
    for of in [maps::pools, maps::functions, maps::moves] {
        cases.extend(of(Precision::F32));
    }
    cases.extend([(16, 1), (70, 2)].map(|(width, images)| maps::detector(Precision::F32, images, width)));
    let mut faults = Vec::new();
    for case in &cases {
        let ports = &case.model.graph.as_ref().expect("a graph").input;
        let shapes = ports.iter().zip(&case.inputs).map(|(port, input)| (port.name.clone(), input.shape().to_vec()));
        let reference = tract.load(&case.model.to_bytes(), &shapes.collect::<Vec<_>>());
        let reference = reference.and_then(|engine| engine.run(case.inputs.clone()));
        let native = variants::load(case, scalar).and_then(|engine| {
            assert_eq!(engine.name(), "native");
            engine.run(case.inputs.clone()).map_err(|error| error.to_string())
        });
        let (reference, native) = match (reference, native) {
            (Ok(reference), Ok(native)) => (reference, native),
            (reference, native) => {
                faults.push(format!("{}: tract {:?}, scalar {:?}", case.name, reference.err(), native.err()));
                continue;
            }
        };
        for ((expected, (_, a)), (_, b)) in case.outputs.iter().zip(&reference).zip(&native) {
            let apart = largest_difference(a, b);
            if apart.is_nan() || apart > expected.leave {
                faults.push(format!("{}: {apart:e} apart, more than {:e}", case.name, expected.leave));
            }
        }
    }
    variants::assert_none(&faults, cases.len());
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.as_f32().expect("floats"), b.as_f32().expect("floats"));
    assert_eq!(a.shape(), b.shape());
    let apart = a.iter().zip(b).map(|(a, b)| f64::from(a - b).abs());
    apart.fold(0.0, |most: f64, x| if x.is_nan() || x > most { x } else { most })
}
