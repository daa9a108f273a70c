//! What the native engine does not know, it names.

use crate::cases::{Case, integers, ints, none, number, random};
use crate::operators::runtime;
use ocelli::engine::EngineError;
use ocelli::onnx::{Attribute, Model, TensorValue};
use ocelli::tensor::Tensor;

const MAP: &[&[i64]] = &[&[1, 4, 6, 5]];

/// What the engine says of a model that it must not load.
fn refusal(model: &Model) -> String {
    match runtime().load(&model.to_bytes(), &[]) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn operators_and_attributes_that_are_not_known_are_named() {
    let text = Attribute::string;
    let scales = |list: &[f32]| TensorValue::floats("s", vec![4], list);
    let cases = [
        ("ConvTranspose", Case::one("ConvTranspose", 11, MAP, vec![random("w", &[4, 2, 2, 2])], vec![])),
        ("LSTM", Case::one("LSTM", 14, &[&[3, 1, 4]], vec![random("w", &[1, 8, 4]), random("r", &[1, 8, 2])], vec![])),
        ("Conv", Case::one("Conv", 11, MAP, vec![random("w", &[2, 4, 7, 3])], vec![])),
        ("Conv", Case::one("Conv", 11, MAP, vec![random("w", &[2, 3, 3, 3])], vec![])),
        ("Conv", Case::one("Conv", 11, &[&[1, 4, 6, 5], &[2, 4, 3, 3]], vec![], vec![])),
        ("Conv", Case::one("Conv", 11, MAP, vec![random("w", &[2, 4, 3, 3])], vec![ints("strides", &[0, 1])])),
        ("PRelu", Case::one("PRelu", 9, MAP, vec![random("slope", &[4, 1, 1])], vec![])),
        ("Resize", Case::one("Resize", 13, MAP, vec![none(), scales(&[1.0, 1.0, 1.5, 2.0])], vec![])),
        (
            "Resize",
            Case::one("Resize", 13, MAP, vec![none(), scales(&[1.0, 1.0, 2.0, 2.0])], vec![text("mode", "linear")]),
        ),
        (
            "Pad",
            Case::one("Pad", 13, MAP, vec![integers("p", &[0, 0, 1, 1, 0, 0, 1, 1])], vec![text("mode", "reflect")]),
        ),
        ("MatMul", Case::one("MatMul", 13, &[&[3, 4], &[4, 5]], vec![], vec![])),
        ("Reshape", Case::one("Reshape", 13, MAP, vec![integers("s", &[7, -1])], vec![])),
        ("Concat", Case::one("Concat", 13, &[&[2, 3], &[3, 3]], vec![], vec![Attribute::int("axis", 1)])),
        ("Gather", Case::one("Gather", 13, MAP, vec![integers("i", &[6])], vec![Attribute::int("axis", 2)])),
        (
            "Pad",
            Case::one("Pad", 13, MAP, vec![integers("p", &[0, 0, 0, 0, 0, 0, 0, i64::MAX]), number("v", 0.0)], vec![]),
        ),
        ("Relu", Case::one("Relu", 13, &[], vec![], vec![])),
    ];
    for (operator, case) in cases {
        let told = refusal(&case.model());
        assert!(told.contains(&format!("operator {operator} (node y)")), "{}: {told}", case.name);
    }
}

#[test]
fn another_file_of_numbers_and_other_inputs_than_floats_are_refused() {
    let mut model = Case::one("Relu", 13, MAP, vec![], vec![]).model();
    let input = |model: &mut Model, element| {
        let graph = model.graph.as_mut().expect("a graph");
        graph.input[0].r#type.as_mut().and_then(|kind| kind.tensor.as_mut()).expect("a tensor").element = element;
    };
    input(&mut model, ocelli::onnx::DOUBLE);
    assert!(refusal(&model).contains("input x0 is of type 11"), "{}", refusal(&model));
    let mut model = Case::one("Add", 13, MAP, vec![random("b", &[5])], vec![]).model();
    model.graph.as_mut().expect("a graph").initializer[0].data_location = 1;
    assert!(refusal(&model).contains("constant b: its numbers are in another file"), "{}", refusal(&model));
}

#[test]
fn inputs_are_fixed_by_name_and_unknown_names_are_told() {
    let mut model = Case::one("Relu", 13, &[&[-1, 3, 4, -1]], vec![], vec![]).model();
    let load = |model: &Model, shapes: &[(String, Vec<usize>)]| runtime().load(&model.to_bytes(), shapes);
    let Err(EngineError::Input { name, reason }) = load(&model, &[]) else { panic!("its last axis is not fixed") };
    assert_eq!(name, "x0");
    assert!(reason.contains("not fixed"), "{reason}");
    let Err(EngineError::Input { name, reason }) = load(&model, &[("images".into(), vec![1])]) else {
        panic!("there is no such input")
    };
    assert_eq!(name, "images");
    assert!(reason.contains("x0"), "{reason}");
    let engine = load(&model, &[("x0".into(), vec![2, 3, 4, 5])]).expect("a fixed shape");
    assert_eq!(engine.inputs()[0].shape, [2, 3, 4, 5]);
    model = Case::one("Relu", 13, &[&[-1, 3, 4, 5]], vec![], vec![]).model();
    let engine = load(&model, &[]).expect("a first axis of any size");
    assert_eq!(engine.inputs()[0].shape, [1, 3, 4, 5]);
    let outputs = engine.run(vec![Tensor::filled(&[1, 3, 4, 5], -1.0)]).expect("outputs");
    assert_eq!(outputs[0].1, Tensor::filled(&[1, 3, 4, 5], 0.0));
}
