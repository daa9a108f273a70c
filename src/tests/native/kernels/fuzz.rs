//! Convolutions of drawn shapes.

use super::PRECISIONS;
use super::convolutions::Spec;
use super::truth::{Function, Window};
use super::variants::{self, Variant};
use ocelli::engine::Memory;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

const CASES: u32 = 200;

const FUNCTIONS: [Function; 6] =
    [Function::Linear, Function::Relu, Function::Leaky(0.1), Function::Relu6, Function::Silu, Function::HardSwish];

/// Groups, and channels in and out of each.
fn channels() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![
        4 => (Just(1), 1..=70usize, 1..=70usize),
        1 => (2..=5usize, 1..=14usize, 1..=14usize),
        // Such as lie in blocks of their own.
        1 => (2..=3usize, select(vec![16, 32, 64]), select(vec![16, 32, 64])),
        2 => (1..=70usize, Just(1), Just(1)),
    ]
}

/// Side of the window, stride and dilation along both axes.
fn steps() -> impl Strategy<Value = [[usize; 2]; 3]> {
    let pair = |range: std::ops::RangeInclusive<usize>| [range.clone(), range];
    prop_oneof![
        2 => Just([[3, 3], [1, 1], [1, 1]]),
        1 => Just([[1, 1], [1, 1], [1, 1]]),
        3 => [pair(1..=5), pair(1..=3), pair(1..=3)],
    ]
}

/// The window is made smaller where the padded map is smaller than it.
fn spec() -> impl Strategy<Value = Spec> {
    let edges = [1..=20usize, 1..=20usize];
    let pads = [0..=3usize, 0..=3usize, 0..=3usize, 0..=3usize];
    let functions = (select(FUNCTIONS.to_vec()), proptest::option::of(select(FUNCTIONS.to_vec())));
    let all = (1..=3usize, channels(), edges, steps(), pads, functions, any::<bool>());
    all.prop_map(|(images, (groups, inside, outside), edges, steps, pads, (function, residual), first)| {
        let [mut kernel, stride, mut dilation] = steps;
        for axis in 0..2 {
            let padded = edges[axis] + pads[axis] + pads[axis + 2];
            if (kernel[axis] - 1) * dilation[axis] >= padded {
                (kernel[axis], dilation[axis]) = (kernel[axis].min(padded), 1);
            }
        }
        let window = Window { outputs: groups * outside, groups, kernel, stride, dilation, pads };
        Spec { images, channels: groups * inside, edges, window, function, residual, first }
    })
}

#[test]
fn drawn_convolutions_give_the_sums_of_64_bit_floats() {
    let config = Config { failure_persistence: None, max_shrink_iters: 300, ..Config::with_cases(CASES) };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let how = (select(vec![(1, Memory::Normal), (2, Memory::Normal), (2, Memory::Low)]), select(PRECISIONS.to_vec()));
    let drawn = runner.run(&(spec(), how), |(spec, ((threads, memory), precision))| {
        let variants = variants::sets().iter().map(|kernels| Variant { kernels: *kernels, threads, memory });
        let faults = variants::faults(&spec.case(precision), &variants.collect::<Vec<_>>());
        faults.first().map_or(Ok(()), |fault| Err(TestCaseError::fail(fault.clone())))
    });
    drawn.expect("the sums");
}
