//! `ocelli quantize` as people run it: what it writes, held to onnxruntime and to the float model, and what it refuses.

use crate::data;
use crate::models;
use crate::program::{Ended, ocelli};
use crate::python::{python, script};
use ocelli::onnx::{Attribute, Extent, Graph, INT8, INT32, Model, Node, TensorValue, UINT8, ValueInfo};
use serde_json::Value;
use std::collections::HashMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// Links so many pictures of a folder into `folder/name`, from the `skip`ped ones on.
fn link(from: &Path, folder: &TempDir, name: &str, [skip, take]: [usize; 2]) {
    let into = folder.path().join(name);
    std::fs::create_dir_all(&into).expect("a folder");
    let list = std::fs::read_dir(from.canonicalize().expect("a path")).expect("pictures");
    let mut paths: Vec<_> = list.map(|entry| entry.expect("a picture").path()).collect();
    paths.sort();
    for path in paths.iter().skip(skip).take(take) {
        symlink(path, into.join(path.file_name().expect("a name"))).expect("a link");
    }
}

/// Yolo-Fastest 1.1, quantised with ten pictures of coco-mini, in a folder; `rest` is added to the command line.
fn quantized(rest: &str) -> Option<(TempDir, Ended)> {
    let data = data::folder()?;
    let folder = tempfile::tempdir().expect("a folder");
    models::convert("yolo-fastest-1.1", folder.path());
    link(&data.join("detection/coco-mini/train2017"), &folder, "pictures", [0, 10]);
    let ended = ocelli(&folder, &format!("quantize yolo-fastest-1.1.onnx --calibrate pictures -o int8.onnx{rest}"));
    ended.assert(0, &["calibrated with 10 pictures"]);
    Some((folder, ended))
}

fn read(folder: &TempDir, name: &str) -> Model {
    Model::read(&folder.path().join(name)).expect("a model")
}

fn constants(graph: &Graph) -> HashMap<&str, &TensorValue> {
    graph.initializer.iter().map(|constant| (constant.name.as_str(), constant)).collect()
}

fn floats(constant: &TensorValue) -> Vec<f32> {
    constant.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// What onnxruntime makes of the float file and the quantised one, with six pictures that these were not calibrated with.
fn compared(data: &Path, python: &Path, folder: &TempDir) -> Value {
    link(&data.join("detection/coco-mini/train2017"), folder, "others", [20, 6]);
    let [float, int8, others] = ["yolo-fastest-1.1.onnx", "int8.onnx", "others"].map(|name| folder.path().join(name));
    serde_json::from_str(&script(python, "quantized.py", &[&float, &int8, &others])).expect("JSON")
}

#[test]
fn onnxruntime_runs_the_quantised_file_in_integers_and_close_to_the_float_one() {
    let (Some(data), Some(python)) = (data::folder(), python()) else { return };
    let Some((folder, _)) = quantized(" --float-share 0") else { return };
    let printed = compared(&data, &python, &folder);
    for (output, decibels) in printed["decibels"].as_object().expect("outputs") {
        // 84 layers of 8-bit rounding, each some 40 dB below its signal; 15 dB where channels are not equalised.
        assert!(decibels.as_f64().expect("a number") > 20.0, "{output}: {decibels} dB");
    }
    let count = |operator: &str| printed["operators"][operator].as_u64().unwrap_or(0);
    assert!(count("QLinearConv") > 70, "{printed}");
    assert_eq!(count("QLinearAdd"), 18, "{printed}");
    assert_eq!(count("NhwcMaxPool"), 3, "{printed}");
}

#[test]
fn what_loses_most_stays_in_float_within_its_share_of_the_multiplications() {
    const SHARE: f64 = 0.1;
    let (Some(data), Some(python)) = (data::folder(), python()) else { return };
    let decibels = |share: f64| {
        let (folder, ended) = quantized(&format!(" --float-share {share}"))?;
        let decibels = compared(&data, &python, &folder)["decibels"].clone();
        Some((folder, ended, decibels))
    };
    let (Some((.., none)), Some((folder, ended, some))) = (decibels(0.0), decibels(SHARE)) else { return };
    ended.assert(0, &["left in float", "Conv"]);
    for (output, some) in some.as_object().expect("outputs") {
        let [none, some] = [&none[output], some].map(|decibels| decibels.as_f64().expect("a number"));
        assert!(some > none + 2.0, "{output}: {none} dB become {some}");
    }
    let layers = ocelli(&folder, "bench --model int8.onnx --layers --json --runs 1").json();
    let mut operations: HashMap<&str, f64> = HashMap::new();
    for layer in layers["layers"].as_array().expect("layers") {
        let figure = |key: &str| layer[key].as_f64().expect("a number");
        *operations.entry(layer["name"].as_str().expect("a name")).or_default() += figure("ms") * figure("gflops");
    }
    let model = read(&folder, "int8.onnx");
    let nodes = &model.graph.as_ref().expect("a graph").node;
    let is_rounded =
        |value: &String| nodes.iter().any(|node| node.op_type == "DequantizeLinear" && node.output[0] == *value);
    let becomes_rounded = |value: &String| {
        let user = |op_type: &str| nodes.iter().any(|node| node.op_type == op_type && node.input[0] == *value);
        user("QuantizeLinear") || !user("LeakyRelu")
    };
    let floats = nodes
        .iter()
        .filter(|node| node.op_type == "Conv" && !(is_rounded(&node.input[0]) && becomes_rounded(&node.output[0])));
    let share = floats.map(|node| operations[node.output[0].as_str()]).sum::<f64>() / operations.values().sum::<f64>();
    assert!(share > 0.5 * SHARE && share <= SHARE, "{share}");
}

#[test]
fn the_quantised_file_keeps_metadata_inputs_and_outputs_and_is_less_than_half_the_size() {
    let Some((folder, ended)) = quantized(" --float-share 0") else { return };
    let [float, int8] = ["yolo-fastest-1.1.onnx", "int8.onnx"].map(|name| read(&folder, name));
    assert_eq!(int8.metadata_props, float.metadata_props);
    assert_eq!((int8.ir_version, &int8.opset_import), (float.ir_version, &float.opset_import));
    let [float, int8] = [&float, &int8].map(|model| model.graph.as_ref().expect("a graph"));
    assert_eq!((&int8.input, &int8.output), (&float.input, &float.output));
    assert!(ended.out.contains("84 convolutions of 8-bit integers, 1.3 → 0.6 MB"), "{}", ended.out);
    assert!(!ended.said.contains("left in float"), "{}", ended.said);
}

#[test]
fn grids_are_unsigned_biases_have_the_scale_of_what_is_added_and_joined_values_share_a_grid() {
    let Some((folder, _)) = quantized(" --float-share 0") else { return };
    let model = read(&folder, "int8.onnx");
    let graph = model.graph.as_ref().expect("a graph");
    let constants = constants(graph);
    let makers: HashMap<&str, &Node> = graph.node.iter().map(|node| (node.output[0].as_str(), node)).collect();
    let grid = |node: &Node| (floats(constants[node.input[1].as_str()]), constants[node.input[2].as_str()].clone());
    for node in graph.node.iter().filter(|node| node.op_type == "QuantizeLinear") {
        let (scale, zero) = grid(node);
        assert!(scale.len() == 1 && scale[0] > 0.0, "{}", node.name);
        assert_eq!((zero.data_type, zero.raw_data.len()), (UINT8, 1), "{}", node.name);
    }
    for node in graph.node.iter().filter(|node| node.op_type == "Conv") {
        let [map, weights, bias] = [0, 1, 2].map(|place| grid(makers[node.input[place].as_str()]));
        assert_eq!([&map.1, &weights.1, &bias.1].map(|zero| zero.data_type), [UINT8, INT8, INT32]);
        assert!(weights.1.raw_data.iter().chain(&bias.1.raw_data).all(|byte| *byte == 0), "{}", node.name);
        let product: Vec<f32> = weights.0.iter().map(|scale| scale * map.0[0]).collect();
        assert_eq!(bias.0, product, "{}", node.name);
    }
    let scale = |value: &String| floats(constants[makers[value.as_str()].input[1].as_str()]);
    for node in graph.node.iter().filter(|node| ["Concat", "MaxPool", "Resize"].contains(&node.op_type.as_str())) {
        let after = graph.node.iter().find(|user| user.input.first() == node.output.first()).expect("a rounding");
        let operands = if node.op_type == "Concat" { &node.input[..] } else { &node.input[..1] };
        for operand in operands {
            assert_eq!(scale(operand), floats(constants[after.input[1].as_str()]), "{}", node.name);
        }
    }
}

/// A detector of one convolution, of 3 channels to 6 filters, whose ranges differ a thousandfold.
fn single() -> (Model, Vec<f32>, Vec<f32>) {
    let weights: Vec<f32> = (0..18).map(|i| ((i * 7 % 11) as f32 - 5.0) * 10_f32.powi(i / 3 - 3)).collect();
    let bias: Vec<f32> = (0..6).map(|i| i as f32 - 2.5).collect();
    let conv = Node::new(
        "Conv",
        ["images", "w", "b"].map(String::from).to_vec(),
        "out",
        vec![Attribute::ints("kernel_shape", vec![1, 1])],
    );
    let axes = |channels| [1, channels, 8, 8].map(Extent::Fixed);
    let mut model = Model::new(Graph {
        node: vec![conv],
        initializer: vec![
            TensorValue::floats("w", vec![6, 3, 1, 1], &weights),
            TensorValue::floats("b", vec![6], &bias),
        ],
        input: vec![ValueInfo::floats("images", &axes(3))],
        output: vec![ValueInfo::floats("out", &axes(6))],
        ..Graph::default()
    });
    for (key, value) in [
        ("task", "detection"),
        ("head", "yolov3"),
        ("labels", "[\"a\"]"),
        ("anchors", "[[[8,8]]]"),
        ("resize", "stretch"),
    ] {
        model.set_property(&format!("ocelli.{key}"), value);
    }
    (model, weights, bias)
}

/// A folder with a model and a folder `pictures` of one picture.
fn folder_with(model: &Model) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    model.write(&folder.path().join("float.onnx")).expect("a written model");
    std::fs::create_dir(folder.path().join("pictures")).expect("a folder");
    let picture = image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([(x * 16) as u8, (y * 16) as u8, 128]));
    picture.save(folder.path().join("pictures/one.png")).expect("a picture");
    folder
}

const QUANTIZE: &str = "quantize float.onnx --calibrate pictures -o int8.onnx";

#[test]
fn every_weight_is_within_half_a_step_of_its_own_filters_scale() {
    let (model, weights, bias) = single();
    let folder = folder_with(&model);
    ocelli(&folder, QUANTIZE).assert(0, &[]);
    let model = read(&folder, "int8.onnx");
    let graph = model.graph.as_ref().expect("a graph");
    let constants = constants(graph);
    let (integers, scales) = (&constants["w.quantized"].raw_data, floats(constants["w.scale"]));
    for (index, (weight, integer)) in weights.iter().zip(integers).enumerate() {
        let scale = scales[index / 3];
        let largest = weights[index / 3 * 3..][..3].iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
        assert!((scale - largest / 127.0).abs() <= 1e-6 * scale, "filter {}", index / 3);
        let found = f32::from(*integer as i8) * scale;
        assert!((found - weight).abs() <= 0.5001 * scale, "weight {index}: {found} for {weight}");
    }
    // A bias takes back what rounding the weights adds on average: by the mean of each channel of the picture, over the
    // network's 8 × 8 pixels of it.
    let mean = [7.5 * 16.0 / 255.0, 7.5 * 16.0 / 255.0, 128.0 / 255.0];
    let bytes = constants["b.quantized"].raw_data.as_chunks().0;
    for (filter, (bytes, scale)) in bytes.iter().zip(floats(constants["b.scale"])).enumerate() {
        let error = |i: usize| f32::from(integers[filter * 3 + i] as i8) * scales[filter] - weights[filter * 3 + i];
        let wanted = bias[filter] - (0..3).map(|i| error(i) * mean[i]).sum::<f32>();
        let found = i32::from_le_bytes(*bytes) as f32 * scale;
        assert!((found - wanted).abs() <= scale + 1e-4 * scales[filter], "bias {filter}: {found} for {wanted}");
    }
}

#[test]
fn what_cannot_be_quantised_is_refused_with_the_reason() {
    let (model, ..) = single();
    let refused = |change: &dyn Fn(&mut Model), sentence: &str| {
        let mut model = model.clone();
        change(&mut model);
        let folder = folder_with(&model);
        ocelli(&folder, QUANTIZE).assert(1, &["float.onnx", sentence]);
        assert!(!folder.path().join("int8.onnx").exists());
    };
    refused(&|model| model.opset_import[0].version = 12, "operator set 12");
    refused(&|model| model.metadata_props.clear(), "no detector");
    refused(
        &|model| {
            let graph = model.graph.as_mut().expect("a graph");
            graph.node[0] = Node::new("Concat", vec!["images".into(); 2], "out", vec![Attribute::int("axis", 1)]);
            graph.initializer.clear();
        },
        "no convolution",
    );
    let folder = folder_with(&model);
    ocelli(&folder, QUANTIZE).assert(0, &[]);
    ocelli(&folder, "quantize int8.onnx --calibrate pictures -o again.onnx").assert(1, &["quantised already"]);
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    ocelli(&folder, "quantize float.onnx --calibrate empty -o again.onnx").assert(1, &["no picture in this folder"]);
    ocelli(&folder, "quantize float.onnx --calibrate none -o again.onnx").assert(1, &["none"]);
    std::fs::write(folder.path().join("empty/broken.jpg"), b"no picture").expect("a file");
    ocelli(&folder, "quantize float.onnx --calibrate empty -o again.onnx").assert(1, &["broken.jpg", "can be read"]);
    ocelli(&folder, &format!("{QUANTIZE} --evaluate pictures")).assert(1, &["no data set is in this folder"]);
    ocelli(&folder, "quantize float.onnx -o again.onnx").assert(2, &["--calibrate"]);
}

#[test]
fn operators_that_stay_in_float_are_told() {
    let (mut model, ..) = single();
    let graph = model.graph.as_mut().expect("a graph");
    graph.node[0].output[0] = "linear".into();
    graph.node.push(Node::new("Softplus", vec!["linear".into()], "out", vec![]));
    let folder = folder_with(&model);
    ocelli(&folder, QUANTIZE).assert(0, &["left in float: 1 × Softplus"]);
}

#[test]
fn the_loss_is_that_between_two_evaluations() {
    let Some(data) = data::folder() else { return };
    let labelled = data.join("detection/coco128").canonicalize().expect("a path");
    let Some((folder, ended)) = quantized(&format!(" --float-share 0 --evaluate {}", labelled.display())) else {
        return;
    };
    let figures = ["yolo-fastest-1.1.onnx", "int8.onnx"].map(|model| {
        ocelli(&folder, &format!("evaluate --data {} --model {model} --json -", labelled.display())).json()
    });
    for name in ["AP", "AP50"] {
        let [before, after] = [0, 1].map(|at| figures[at]["coco"][name].as_f64().expect("a figure"));
        let line = format!("{name:<4}  {before:.4} → {after:.4}   ({:+.4})", after - before);
        assert!(ended.out.contains(&line), "{line} is not in:\n{}", ended.out);
    }
}

/// The bound of the issue, with all 80 pictures of coco-mini.
#[test]
#[ignore = "three minutes"]
fn three_networks_lose_at_most_a_hundredth_of_ap50_on_coco128() {
    let Some(data) = data::folder() else { return };
    let [calibration, labelled] =
        ["coco-mini", "coco128"].map(|name| data.join("detection").join(name).canonicalize().expect("a path"));
    for name in ["yolo-fastest-1.1-xl", "yolo-fastest-1.1", "nano-coco"] {
        let folder = tempfile::tempdir().expect("a folder");
        models::convert(name, folder.path());
        let (calibration, labelled) = (calibration.display(), labelled.display());
        let ended = ocelli(
            &folder,
            &format!("quantize {name}.onnx --calibrate {calibration} --evaluate {labelled} -o int8.onnx"),
        );
        ended.assert(0, &[]);
        let line = ended.out.lines().find(|line| line.trim_start().starts_with("AP50")).expect("AP50");
        let (_, loss) = line.rsplit_once('(').expect("a difference");
        let loss: f64 = loss.trim_end_matches(')').parse().expect("a number");
        assert!(loss >= -0.01, "{name}: {line}");
    }
}
