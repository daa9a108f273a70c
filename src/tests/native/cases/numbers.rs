//! Functions of one number and of two.

use super::{Case, integers, none, number, positive, random};
use ocelli::onnx::Attribute;

pub(super) fn cases() -> Vec<Case> {
    [activations(), limits(), pairs()].into_iter().flatten().collect()
}

fn activations() -> Vec<Case> {
    let float = Attribute::float;
    let functions: Vec<(&str, i64, Vec<Attribute>)> = vec![
        ("Relu", 7, vec![]),
        ("LeakyRelu", 7, vec![]),
        ("LeakyRelu", 16, vec![float("alpha", 0.1)]),
        ("Sigmoid", 7, vec![]),
        ("HardSigmoid", 7, vec![]),
        ("HardSigmoid", 22, vec![float("alpha", 0.3), float("beta", 0.4)]),
        ("HardSwish", 14, vec![]),
        ("Tanh", 7, vec![]),
        ("Elu", 7, vec![]),
        ("Elu", 7, vec![float("alpha", 0.7)]),
        ("Softplus", 7, vec![]),
        ("Mish", 18, vec![]),
        ("Exp", 7, vec![]),
        ("Neg", 7, vec![]),
        ("Abs", 13, vec![]),
        ("Identity", 7, vec![]),
        ("Dropout", 7, vec![]),
        ("Dropout", 13, vec![]),
    ];
    let shapes: [&[i64]; 3] = [&[2, 5, 3, 7], &[1, 33, 9, 17], &[4, 3]];
    let of = |(op, opset, attributes): &(&str, i64, Vec<Attribute>)| {
        shapes.map(|shape| Case::one(op, *opset, &[shape], vec![], attributes.clone()))
    };
    functions.iter().flat_map(of).collect()
}

fn limits() -> Vec<Case> {
    let float = Attribute::float;
    let x: &[&[i64]] = &[&[1, 5, 4, 6]];
    vec![
        Case::one("Clip", 7, x, vec![], vec![float("min", -0.5), float("max", 1.5)]),
        Case::one("Clip", 7, x, vec![], vec![float("min", 0.0)]),
        Case::one("Clip", 11, x, vec![number("low", -1.0), number("high", 2.0)], vec![]),
        Case::one("Clip", 13, x, vec![none(), number("high", 0.5)], vec![]),
        Case::one("Clip", 13, x, vec![number("low", 0.0)], vec![]),
        Case::one("PRelu", 9, x, vec![random("slope", &[1])], vec![]),
        Case::one("PRelu", 16, x, vec![random("slope", &[1, 1, 1])], vec![]),
        Case::one("Cast", 13, x, vec![], vec![Attribute::int("to", 1)]),
    ]
}

fn pairs() -> Vec<Case> {
    let a: &[i64] = &[2, 5, 4, 6];
    let mut cases = Vec::new();
    for op in ["Add", "Sub", "Mul", "Max", "Min"] {
        let opset = if matches!(op, "Max" | "Min") { 8 } else { 7 };
        for b in [a, &[2, 5, 1, 1], &[4, 6], &[5, 1, 1], &[1, 5, 4, 1], &[1]] {
            cases.push(Case::one(op, opset, &[a, b], vec![], vec![]));
            cases.push(Case::one(op, 14, &[b, a], vec![], vec![]));
        }
        for b in [[5, 1, 1].as_slice(), &[1, 5, 1, 1], &[], &[6], &[2, 1, 1, 1], &[2, 5, 4, 6]] {
            cases.push(Case::one(op, 13, &[a], vec![random("b", b)], vec![]));
        }
        cases.push(Case::one(op, 13, &[&[3, 1, 4], &[2, 1]], vec![], vec![]));
    }
    for b in [[5, 1, 1].as_slice(), &[], &[6], &[2, 5, 4, 6]] {
        cases.push(Case::one("Div", 7, &[a], vec![positive("b", b)], vec![]));
    }
    cases.push(Case::one("Pow", 7, &[a], vec![number("b", 2.0)], vec![]));
    cases.push(Case::one("Pow", 13, &[a], vec![integers("b", &[3])], vec![]));
    cases.push(Case::one("Sum", 8, &[a, a], vec![], vec![]));
    cases.push(Case::one("Sum", 13, &[a, &[5, 1, 1]], vec![random("c", &[6])], vec![]));
    cases.push(Case::one("Max", 13, &[a, a, a], vec![], vec![]));
    cases
}
