//! Nodes that become one.

use super::{Case, ints, node, number, positive, random};
use ocelli::onnx::{Attribute, Node, TensorValue};

const MAP: &[i64] = &[1, 16, 9, 10];

/// A convolution of `x` named `c`, with 24 filters.
fn convolution(x: &str, c: &str) -> Node {
    node("Conv", &format!("{x} w b"), c, vec![ints("pads", &[1, 1, 1, 1])])
}

fn weights() -> Vec<TensorValue> {
    vec![random("w", &[24, 16, 3, 3]), random("b", &[24])]
}

fn chain(name: &str, constants: Vec<TensorValue>, nodes: Vec<Node>) -> Case {
    Case::chain(name, 14, &[MAP], [weights(), constants].concat(), nodes)
}

pub(super) fn cases() -> Vec<Case> {
    [normalized(), gated(), residuals(), layouts(), aliases()].into_iter().flatten().collect()
}

fn normalized() -> Vec<Case> {
    let statistics = |channels: i64| {
        let [scale, bias, mean] = ["scale", "bias", "mean"].map(|name| random(name, &[channels]));
        vec![scale, bias, mean, positive("variance", &[channels])]
    };
    let norm = |x: &str, y: &str| node("BatchNormalization", &format!("{x} scale bias mean variance"), y, vec![]);
    let line = vec![random("m", &[24, 1, 1]), random("a", &[1, 24, 1, 1]), number("h", 0.5)];
    vec![
        chain(
            "a convolution normalised",
            statistics(24),
            vec![convolution("x0", "c"), norm("c", "n"), node("Relu", "n", "y", vec![])],
        ),
        chain(
            "a map normalised, then a convolution",
            statistics(16),
            vec![norm("x0", "n"), node("Relu", "n", "r", vec![]), convolution("r", "y")],
        ),
        chain(
            "a convolution times and plus constants",
            line,
            vec![
                convolution("x0", "c"),
                node("Mul", "c m", "d", vec![]),
                node("Sub", "d a", "e", vec![]),
                node("Sub", "h e", "f", vec![]),
                node("Div", "f h", "g", vec![]),
                node("Tanh", "g", "y", vec![]),
            ],
        ),
    ]
}

/// Products of x with a function of x.
fn gated() -> Vec<Case> {
    let numbers = || vec![number("three", 3.0), number("six", 6.0), number("zero", 0.0), number("sixth", 1.0 / 6.0)];
    let shifted =
        || vec![convolution("x0", "c"), node("Add", "c three", "s", vec![]), node("Clip", "s zero six", "l", vec![])];
    let with = |rest: Vec<Node>| [shifted(), rest].concat();
    let silu = |a: &str| vec![convolution("x0", "c"), node("Sigmoid", "c", "s", vec![]), node("Mul", a, "y", vec![])];
    let hard = vec![Attribute::float("alpha", 1.0 / 6.0)];
    vec![
        chain("SiLU", vec![], silu("c s")),
        chain("SiLU, the other way round", vec![], silu("s c")),
        chain(
            "hard swish by its gate",
            vec![],
            vec![convolution("x0", "c"), node("HardSigmoid", "c", "s", hard), node("Mul", "c s", "y", vec![])],
        ),
        chain(
            "not quite hard swish",
            vec![],
            vec![convolution("x0", "c"), node("HardSigmoid", "c", "s", vec![]), node("Mul", "c s", "y", vec![])],
        ),
        chain(
            "hard swish in numbers",
            numbers(),
            with(vec![node("Mul", "c l", "m", vec![]), node("Div", "m six", "y", vec![])]),
        ),
        chain(
            "hard swish with a sixth",
            numbers(),
            with(vec![node("Mul", "l c", "m", vec![]), node("Mul", "m sixth", "y", vec![])]),
        ),
        chain(
            "hard swish, the gate first",
            numbers(),
            with(vec![node("Div", "l six", "m", vec![]), node("Mul", "c m", "y", vec![])]),
        ),
        chain(
            "Mish",
            vec![],
            vec![
                convolution("x0", "c"),
                node("Softplus", "c", "p", vec![]),
                node("Tanh", "p", "t", vec![]),
                node("Mul", "c t", "y", vec![]),
            ],
        ),
        chain(
            "squeeze and excitation",
            vec![random("v", &[24, 24, 1, 1])],
            vec![
                convolution("x0", "c"),
                node("GlobalAveragePool", "c", "g", vec![]),
                node("Conv", "g v", "e", vec![]),
                node("Sigmoid", "e", "s", vec![]),
                node("Mul", "s c", "y", vec![]),
            ],
        ),
    ]
}

fn residuals() -> Vec<Case> {
    let second = |x: &str, y: &str| node("Conv", &format!("{x} v"), y, vec![]);
    let v = || vec![random("v", &[24, 24, 1, 1])];
    let relu = |x: &str, y: &str| node("Relu", x, y, vec![]);
    let both = |sum: &str, after: bool| {
        let mut nodes = vec![convolution("x0", "c"), relu("c", "r"), second("r", "d")];
        nodes.push(node("Add", sum, if after { "s" } else { "y" }, vec![]));
        nodes.extend(after.then(|| relu("s", "y")));
        nodes
    };
    vec![
        chain("a residual", v(), both("d r", false)),
        chain("a residual, then an activation", v(), both("r d", true)),
        chain(
            "activations before and after a residual",
            v(),
            vec![
                convolution("x0", "c"),
                relu("c", "r"),
                second("r", "d"),
                node("LeakyRelu", "d", "l", vec![]),
                node("Add", "r l", "s", vec![]),
                relu("s", "y"),
            ],
        ),
        chain(
            "two convolutions added",
            v(),
            vec![convolution("x0", "c"), second("c", "d"), second("c", "e"), node("Add", "e d", "y", vec![])],
        ),
        chain(
            "a residual that comes later than its convolution",
            v(),
            vec![
                convolution("x0", "c"),
                second("c", "d"),
                node("MaxPool", "c", "p", vec![ints("kernel_shape", &[1, 1])]),
                node("Sigmoid", "p", "q", vec![]),
                node("Add", "d q", "y", vec![]),
            ],
        ),
        chain("a map added to itself", vec![], vec![convolution("x0", "c"), node("Add", "c c", "y", vec![])]),
        chain(
            "a sum broadcast",
            vec![],
            vec![convolution("x0", "c"), node("GlobalMaxPool", "c", "g", vec![]), node("Add", "g c", "y", vec![])],
        ),
    ]
}

fn layouts() -> Vec<Case> {
    let list = TensorValue::int64s;
    let shuffle = vec![
        convolution("x0", "c"),
        node("Reshape", "c pairs", "p", vec![]),
        node("Transpose", "p", "t", vec![ints("perm", &[1, 0, 2])]),
        node("Reshape", "t halves", "h", vec![]),
        node("Gather", "h second", "y", vec![Attribute::int("axis", 0)]),
    ];
    let mut second = list("second", &[1]);
    second.dims = vec![];
    let turned = |order: &[i64]| ints("perm", order);
    vec![
        chain(
            "channels shuffled",
            vec![list("pairs", &[12, 2, 90]), list("halves", &[2, -1, 12, 9, 10]), second],
            shuffle,
        ),
        chain(
            "a map padded, then a convolution",
            vec![list("pads", &[0, 0, 1, 0, 0, 0, 2, 1])],
            vec![node("Pad", "x0 pads", "p", vec![]), convolution("p", "y")],
        ),
        chain(
            "a map padded, then pooled",
            vec![list("pads", &[0, 0, 1, 1, 0, 0, 1, 1])],
            vec![
                node("Pad", "x0 pads", "p", vec![]),
                node("AveragePool", "p", "y", vec![ints("kernel_shape", &[3, 3])]),
            ],
        ),
        chain(
            "a head's axes",
            vec![list("five", &[1, 3, 8, 9, 10]), list("rows", &[1, -1, 8])],
            vec![
                convolution("x0", "c"),
                node("Reshape", "c five", "r", vec![]),
                node("Transpose", "r", "t", vec![turned(&[0, 1, 3, 4, 2])]),
                node("Reshape", "t rows", "f", vec![]),
                node("Sigmoid", "f", "y", vec![]),
            ],
        ),
        chain(
            "transposed there and back",
            vec![],
            vec![
                convolution("x0", "c"),
                node("Transpose", "c", "t", vec![turned(&[0, 2, 3, 1])]),
                node("Transpose", "t", "u", vec![turned(&[0, 3, 1, 2])]),
                node("Relu", "u", "y", vec![]),
            ],
        ),
        chain(
            "transposed twice",
            vec![],
            vec![
                convolution("x0", "c"),
                node("Transpose", "c", "t", vec![turned(&[0, 2, 3, 1])]),
                node("Transpose", "t", "y", vec![turned(&[0, 2, 3, 1])]),
            ],
        ),
    ]
}

/// One value under several names, and values that are outputs on their way.
fn aliases() -> Vec<Case> {
    let named = |mut case: Case, outputs: &[&'static str]| {
        case.outputs = outputs.to_vec();
        case
    };
    let same = |x: &str, y: &str| node("Identity", x, y, vec![]);
    vec![
        named(
            chain(
                "a result before its activation is an output too",
                vec![],
                vec![convolution("x0", "c"), node("Relu", "c", "y", vec![])],
            ),
            &["y", "c"],
        ),
        named(
            chain("one result under two names", vec![], vec![convolution("x0", "c"), same("c", "y"), same("c", "z")]),
            &["y", "z"],
        ),
        named(
            chain(
                "a result, its other name, and its use",
                vec![],
                vec![convolution("x0", "c"), same("c", "y"), node("Sigmoid", "c", "z", vec![])],
            ),
            &["z", "y"],
        ),
        named(chain("an input given back", vec![], vec![same("x0", "y"), convolution("x0", "z")]), &["z", "y"]),
        named(chain("a constant given out", vec![], vec![same("b", "y"), convolution("x0", "z")]), &["z", "y"]),
    ]
}
