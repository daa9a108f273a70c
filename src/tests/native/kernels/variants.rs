//! The ways to run a case, and what is wrong with what it gives.

use super::net::{Case, Expected};
use ocelli::engine::{Engine, EngineKind, EngineOptions, KernelSet, Memory, Precision, Runtime};
use ocelli::tensor::{NamedTensors, Tensor};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock};

/// How a case is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variant {
    pub(crate) kernels: KernelSet,
    pub(crate) threads: usize,
    pub(crate) memory: Memory,
}

/// The kernel sets of this machine, scalar first; those that it lacks are told, once.
pub(crate) fn sets() -> &'static [KernelSet] {
    static SETS: OnceLock<Vec<KernelSet>> = OnceLock::new();
    SETS.get_or_init(|| {
        let mut net = super::net::Net::new(Precision::F32, 1);
        let input = net.map_input([1, 1, 1]);
        net.output(input);
        let model = net.case("a pool").model.to_bytes();
        let there = |set: &KernelSet| {
            let variant = Variant { kernels: *set, threads: 1, memory: Memory::Normal };
            match runtime(variant, Precision::F32).load(&model, &[]) {
                Ok(_) => true,
                Err(error) => {
                    assert!(error.to_string().contains("this processor has no"), "{error}");
                    eprintln!("SKIPPED kernels {}: {error}", set.name());
                    false
                }
            }
        };
        let all = [KernelSet::Scalar, KernelSet::Avx2, KernelSet::Avx512, KernelSet::Amx];
        all.into_iter().filter(there).collect()
    })
}

/// Every kernel set, with one and two threads, with much and little memory.
pub(super) fn all() -> Vec<Variant> {
    let with = |kernels: &KernelSet| {
        let kernels = *kernels;
        [1, 2]
            .into_iter()
            .flat_map(move |threads| [Memory::Normal, Memory::Low].map(|memory| Variant { kernels, threads, memory }))
    };
    sets().iter().flat_map(with).collect()
}

/// A runtime for each variant and precision, kept: each has threads of its own.
pub(crate) fn runtime(variant: Variant, precision: Precision) -> Arc<Runtime> {
    type Known = Vec<(Variant, Precision, Arc<Runtime>)>;
    static KNOWN: Mutex<Known> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().expect("no panic while it is held");
    if let Some((.., runtime)) = known.iter().find(|(v, p, _)| (*v, *p) == (variant, precision)) {
        return runtime.clone();
    }
    let runtime = Arc::new(Runtime::new(EngineOptions {
        kind: EngineKind::Native,
        threads: NonZeroUsize::new(variant.threads).expect("threads"),
        precision: Some(precision),
        kernels: Some(variant.kernels),
        memory: variant.memory,
        pin: false,
    }));
    known.push((variant, precision, runtime.clone()));
    runtime
}

/// The case's network, for its inputs' shapes; with one thread, made for one image at load and for these later.
pub(super) fn load(case: &Case, variant: Variant) -> Result<Box<dyn Engine>, String> {
    let ports = &case.model.graph.as_ref().expect("a graph").input;
    let shapes = ports.iter().zip(&case.inputs).map(|(port, tensor)| (port.name.clone(), tensor.shape().to_vec()));
    let shapes: Vec<_> = if variant.threads == 1 { Vec::new() } else { shapes.collect() };
    runtime(variant, case.precision).load(&case.model.to_bytes(), &shapes).map_err(|error| error.to_string())
}

fn run(case: &Case, variant: Variant) -> Result<NamedTensors, String> {
    let engine = load(case, variant)?;
    assert_eq!(engine.precision(), case.precision, "{}", case.name);
    engine.run(case.inputs.clone()).map_err(|error| error.to_string())
}

/// What is wrong with an output, if anything; `reference` is what scalar kernels gave.
fn fault(expected: &Expected, found: &Tensor, reference: Option<&Tensor>) -> Option<String> {
    let floats = found.as_f32().expect("floats");
    if found.shape() != expected.shape {
        return Some(format!("shape {:?} in place of {:?}", found.shape(), expected.shape));
    }
    let step = expected.grid.map_or(0.0, |grid| f64::from(grid.scale));
    let leave = expected.leave + step / 2.0;
    for (place, (x, wanted)) in floats.iter().zip(&expected.numbers).enumerate() {
        let off = (f64::from(*x) - wanted).abs();
        if off.is_nan() || off > leave {
            return Some(format!("number {place} of {:?}: {x} in place of {wanted} ± {leave:e}", expected.shape));
        }
        if let Some(grid) = expected.grid {
            let steps = f64::from(*x) / step;
            if (steps - steps.round()).abs() > 1e-4 {
                return Some(format!("number {place}: {x} is no step of {}", grid.scale));
            }
        }
    }
    let reference = reference?.as_f32().expect("floats");
    // Where a number lies between two steps, they may round it differently.
    let leave = expected.leave + step * 1.001;
    let apart = floats.iter().zip(reference).find(|(a, b)| f64::from(*a - *b).abs() > leave);
    apart.map(|(x, scalar)| format!("{x}, and {scalar} with scalar kernels, which is more than {leave:e} apart"))
}

/// What is wrong with a case in some variants, each beside scalar kernels.
pub(super) fn faults(case: &Case, variants: &[Variant]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut scalar: Option<NamedTensors> = None;
    for variant in variants {
        let found = match run(case, *variant) {
            Ok(found) => found,
            Err(error) => {
                faults.push(format!("{}, {variant:?}: {error}", case.name));
                continue;
            }
        };
        assert_eq!(found.len(), case.outputs.len(), "{}", case.name);
        for (index, (expected, (_, tensor))) in case.outputs.iter().zip(&found).enumerate() {
            let reference = scalar.as_ref().map(|outputs| &outputs[index].1);
            let fault = fault(expected, tensor, reference);
            faults.extend(fault.map(|fault| format!("{}, {variant:?}, output {index}: {fault}", case.name)));
        }
        if variant.kernels == KernelSet::Scalar {
            scalar.get_or_insert(found);
        }
    }
    faults
}

/// Fails with all that is wrong.
pub(super) fn assert_none(faults: &[String], cases: usize) {
    let first: Vec<&String> = faults.iter().take(40).collect();
    assert!(faults.is_empty(), "{} faults in {cases} cases:\n{first:#?}", faults.len());
}
