//! One engine, run by several threads at once.

use super::variants::{self, Variant};
use super::{PRECISIONS, maps};
use ocelli::engine::{Memory, Precision};
use ocelli::tensor::{NamedTensors, Tensor};

/// The images of a case times a factor: other inputs of the same shape.
fn scaled(inputs: &[Tensor], factor: f32) -> Vec<Tensor> {
    inputs.iter().map(|tensor| Tensor::F32(tensor.as_f32().expect("floats").mapv(|x| x * factor))).collect()
}

fn bits(outputs: &NamedTensors) -> Vec<u32> {
    outputs.iter().flat_map(|(_, tensor)| tensor.as_f32().expect("floats").iter().map(|x| x.to_bits())).collect()
}

#[test]
fn four_threads_at_once_get_what_each_gets_alone_bit_for_bit() {
    let float = PRECISIONS.into_iter().filter(|precision| *precision != Precision::Int8);
    for (precision, threads) in float.flat_map(|precision| [(precision, 1), (precision, 2)]) {
        for kernels in variants::sets() {
            let variant = Variant { kernels: *kernels, threads, memory: Memory::Normal };
            // Batches of one and of three take plans of different sizes.
            let cases = [1, 3].map(|images| maps::detector(precision, images, 40));
            let engine =
                variants::runtime(variant, precision).load(&cases[0].model.to_bytes(), &[]).expect("an engine");
            let jobs: Vec<Vec<Tensor>> =
                (0..4).map(|job| scaled(&cases[job % 2].inputs, 1.0 + job as f32 / 8.0)).collect();
            let run = |job: &Vec<Tensor>| bits(&engine.run(job.clone()).expect("outputs"));
            let alone: Vec<Vec<u32>> = jobs.iter().map(run).collect();
            std::thread::scope(|scope| {
                for (job, wanted) in jobs.iter().zip(&alone) {
                    let run = &run;
                    scope.spawn(move || {
                        for _ in 0..8 {
                            assert!(run(job) == *wanted, "{variant:?} in {precision}");
                        }
                    });
                }
            });
        }
    }
}
