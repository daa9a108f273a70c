//! Steps, clipping and learning rates, against PyTorch and by hand.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use ocelli_training::optimizer::{Optimizer, OptimizerOptions, Rule};
use ocelli_training::schedule::{Curve, Schedule};
use ocelli_training::weights::Weights;
use serde_json::Value;

/// A matrix, which decays, and a bias, which does not.
#[derive(Module, Debug)]
struct Pair {
    matrix: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

fn pair(device: &Device) -> Pair {
    let numbers = |count: usize, by: f32| (0..count).map(|i| i as f32 / by).collect::<Vec<_>>();
    let matrix = TensorData::new(numbers(6, 10.0), [2, 3]);
    Pair {
        matrix: Param::from_tensor(Tensor::from_data(matrix, device)),
        bias: Param::from_tensor(Tensor::from_data(TensorData::new(numbers(3, 5.0), [3]), device)),
    }
}

fn gradients(pair: &Pair, step: usize, device: &Device) -> GradientsParams {
    let matrix: Vec<f32> = (0..6).map(|i| (3.0 * i as f32 + 2.0 * step as f32).sin()).collect();
    let bias: Vec<f32> = (0..3).map(|i| (i as f32 + step as f32).cos()).collect();
    let mut gradients = GradientsParams::new();
    gradients.register(pair.matrix.id, Tensor::<2>::from_data(TensorData::new(matrix, [2, 3]), device));
    gradients.register(pair.bias.id, Tensor::<1>::from_data(TensorData::new(bias, [3]), device));
    gradients
}

fn rule(name: &str) -> Rule {
    let adam = |decoupled| Rule::Adam { betas: [0.9, 0.99], epsilon: 1e-8, decoupled };
    match name {
        "sgd" => Rule::Sgd { momentum: 0.0, nesterov: false },
        "momentum" => Rule::Sgd { momentum: 0.9, nesterov: false },
        "nesterov" => Rule::Sgd { momentum: 0.9, nesterov: true },
        "adam" => adam(false),
        "adamw" => adam(true),
        other => panic!("{other}"),
    }
}

fn close(numbers: &TensorData, wanted: &Value) {
    let numbers = numbers.try_to_vec::<f32>().unwrap();
    let wanted = wanted.as_array().unwrap();
    assert_eq!(numbers.len(), wanted.len());
    for (number, wanted) in numbers.iter().zip(wanted) {
        let wanted = wanted.as_f64().unwrap();
        assert!((f64::from(*number) - wanted).abs() < 2e-6, "{number} in place of {wanted}");
    }
}

#[test]
fn every_rule_takes_pytorchs_steps() {
    let golden: Value = serde_json::from_str(include_str!("golden/optimizers.json")).unwrap();
    let (device, inner) = (Device::flex().autodiff(), Device::flex());
    for (name, wanted) in golden.as_object().unwrap() {
        let options = OptimizerOptions { rule: rule(name), decay: 0.05, clip_norm: Some(1.5) };
        let mut optimizer = Optimizer::new(options);
        let mut model = pair(&device);
        for step in 0..6 {
            // In the middle it is saved and taken up again.
            if step == 3 {
                optimizer = Optimizer::resume(options, 3, &optimizer.state(), &inner);
            }
            let gradients = gradients(&model, step, &inner);
            let (moved, norm) = optimizer.step(model, gradients, 0.1 / (1.0 + step as f64));
            assert!((norm - wanted["norms"][step].as_f64().unwrap()).abs() < 1e-5, "{name}");
            model = moved;
        }
        let weights = Weights::of(&model);
        close(&weights.0["matrix"], &wanted["matrix"]);
        close(&weights.0["bias"], &wanted["bias"]);
    }
}

/// The gradient of f(w) = ½ (w₀² + 25 w₁²).
fn overshoot(rule: Rule) -> f32 {
    let (device, inner) = (Device::flex().autodiff(), Device::flex());
    let mut optimizer = Optimizer::new(OptimizerOptions { rule, decay: 0.0, clip_norm: None });
    let mut model = pair(&device);
    let mut farthest = 0.0_f32;
    model.bias = Param::from_tensor(Tensor::from_data(TensorData::new(vec![10.0_f32, 1.0, 0.0], [3]), &device));
    for _ in 0..100 {
        let w = Weights::of(&model).0["bias"].try_to_vec::<f32>().unwrap();
        farthest = farthest.max(-w[0]).max(-w[1]);
        let mut gradients = GradientsParams::new();
        let slope = vec![w[0], 25.0 * w[1], 0.0];
        gradients.register(model.bias.id, Tensor::<1>::from_data(TensorData::new(slope, [3]), &inner));
        model = optimizer.step(model, gradients, 0.03).0;
    }
    farthest
}

#[test]
fn nesterov_overshoots_less_than_momentum() {
    let momentum = overshoot(Rule::Sgd { momentum: 0.9, nesterov: false });
    let nesterov = overshoot(Rule::Sgd { momentum: 0.9, nesterov: true });
    assert!(nesterov < 0.8 * momentum, "{nesterov} against {momentum}");
}

#[test]
fn a_cosine_warms_up_peaks_and_ends_at_its_last() {
    let schedule = Schedule { rate: 2.0, warm_up: 0.1, curve: Curve::Cosine { last: 0.01 } };
    assert!((schedule.rate_at(0, 100) - 0.2).abs() < 1e-12);
    assert!((schedule.rate_at(9, 100) - 2.0).abs() < 1e-12);
    assert!((schedule.rate_at(10, 100) - 2.0).abs() < 1e-12);
    // Halfway between warm-up and end: the mean of first and last.
    assert!((schedule.rate_at(55, 100) - 2.0 * (0.01 + 0.99 * 0.5)).abs() < 1e-12);
    assert!((schedule.rate_at(100, 100) - 0.02).abs() < 1e-12);
    assert!((0..100).all(|step| step < 10 || schedule.rate_at(step, 100) >= schedule.rate_at(step + 1, 100)));
}

#[test]
fn steps_multiply_at_their_places() {
    let schedule = Schedule { rate: 1.0, warm_up: 0.0, curve: Curve::Steps { at: vec![0.8, 0.9], factor: 0.1 } };
    for (step, wanted) in [(0, 1.0), (79, 1.0), (80, 0.1), (89, 0.1), (90, 0.01), (99, 0.01)] {
        assert!((schedule.rate_at(step, 100) - wanted).abs() < 1e-12, "step {step}");
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let bad = Schedule { rate: -1.0, ..Schedule::default() };
    assert!(bad.check().unwrap_err().contains("schedule.rate"));
    let rule = Rule::Sgd { momentum: 1.0, nesterov: false };
    assert!(OptimizerOptions { rule, ..Default::default() }.check().unwrap_err().contains("momentum"));
    assert!(OptimizerOptions { clip_norm: Some(0.0), ..Default::default() }.check().unwrap_err().contains("clip_norm"));
}

#[test]
fn gradients_that_are_no_numbers_move_nothing() {
    let (device, inner) = (Device::flex().autodiff(), Device::flex());
    for bad in [f32::NAN, f32::INFINITY] {
        let mut optimizer = Optimizer::new(OptimizerOptions::default());
        let model = pair(&device);
        let before = Weights::of(&model);
        let mut gradients = GradientsParams::new();
        gradients.register(model.bias.id, Tensor::<1>::from_data(TensorData::new(vec![0.0, bad, 1.0], [3]), &inner));
        let (model, norm) = optimizer.step(model, gradients, 0.1);
        assert!(!norm.is_finite());
        assert_eq!(Weights::of(&model), before);
    }
}
