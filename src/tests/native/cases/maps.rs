//! Windows over maps: convolution, pooling, normalisation, resizing.

use super::{Case, floats, ints, none, number, positive, random};
use ocelli::onnx::{Attribute, TensorValue};

pub(super) fn cases() -> Vec<Case> {
    [convolutions(), pools(), whole_maps(), norms(), resizes()].into_iter().flatten().collect()
}

/// A convolution of `[batch, channels, rows, columns]` with filters of this shape.
fn convolution(map: [i64; 4], filters: [i64; 4], bias: bool, attributes: Vec<Attribute>) -> Case {
    let mut constants = vec![random("w", &filters)];
    constants.extend(bias.then(|| random("b", &filters[..1])));
    let mut case = Case::one("Conv", 11, &[&map], constants, attributes);
    case.name = format!("{} filters {filters:?}", case.name);
    case
}

fn convolutions() -> Vec<Case> {
    let group = |groups| Attribute::int("group", groups);
    let auto = |mode| Attribute::string("auto_pad", mode);
    vec![
        convolution([1, 3, 9, 11], [8, 3, 3, 3], true, vec![ints("pads", &[1, 1, 1, 1])]),
        convolution([1, 3, 32, 40], [16, 3, 3, 3], true, vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]),
        convolution([2, 5, 7, 6], [4, 5, 1, 1], false, vec![ints("kernel_shape", &[1, 1])]),
        convolution([1, 16, 13, 13], [32, 16, 1, 1], true, vec![]),
        convolution([1, 40, 13, 9], [24, 40, 3, 3], true, vec![ints("pads", &[1, 1, 1, 1])]),
        convolution([1, 32, 20, 21], [48, 32, 3, 3], true, vec![ints("pads", &[0, 1, 2, 1]), ints("strides", &[2, 2])]),
        convolution([1, 6, 12, 9], [8, 6, 3, 2], true, vec![ints("pads", &[0, 1, 2, 0]), ints("strides", &[2, 1])]),
        convolution([1, 6, 12, 9], [8, 6, 3, 3], true, vec![ints("dilations", &[2, 3]), ints("pads", &[2, 3, 2, 3])]),
        convolution([1, 6, 9, 9], [12, 1, 3, 3], true, vec![group(6), ints("pads", &[1, 1, 1, 1])]),
        convolution([1, 8, 9, 9], [8, 1, 3, 3], false, vec![group(8), ints("strides", &[2, 2])]),
        convolution([1, 33, 10, 12], [33, 1, 5, 5], true, vec![group(33), ints("pads", &[2, 2, 2, 2])]),
        convolution([1, 8, 9, 9], [6, 4, 3, 3], true, vec![group(2), ints("pads", &[1, 1, 1, 1])]),
        convolution([1, 64, 9, 9], [64, 32, 3, 3], true, vec![group(2), ints("pads", &[1, 1, 1, 1])]),
        convolution([1, 4, 10, 11], [5, 4, 3, 4], true, vec![auto("SAME_UPPER"), ints("strides", &[2, 2])]),
        convolution([1, 4, 10, 11], [5, 4, 3, 4], true, vec![auto("SAME_LOWER")]),
        convolution([1, 4, 10, 11], [5, 4, 3, 4], true, vec![auto("VALID")]),
        convolution([1, 4, 6, 6], [3, 4, 6, 6], true, vec![]),
        convolution([3, 4, 6, 6], [3, 4, 3, 3], true, vec![ints("pads", &[3, 3, 3, 3])]),
    ]
}

fn pools() -> Vec<Case> {
    let pool = |op, opset, map: [i64; 4], kernel: &[i64], mut attributes: Vec<Attribute>| {
        attributes.push(ints("kernel_shape", kernel));
        Case::one(op, opset, &[&map], vec![], attributes)
    };
    let int = Attribute::int;
    let mut cases = vec![
        pool("MaxPool", 10, [1, 5, 9, 9], &[3, 3], vec![ints("dilations", &[2, 2]), ints("pads", &[1, 1, 1, 1])]),
        pool("AveragePool", 19, [1, 5, 9, 9], &[3, 3], vec![ints("dilations", &[2, 2])]),
        pool("AveragePool", 11, [1, 3, 8, 9], &[3, 3], vec![ints("pads", &[1, 1, 1, 1]), int("count_include_pad", 1)]),
        pool("AveragePool", 7, [1, 3, 8, 9], &[2, 3], vec![ints("pads", &[1, 0, 1, 2]), int("count_include_pad", 1)]),
    ];
    for op in ["MaxPool", "AveragePool"] {
        cases.extend([
            pool(op, 8, [2, 5, 8, 9], &[2, 2], vec![ints("strides", &[2, 2])]),
            pool(op, 8, [1, 17, 13, 13], &[5, 5], vec![ints("pads", &[2, 2, 2, 2])]),
            pool(op, 11, [1, 3, 7, 8], &[3, 2], vec![ints("pads", &[1, 0, 1, 1]), ints("strides", &[2, 1])]),
            pool(op, 10, [1, 3, 8, 9], &[3, 3], vec![ints("strides", &[2, 2]), int("ceil_mode", 1)]),
            pool(op, 10, [1, 3, 6, 6], &[2, 2], vec![ints("strides", &[3, 3]), int("ceil_mode", 1)]),
            pool(op, 12, [1, 3, 4, 5], &[1, 1], vec![ints("strides", &[4, 3]), int("ceil_mode", 1)]),
            pool(op, 11, [1, 3, 7, 8], &[2, 2], vec![Attribute::string("auto_pad", "SAME_UPPER")]),
            pool(op, 11, [1, 3, 7, 8], &[2, 2], vec![Attribute::string("auto_pad", "SAME_LOWER")]),
        ]);
    }
    cases
}

fn whole_maps() -> Vec<Case> {
    let keep = |keep| Attribute::int("keepdims", keep);
    let map: &[&[i64]] = &[&[2, 19, 5, 7]];
    vec![
        Case::one("GlobalAveragePool", 7, map, vec![], vec![]),
        Case::one("GlobalMaxPool", 7, map, vec![], vec![]),
        Case::one("GlobalAveragePool", 7, &[&[2, 3, 7]], vec![], vec![]),
        Case::one("ReduceMean", 11, map, vec![], vec![ints("axes", &[2, 3])]),
        Case::one("ReduceMean", 13, map, vec![], vec![ints("axes", &[-1, -2]), keep(0)]),
        Case::one("ReduceMean", 18, map, vec![TensorValue::int64s("axes", &[3])], vec![keep(0)]),
        Case::one("ReduceMean", 18, map, vec![], vec![]),
    ]
}

fn norms() -> Vec<Case> {
    let statistics = |channels: i64| {
        let [scale, bias, mean] = ["scale", "bias", "mean"].map(|name| random(name, &[channels]));
        vec![scale, bias, mean, positive("variance", &[channels])]
    };
    let epsilon = vec![Attribute::float("epsilon", 1e-3)];
    let axis = |axis| vec![Attribute::int("axis", axis)];
    let map: &[&[i64]] = &[&[2, 5, 4, 3]];
    vec![
        Case::one("BatchNormalization", 7, map, statistics(5), vec![]),
        Case::one("BatchNormalization", 9, map, statistics(5), epsilon.clone()),
        Case::one("BatchNormalization", 15, &[&[2, 6]], statistics(6), epsilon),
        Case::one("Softmax", 7, &[&[3, 5]], vec![], vec![]),
        Case::one("Softmax", 11, map, vec![], axis(2)),
        Case::one("Softmax", 11, map, vec![], axis(3)),
        Case::one("Softmax", 11, &[&[2, 5, 1, 1]], vec![], axis(1)),
        Case::one("Softmax", 13, map, vec![], vec![]),
        Case::one("Softmax", 13, map, vec![], axis(1)),
        Case::one("Softmax", 13, map, vec![], axis(-2)),
    ]
}

fn resizes() -> Vec<Case> {
    let text = Attribute::string;
    let map: &[&[i64]] = &[&[1, 5, 4, 3]];
    let scales = |list: [f32; 4]| TensorValue::floats("scales", vec![4], &list);
    let roi = || TensorValue::floats("roi", vec![0], &[]);
    let mode = |coordinates, nearest| {
        let coordinates = text("coordinate_transformation_mode", coordinates);
        vec![text("mode", "nearest"), coordinates, text("nearest_mode", nearest)]
    };
    let twice = || scales([1.0, 1.0, 2.0, 2.0]);
    vec![
        Case::one("Upsample", 7, map, vec![], vec![floats("scales", &[1.0, 1.0, 2.0, 3.0])]),
        Case::one("Upsample", 9, map, vec![twice()], vec![]),
        Case::one("Resize", 10, map, vec![twice()], vec![]),
        Case::one("Resize", 11, map, vec![roi(), twice()], mode("asymmetric", "floor")),
        Case::one("Resize", 11, map, vec![roi(), twice()], vec![]),
        Case::one(
            "Resize",
            13,
            map,
            vec![none(), scales([1.0, 1.0, 3.0, 1.0])],
            mode("half_pixel", "round_prefer_ceil"),
        ),
        Case::one("Resize", 13, map, vec![none(), twice()], mode("pytorch_half_pixel", "round_prefer_floor")),
        Case::one(
            "Resize",
            13,
            map,
            vec![none(), none(), TensorValue::int64s("s", &[1, 5, 8, 12])],
            mode("asymmetric", "floor"),
        ),
        Case::one(
            "Resize",
            18,
            map,
            vec![none(), none(), TensorValue::int64s("s", &[8, 6])],
            vec![ints("axes", &[2, 3])],
        ),
        Case::one("Resize", 19, map, vec![none(), twice()], mode("half_pixel_symmetric", "round_prefer_floor")),
        Case::one("Resize", 13, map, vec![none(), scales([1.0; 4])], vec![text("mode", "linear")]),
        Case::one(
            "Pad",
            13,
            map,
            vec![TensorValue::int64s("pads", &[0, 1, 0, 2, 0, 0, 1, 0]), number("value", 0.5)],
            vec![],
        ),
        Case::one("Pad", 11, map, vec![TensorValue::int64s("pads", &[0, 0, 1, 1, 0, 0, -1, 2])], vec![]),
        Case::one(
            "Pad",
            18,
            map,
            vec![TensorValue::int64s("pads", &[1, 2]), none(), TensorValue::int64s("axes", &[-1])],
            vec![],
        ),
        Case::one(
            "Pad",
            7,
            map,
            vec![],
            vec![ints("pads", &[0, 0, 1, 2, 0, 0, 0, 1]), Attribute::float("value", -1.0)],
        ),
    ]
}
