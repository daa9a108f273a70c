//! Shapes, parts and products.

use super::{Case, integers, ints, node, none, random};
use ocelli::onnx::Attribute;

pub(super) fn cases() -> Vec<Case> {
    [shapes(), parts(), splits(), products(), computed_shapes()].into_iter().flatten().collect()
}

fn shapes() -> Vec<Case> {
    let int = Attribute::int;
    let map: &[&[i64]] = &[&[2, 6, 4, 3]];
    let thin: &[&[i64]] = &[&[1, 5, 1, 3]];
    let concat = |opset, inputs: &[&[i64]], constants, axis| {
        Case::one("Concat", opset, inputs, constants, vec![int("axis", axis)])
    };
    vec![
        Case::one("Reshape", 7, map, vec![integers("shape", &[0, -1, 3])], vec![]),
        Case::one("Reshape", 14, map, vec![integers("shape", &[12, 4, 3])], vec![int("allowzero", 1)]),
        Case::one("Flatten", 7, map, vec![], vec![]),
        Case::one("Flatten", 9, map, vec![], vec![int("axis", 0)]),
        Case::one("Flatten", 11, map, vec![], vec![int("axis", -1)]),
        Case::one("Flatten", 13, map, vec![], vec![int("axis", 4)]),
        Case::one("Squeeze", 7, thin, vec![], vec![ints("axes", &[0, 2])]),
        Case::one("Squeeze", 11, thin, vec![], vec![]),
        Case::one("Squeeze", 13, thin, vec![integers("axes", &[-2])], vec![]),
        Case::one("Unsqueeze", 7, map, vec![], vec![ints("axes", &[0, 3])]),
        Case::one("Unsqueeze", 13, map, vec![integers("axes", &[-1])], vec![]),
        Case::one("Transpose", 7, map, vec![], vec![]),
        Case::one("Transpose", 13, map, vec![], vec![ints("perm", &[0, 2, 3, 1])]),
        Case::one("Transpose", 13, &[&[1, 35, 20, 18]], vec![], vec![ints("perm", &[0, 3, 1, 2])]),
        Case::one("Transpose", 13, &[&[2, 3, 4, 5, 2, 3]], vec![], vec![ints("perm", &[0, 3, 5, 1, 2, 4])]),
        Case::one("Transpose", 13, &[&[1, 7, 1, 3]], vec![], vec![ints("perm", &[0, 2, 1, 3])]),
        concat(7, &[&[1, 3, 4, 5], &[1, 16, 4, 5], &[1, 2, 4, 5]], vec![], 1),
        concat(11, &[&[2, 16, 3, 3], &[2, 16, 3, 3]], vec![], -3),
        concat(13, &[&[2, 3, 4, 5], &[2, 3, 4, 2]], vec![], 3),
        concat(13, &[&[2, 3]], vec![random("c", &[4, 3])], 0),
    ]
}

fn parts() -> Vec<Case> {
    let int = Attribute::int;
    let map: &[&[i64]] = &[&[2, 6, 8, 7]];
    let slice = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        let lists = [("starts", starts), ("ends", ends), ("axes", axes), ("steps", steps)];
        Case::one("Slice", 13, map, lists.map(|(name, list)| integers(name, list)).into(), vec![])
    };
    let gather = |opset, indices: &[i64], axis| {
        Case::one("Gather", opset, map, vec![integers("i", indices)], vec![int("axis", axis)])
    };
    let mut cases = vec![
        Case::one(
            "Slice",
            7,
            map,
            vec![],
            vec![ints("starts", &[1, -4]), ints("ends", &[9, -1]), ints("axes", &[1, 2])],
        ),
        Case::one("Slice", 10, map, vec![integers("starts", &[0, 2]), integers("ends", &[1, 5])], vec![]),
        slice(&[0, 0], &[i64::MAX, i64::MAX], &[2, 3], &[2, 2]),
        slice(&[1, 1], &[i64::MAX, i64::MAX], &[-2, -1], &[2, 3]),
        slice(&[-1], &[i64::MIN], &[1], &[-1]),
        slice(&[5, 6], &[0, -100], &[2, 3], &[-2, -3]),
        slice(&[3], &[6], &[1], &[1]),
        gather(7, &[0, 5, 3], 1),
        gather(11, &[-1, -2], 2),
        gather(13, &[0, 2, 4], 1),
        gather(13, &[3, 3], 3),
    ];
    let mut scalar = integers("i", &[4]);
    scalar.dims = vec![];
    cases.push(Case::one("Gather", 13, map, vec![scalar], vec![int("axis", 1)]));
    let mut table = integers("i", &[0, 5, 2, 1]);
    table.dims = vec![2, 2];
    cases.push(Case::one("Gather", 13, map, vec![table], vec![int("axis", 1)]));
    cases
}

fn splits() -> Vec<Case> {
    let split = |opset, sizes: Option<&[i64]>, attributes: Vec<Attribute>| {
        let operands = if sizes.is_some() { "x0 sizes" } else { "x0" };
        let constants = sizes.map(|sizes| integers("sizes", sizes)).into_iter().collect();
        let mut split = node("Split", operands, "y", attributes);
        split.output.push("z".into());
        let name = format!("Split-{opset} {sizes:?}");
        let mut case = Case::chain(&name, opset, &[&[1, 7, 6, 5]], constants, vec![split]);
        case.outputs = vec!["y", "z"];
        case
    };
    let int = Attribute::int;
    vec![
        split(7, None, vec![int("axis", 2)]),
        split(11, None, vec![int("axis", 1), ints("split", &[3, 4])]),
        split(13, Some(&[1, 4]), vec![int("axis", -1)]),
        split(18, None, vec![int("axis", 1), int("num_outputs", 2)]),
    ]
}

fn products() -> Vec<Case> {
    let (int, float) = (Attribute::int, Attribute::float);
    let gemm = |opset, input: &[i64], constants, attributes| Case::one("Gemm", opset, &[input], constants, attributes);
    vec![
        Case::one("MatMul", 7, &[&[3, 20]], vec![random("w", &[20, 7])], vec![]),
        Case::one("MatMul", 13, &[&[2, 3, 20]], vec![random("w", &[20, 7])], vec![]),
        gemm(7, &[1, 20], vec![random("w", &[20, 7]), random("c", &[7])], vec![]),
        gemm(11, &[2, 20], vec![random("w", &[7, 20])], vec![int("transB", 1), float("alpha", 0.5)]),
        gemm(
            13,
            &[20, 2],
            vec![random("w", &[7, 20]), random("c", &[1])],
            vec![int("transA", 1), int("transB", 1), float("beta", 2.0)],
        ),
        gemm(13, &[2, 20], vec![random("w", &[20, 7]), random("c", &[2, 7])], vec![float("beta", 0.5)]),
    ]
}

/// What an exporter leaves behind where it did not know the sizes.
fn computed_shapes() -> Vec<Case> {
    let int = Attribute::int;
    let flatten = vec![
        node("Shape", "x0", "shape", vec![]),
        node("Gather", "shape zero", "batch", vec![int("axis", 0)]),
        node("Unsqueeze", "batch", "first", vec![ints("axes", &[0])]),
        node("Concat", "first rest", "wanted", vec![int("axis", 0)]),
        node("Reshape", "x0 wanted", "y", vec![]),
    ];
    let mut zero = integers("zero", &[0]);
    zero.dims = vec![];
    let doubled = vec![
        node("Shape", "x0", "shape", vec![]),
        node("Slice", "shape two four axis", "sides", vec![]),
        node("Mul", "sides twice", "larger", vec![]),
        node("Slice", "shape none two axis", "kept", vec![]),
        node("Concat", "kept larger", "sizes", vec![int("axis", 0)]),
        node(
            "Resize",
            "x0 _ _ sizes",
            "y",
            vec![
                Attribute::string("coordinate_transformation_mode", "asymmetric"),
                Attribute::string("nearest_mode", "floor"),
            ],
        ),
    ];
    let lists = [("none", 0), ("two", 2), ("four", 4), ("axis", 0), ("twice", 2)];
    let lists = lists.map(|(name, value)| integers(name, &[value])).into();
    let grid = vec![
        node("Shape", "x0", "shape", vec![]),
        node("Gather", "shape last", "width", vec![]),
        node("Range", "start width step", "columns", vec![]),
        node("Cast", "columns", "floats", vec![int("to", 1)]),
        node("ConstantOfShape", "shape", "zeros", vec![]),
        node("Add", "zeros floats", "grid", vec![]),
        node("Add", "x0 grid", "y", vec![]),
    ];
    let scalars = [("last", 3), ("start", 0), ("step", 1)].map(|(name, value)| {
        let mut scalar = integers(name, &[value]);
        scalar.dims = vec![];
        scalar
    });
    let expanded = vec![
        node("Shape", "x0", "shape", vec![]),
        node("Expand", "offset shape", "offsets", vec![]),
        node("Transpose", "offsets", "turned", vec![ints("perm", &[0, 1, 3, 2])]),
        node("Transpose", "turned", "back", vec![ints("perm", &[0, 1, 3, 2])]),
        node("Sub", "x0 back", "y", vec![]),
    ];
    let map: &[&[i64]] = &[&[2, 3, 4, 5]];
    vec![
        Case::chain("a computed shape", 11, map, vec![zero, integers("rest", &[-1])], flatten),
        Case::chain("computed sizes", 13, map, lists, doubled),
        Case::chain("a computed grid", 13, map, scalars.into(), grid),
        Case::chain("expanded constants", 13, map, vec![random("offset", &[3, 1, 1])], expanded),
        Case::one("Expand", 13, map, vec![integers("shape", &[1, 4, 5])], vec![]),
        Case::one("Dropout", 13, map, vec![none(), none()], vec![]),
    ]
}
