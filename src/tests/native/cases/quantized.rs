//! 8-bit numbers, as onnxruntime's `quantize_static` writes them.

use super::{Case, ints, node, number};
use ocelli::onnx::{Attribute, INT32, Node, TensorValue, UINT8};

/// `TensorProto.DataType` of 8-bit signed integers.
const INT8: i32 = 3;

const STEP: f32 = 0.05;

/// A value rounded to the grid of `STEP` around `zero`.
fn rounded(x: &str, y: &str) -> Vec<Node> {
    let q = format!("{y}.q");
    let step = format!("{q} step zero");
    vec![node("QuantizeLinear", &format!("{x} step zero"), &q, vec![]), node("DequantizeLinear", &step, y, vec![])]
}

fn grid(element: i32, zero: i8) -> Vec<TensorValue> {
    vec![number("step", STEP), TensorValue::raw("zero", vec![], element, vec![zero as u8])]
}

/// Filters `[8, 4, 3, 3]` of integers with a scale for each, and biases of integers: small enough for no sum to leave the
/// grid, since a rounding that is left out would otherwise show.
fn filters() -> Vec<TensorValue> {
    let integers: Vec<u8> = (0..8 * 4 * 9).map(|index: i32| (index * 37 % 255 - 127) as i8 as u8).collect();
    let scales: Vec<f32> = (1..=8).map(|channel| channel as f32 * 2e-4).collect();
    let fine: Vec<f32> = scales.iter().map(|scale| scale * STEP).collect();
    let biases: Vec<u8> = (0..8i32).flat_map(|channel| (channel * 900 - 3000).to_le_bytes()).collect();
    vec![
        TensorValue::raw("w.q", vec![8, 4, 3, 3], INT8, integers),
        TensorValue::floats("w.s", vec![8], &scales),
        TensorValue::raw("w.z", vec![8], INT8, vec![0; 8]),
        TensorValue::raw("b.q", vec![8], INT32, biases),
        TensorValue::floats("b.s", vec![8], &fine),
    ]
}

/// Filters `[8, 4, 1, 1]` of floats up to 1/4, which keep the sums of numbers up to 3 on the grid, too.
fn small() -> TensorValue {
    let numbers: Vec<f32> = (0..8 * 4).map(|index| (index * 37 % 63 - 31) as f32 / 128.0).collect();
    TensorValue::floats("v", vec![8, 4, 1, 1], &numbers)
}

/// The same eight times as large.
fn large() -> TensorValue {
    let numbers: Vec<f32> = (0..8 * 4).map(|index| (index * 37 % 63 - 31) as f32 / 16.0).collect();
    TensorValue::floats("large", vec![8, 4, 1, 1], &numbers)
}

/// From rounded numbers to those before they are rounded again.
fn convolution(x: &str, y: &str) -> Vec<Node> {
    let axis = || vec![Attribute::int("axis", 0)];
    vec![
        node("DequantizeLinear", "w.q w.s w.z", "w", axis()),
        node("DequantizeLinear", "b.q b.s", "b", axis()),
        node("Conv", &format!("{x} w b"), y, vec![ints("pads", &[1, 1, 1, 1])]),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let map: &[&[i64]] = &[&[1, 4, 9, 10]];
    let case = |name: &str, constants: Vec<Vec<TensorValue>>, nodes: Vec<Vec<Node>>, steps: f32| {
        let mut case = Case::chain(name, 13, map, constants.concat(), nodes.concat());
        case.steps = steps * STEP * 1.001;
        case
    };
    let unsigned = || grid(UINT8, 64);
    let relu = || vec![node("Relu", "c", "r", vec![])];
    vec![
        case("rounded", vec![unsigned()], vec![rounded("x0", "y")], 0.0),
        case("rounded to signed numbers", vec![grid(INT8, -10)], vec![rounded("x0", "y")], 0.0),
        case(
            "a convolution of bytes",
            vec![unsigned(), filters()],
            vec![rounded("x0", "x"), convolution("x", "y")],
            0.0,
        ),
        case(
            "bytes to bytes",
            vec![unsigned(), filters()],
            vec![rounded("x0", "x"), convolution("x", "c"), rounded("c", "y")],
            1.0,
        ),
        // The activation's own rounding is left out.
        case(
            "bytes to bytes, with an activation",
            vec![unsigned(), filters()],
            vec![rounded("x0", "x"), convolution("x", "c.c"), rounded("c.c", "c"), relu(), rounded("r", "y")],
            1.0,
        ),
        case(
            "a sum of bytes",
            vec![unsigned(), filters(), vec![small()]],
            vec![
                rounded("x0", "x"),
                convolution("x", "c.c"),
                rounded("c.c", "c"),
                vec![node("Conv", "x v", "d.d", vec![])],
                rounded("d.d", "d"),
                vec![node("Add", "c d", "s", vec![])],
                rounded("s", "y"),
            ],
            2.0,
        ),
        // Brought to the sum's grid before it is added, the larger one would be cut off.
        case(
            "a sum of bytes and floats beyond their grid",
            vec![unsigned(), filters(), vec![large()]],
            vec![
                rounded("x0", "x"),
                vec![node("Conv", "x large", "d", vec![])],
                convolution("x", "c"),
                vec![node("Add", "c d", "s.s", vec![]), node("Relu", "s.s", "s", vec![])],
                rounded("s", "y"),
            ],
            1.0,
        ),
        case(
            "the largest of bytes",
            vec![unsigned()],
            vec![
                rounded("x0", "x"),
                vec![node("MaxPool", "x", "p", vec![ints("kernel_shape", &[2, 2])])],
                rounded("p", "y"),
            ],
            0.0,
        ),
    ]
}
