//! What is done to maps besides convolutions: pools, functions, sums and products, larger pixels, channels.

use super::net::{Case, Convolution, Id, Net};
use super::truth::{Function, Pair, Taken, Window};
use super::{PRECISIONS, variants};
use ocelli::engine::Precision;

const fn window(kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2], pads: [usize; 4]) -> Window {
    Window { outputs: 0, groups: 1, kernel, stride, dilation, pads }
}

/// Makes a network and rounds what comes of it to a grid where the precision has them.
fn case(name: String, precision: Precision, images: usize, build: impl Fn(&mut Net) -> Id) -> Case {
    let mut net = Net::new(precision, images);
    let result = build(&mut net);
    let rounded = net.rounded(result);
    net.output(rounded);
    net.case(name)
}

fn assert_all(build: fn(Precision) -> Vec<Case>) {
    let (cases, variants) = (PRECISIONS.into_iter().flat_map(build).collect::<Vec<_>>(), variants::all());
    let faults: Vec<String> = cases.iter().flat_map(|case| variants::faults(case, &variants)).collect();
    variants::assert_none(&faults, cases.len());
}

/// Every kind of pool.
pub(super) fn pools(precision: Precision) -> Vec<Case> {
    let windows = [
        ([1, 3, 1, 1], window([1, 1], [1, 1], [1, 1], [0; 4])),
        ([3, 17, 5, 7], window([2, 2], [2, 2], [1, 1], [0; 4])),
        ([1, 33, 7, 3], window([3, 3], [2, 2], [1, 1], [1, 1, 1, 1])),
        ([1, 64, 13, 13], window([5, 5], [1, 1], [1, 1], [2, 2, 2, 2])),
        ([1, 20, 6, 6], window([2, 2], [1, 1], [1, 1], [0, 0, 1, 1])),
        ([2, 70, 4, 9], window([1, 3], [1, 2], [1, 1], [0, 2, 0, 1])),
        ([1, 8, 1, 1], window([3, 3], [1, 1], [1, 1], [1, 1, 1, 1])),
    ];
    let mut cases = Vec::new();
    for ([images, channels, rows, columns], window) in windows {
        for taken in [Taken::Largest, Taken::MeanOfMap, Taken::MeanOfWindow] {
            for first in [false, true] {
                let name = format!("{taken:?} of {window:?} over {channels}×{rows}×{columns}, first: {first}");
                let shape = [channels, rows, columns];
                cases.push(case(name, precision, images, |net| {
                    let x = if first { net.input(shape) } else { net.map_input(shape) };
                    net.pool(x, &window, taken)
                }));
            }
        }
    }
    let dilated = window([3, 2], [1, 2], [2, 3], [1, 0, 2, 1]);
    cases.push(case("dilated".into(), precision, 1, |net| {
        let x = net.map_input([19, 9, 8]);
        net.pool(x, &dilated, Taken::Largest)
    }));
    for shape in [[1, 1, 1], [50, 7, 5], [128, 13, 13]] {
        cases.push(case(format!("mean of {shape:?}"), precision, 3, |net| {
            let x = net.map_input(shape);
            net.mean(x)
        }));
    }
    cases
}

#[test]
fn pools_take_the_largest_or_the_mean_of_each_window() {
    assert_all(pools);
}

/// Functions of one number and of two.
pub(super) fn functions(precision: Precision) -> Vec<Case> {
    let functions = [
        Function::Linear,
        Function::Relu,
        Function::Leaky(0.1),
        Function::Leaky(-0.5),
        Function::Relu6,
        Function::Sigmoid,
        Function::Silu,
        Function::Mish,
        Function::HardSwish,
        Function::HardSigmoid,
        Function::Elu,
        Function::Tanh,
        Function::Softplus,
        Function::Abs,
    ];
    let mut cases = Vec::new();
    for (function, first) in functions.into_iter().flat_map(|function| [(function, false), (function, true)]) {
        cases.push(case(format!("{function:?}, first: {first}"), precision, 2, |net| {
            let x = if first { net.input([35, 3, 5]) } else { net.map_input([35, 3, 5]) };
            net.function(x, function)
        }));
    }
    for pair in [Pair::Add, Pair::Sub, Pair::Mul, Pair::Max, Pair::Min] {
        for (edges, first) in [([5, 3], false), ([1, 1], false), ([5, 3], true)] {
            cases.push(case(format!("{pair:?} of {edges:?}, first: {first}"), precision, 3, |net| {
                let a = if first { net.input([70, 5, 3]) } else { net.map_input([70, 5, 3]) };
                let b = net.map_input([70, edges[0], edges[1]]);
                net.pair(a, b, pair)
            }));
        }
    }
    cases
}

#[test]
fn functions_of_one_number_and_of_two_are_those_of_64_bit_floats() {
    assert_all(functions);
}

/// Larger pixels, and channels put together and taken apart.
pub(super) fn moves(precision: Precision) -> Vec<Case> {
    let mut cases = Vec::new();
    for (channels, factor) in [(3, [2, 2]), (64, [2, 2]), (33, [3, 1]), (17, [1, 4])] {
        cases.push(case(format!("{channels} upsampled by {factor:?}"), precision, 2, |net| {
            let x = net.map_input([channels, 3, 5]);
            net.upsample(x, factor)
        }));
    }
    for parts in [&[3, 5][..], &[16, 16], &[64, 64, 1], &[17, 32, 64], &[32, 17], &[70]] {
        for inputs in [false, true] {
            cases.push(case(format!("concatenation of {parts:?}, inputs: {inputs}"), precision, 2, |net| {
                let part = |channels: &usize| {
                    if inputs && *channels % 2 == 1 {
                        net.input([*channels, 4, 3])
                    } else {
                        net.map_input([*channels, 4, 3])
                    }
                };
                let parts: Vec<Id> = parts.iter().map(part).collect();
                net.concat(&parts)
            }));
        }
    }
    for (channels, from, to) in [(40, 3, 29), (128, 64, 128), (70, 0, 16), (9, 8, 9)] {
        cases.push(case(format!("channels {from} … {to} of {channels}"), precision, 3, |net| {
            let x = net.map_input([channels, 2, 7]);
            net.channels(x, from, to)
        }));
    }
    cases
}

#[test]
fn channels_and_pixels_are_moved_to_where_they_belong() {
    assert_all(moves);
}

/// A convolution of 3×3 that keeps the size.
fn plain(outputs: usize, function: Function) -> Convolution {
    let window = Window { outputs, ..window([3, 3], [1, 1], [1, 1], [1; 4]) };
    Convolution { window, function, residual: None }
}

/// A stem, a residual block, a depthwise convolution, and what detectors do with two scales; two outputs. `width` is that
/// of the maps in between.
pub(super) fn detector(precision: Precision, images: usize, width: usize) -> Case {
    let mut net = Net::new(precision, images);
    let x = net.input([3, 13, 11]);
    let stem = net.convolution(x, &plain(width, Function::Silu));
    let halved = Window { stride: [2, 2], ..plain(width, Function::Relu).window };
    let half = net.convolution(stem, &Convolution { window: halved, ..plain(width, Function::Relu) });
    let inner = net.convolution(half, &plain(width, Function::Leaky(0.1)));
    let sum = Convolution { residual: Some((half, Function::Relu)), ..plain(width, Function::Linear) };
    let block = net.convolution(inner, &sum);
    let each = Window { groups: width, ..plain(width, Function::HardSwish).window };
    let spread = net.convolution(block, &Convolution { window: each, ..plain(width, Function::HardSwish) });
    net.output(spread);
    let large = net.upsample(spread, [2, 2]);
    let cropped = net.pool(large, &window([2, 4], [1, 1], [1, 1], [0, 1, 0, 1]), Taken::Largest);
    let both = net.concat(&[cropped, stem]);
    let end = net.convolution(both, &plain(18, Function::Linear));
    net.output(end);
    net.case(format!("a detector {width} wide"))
}

#[test]
fn chains_of_all_kinds_of_layers_stay_within_their_precisions_error() {
    let variants = variants::all();
    let mut faults = Vec::new();
    for (width, images) in [(16, 1), (64, 3), (21, 1), (70, 2)] {
        // Of integers only what is rounded is certain, layer by layer: that is the other tests' task.
        for precision in [Precision::F32, Precision::Bf16] {
            faults.extend(variants::faults(&detector(precision, images, width), &variants));
        }
    }
    variants::assert_none(&faults, 8);
}
