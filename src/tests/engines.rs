//! Which engine a network goes to, and what that says of it.

use ocelli::engine::{EngineError, EngineKind, EngineOptions, Precision, Runtime};
use ocelli::onnx::{Attribute, Extent, Graph, Model, Node, TensorValue, ValueInfo};
use ocelli::tensor::Tensor;

/// A network of one operation on `[1, 2, 3, 3]`, with a constant if it takes one.
fn network(node: Node, constants: Vec<TensorValue>, output: [i64; 4]) -> Model {
    let port = |name: &str, shape: [i64; 4]| ValueInfo::floats(name, &shape.map(Extent::Fixed));
    Model::new(Graph {
        name: "one".into(),
        node: vec![node],
        initializer: constants,
        input: vec![port("x", [1, 2, 3, 3])],
        output: vec![port("y", output)],
        ..Graph::default()
    })
}

/// Each number spread over a square of 2×2, both channels added: an operation that the native engine does not have.
fn spread() -> Model {
    let node = Node::new(
        "ConvTranspose",
        vec!["x".into(), "w".into()],
        "y",
        vec![Attribute::ints("kernel_shape", vec![2, 2]), Attribute::ints("strides", vec![2, 2])],
    );
    network(node, vec![TensorValue::floats("w", vec![2, 1, 2, 2], &[1.0; 8])], [1, 1, 6, 6])
}

fn known() -> Model {
    network(Node::new("Relu", vec!["x".into()], "y", vec![]), vec![], [1, 2, 3, 3])
}

fn runtime(kind: EngineKind, precision: Option<Precision>) -> Runtime {
    Runtime::new(EngineOptions { kind, precision, ..EngineOptions::default() })
}

#[test]
fn a_network_with_an_operation_that_the_native_engine_does_not_know_goes_to_tract_and_says_why() {
    let engine = runtime(EngineKind::Auto, None).load(&spread().to_bytes(), &[]).expect("an engine");
    assert_eq!(engine.name(), "tract");
    let choice = engine.choice();
    assert!(choice.starts_with("the native engine cannot: ") && choice.contains("ConvTranspose"), "{choice}");
    let numbers: Vec<f32> = (0..18).map(|x| x as f32).collect();
    let input = ndarray::ArrayD::from_shape_vec(vec![1, 2, 3, 3], numbers).expect("a shape");
    let outputs = engine.run(vec![Tensor::F32(input)]).expect("outputs");
    let found = outputs[0].1.as_f32().expect("floats");
    let wanted = |row: usize, column: usize| {
        let place = row / 2 * 3 + column / 2;
        (2 * place + 9) as f32
    };
    assert!(found.indexed_iter().all(|(at, x)| *x == wanted(at[2], at[3])), "{found}");
}

#[test]
fn the_native_engine_refuses_what_it_does_not_know_and_tract_does_not_stand_in_for_another_precision() {
    for (kind, precision) in [(EngineKind::Native, None), (EngineKind::Auto, Some(Precision::Bf16))] {
        match runtime(kind, precision).load(&spread().to_bytes(), &[]) {
            Err(EngineError::Load { engine, reason }) => {
                assert_eq!(engine, "native");
                assert!(reason.contains("ConvTranspose"), "{reason}");
            }
            Err(error) => panic!("{kind:?}: {error}"),
            Ok(engine) => panic!("{kind:?}: {} took it", engine.name()),
        }
    }
}

#[test]
fn a_network_that_the_native_engine_knows_stays_there_unless_another_is_asked_for() {
    for (kind, name, choice) in [
        (EngineKind::Auto, "native", "it knows every operation"),
        (EngineKind::Native, "native", "asked for"),
        (EngineKind::Tract, "tract", "asked for"),
    ] {
        let engine = runtime(kind, None).load(&known().to_bytes(), &[]).expect("an engine");
        assert_eq!((engine.name(), engine.choice()), (name, choice), "{kind:?}");
    }
}
