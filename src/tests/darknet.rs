//! Darknet's cfg and weights files, in and out.

use ocelli::darknet::{Activation, DarknetError, ExportOptions, Head, Header, Kind, Network};
use ocelli::metadata::{HeadKind, Metadata, Resize};
use ocelli::onnx::{Attribute, FLOAT, Graph, Model, Node, TensorValue};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A network of every kind of layer that feeds a detection head.
const SMALL: &str = "
[net]
width=16
height=16
channels=3

[convolutional]   # layer 0
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=8
size=1
activation=mish

[shortcut]
from=-2
activation=linear

[upsample]
stride=2

[route]
layers=-1,0

[reorg]
stride=2

[convolutional]
filters=14
size=1
activation=linear

[yolo]
mask=1,2
anchors=1,2, 3,4, 5,6
num=3
classes=2
scale_x_y=1.05
";

fn options(labels: Option<Vec<String>>) -> ExportOptions {
    ExportOptions { labels, resize: Resize::Stretch, license: Some("MIT".into()), source: None }
}

fn filled(cfg: &str) -> Network {
    let mut network = Network::parse(cfg).expect("the cfg is good");
    network.randomize(7, 0);
    network
}

fn graph(model: Model) -> Graph {
    model.graph.expect("a graph")
}

fn message(cfg: &str) -> String {
    Network::parse(cfg).expect_err("the cfg is bad").to_string()
}

/// A network of one picture shape and these sections.
fn with_input(channels: usize, height: usize, width: usize, sections: &str) -> String {
    format!("[net]\nchannels={channels}\nheight={height}\nwidth={width}\n{sections}")
}

fn darknet_data() -> Option<PathBuf> {
    crate::data::folder().map(|folder| folder.join("darknet"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a readable cfg")
}

/// The real weights and the cfg that each belongs to.
const PUBLISHED: [[&str; 2]; 4] = [
    ["yolo-fastest/yolo-fastest-1.1.cfg", "yolo-fastest/yolo-fastest-1.1.weights"],
    ["yolo-fastest/yolo-fastest-1.1-xl.cfg", "yolo-fastest/yolo-fastest-1.1-xl.weights"],
    ["mobilenet-yolo/MobileNetV2-YOLOv3-Nano-coco.cfg", "mobilenet-yolo/MobileNetV2-YOLOv3-Nano-coco.weights"],
    ["mobilenet-yolo/yoloface-500k-v1/yoloface-500k.cfg", "mobilenet-yolo/yoloface-500k-v1/yoloface-500k.weights"],
];

#[test]
fn every_published_cfg_is_read_but_that_of_yolov1() {
    let Some(data) = darknet_data() else { return };
    let mut read_cfgs = 0;
    for entry in std::fs::read_dir(data.join("cfg")).expect("a folder of cfgs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "cfg") {
            continue;
        }
        match Network::parse(&read(&path)) {
            Ok(network) => {
                assert!(network.layers.iter().all(|layer| !layer.output.is_empty()));
                read_cfgs += 1;
            }
            Err(error) => {
                assert_eq!(path.file_name().expect("a name"), "yolov1-tiny.cfg", "{error}");
                let refusal = "cfg line 116, layer 15 [detection]: yolov1's [detection] head is not supported";
                assert_eq!(error.to_string(), refusal);
            }
        }
    }
    assert_eq!(read_cfgs, 17);
}

#[test]
fn networks_have_as_many_weights_and_operations_as_darknet_says() {
    let Some(data) = darknet_data() else { return };
    let cases = [
        ("yolov3", 62_001_757, 140.69),
        ("yolov3-tiny", 8_858_734, 5.565),
        ("yolov3-spp", 63_052_381, 141.45),
        ("darknet53", 41_645_640, 18.57),
    ];
    for (name, floats, billions) in cases {
        let network = Network::parse(&read(&data.join(format!("cfg/{name}.cfg")))).expect(name);
        assert_eq!(network.stored_floats(), floats, "{name}");
        assert!((network.flops() / 1e9 - billions).abs() < 0.01, "{name}: {}", network.flops());
    }
}

#[test]
fn small_published_networks_convert_with_random_weights() {
    let Some(data) = darknet_data() else { return };
    for (name, outputs) in
        [("cifar", vec!["output"]), ("tiny", vec!["output"]), ("yolov3-tiny", vec!["yolo_16", "yolo_23"])]
    {
        let model = filled(&read(&data.join(format!("cfg/{name}.cfg")))).to_onnx(options(None)).expect(name);
        let found = graph(model).output.into_iter().map(|output| output.name).collect::<Vec<_>>();
        assert_eq!(found, outputs, "{name}");
    }
}

#[test]
fn published_weights_fill_their_networks_and_come_back_byte_for_byte() {
    let Some(data) = darknet_data() else { return };
    for [cfg, weights] in PUBLISHED {
        let mut network = Network::parse(&read(&data.join(cfg))).expect(cfg);
        let bytes = std::fs::read(data.join(weights)).expect(weights);
        let loaded = network.read_weights(&bytes).expect(weights);
        assert_eq!((loaded.layers_filled, loaded.first_unfilled), (loaded.layers_total, None), "{weights}");
        assert_eq!(loaded.floats, network.stored_floats(), "{weights}");
        assert!(network.write_weights() == bytes, "{weights} changed");
        network.to_onnx(options(None)).expect(cfg);
    }
}

#[test]
fn a_backbone_fills_the_layers_it_has() {
    let Some(data) = darknet_data() else { return };
    let folder = data.join("mobilenet-yolo");
    let mut network = Network::parse(&read(&folder.join("MobileNetV2-YOLOv3-Nano-coco.cfg"))).expect("a cfg");
    let bytes = std::fs::read(folder.join("MobileNetV2-Nano.57")).expect("weights");
    let loaded = network.read_weights(&bytes).expect("ends between two layers");
    assert_eq!((loaded.layers_filled, loaded.layers_total, loaded.first_unfilled), (48, 59, Some(64)));
    assert!(network.write_weights() == bytes);
    let refusal = network.to_onnx(options(None)).expect_err("layers lack weights").to_string();
    assert_eq!(refusal, "layer 64 [convolutional] has no weights: the weights file ends before it");
    network.randomize(1, 64);
    network.to_onnx(options(None)).expect("the rest is random");
}

#[test]
fn weights_that_are_too_few_or_too_many_are_refused_with_both_counts() {
    let mut network = filled(SMALL);
    let bytes = network.write_weights();
    let floats = (bytes.len() - 20) / 4;
    let before = network.clone();
    let mut refusal = |bytes: &[u8]| network.read_weights(bytes).expect_err("a bad file").to_string();
    assert_eq!(refusal(&bytes[..10]), "the weights file has 10 bytes, which is too short for its header");
    assert_eq!(
        refusal(&bytes[..21]),
        "the weights file has 1 bytes after its header, which is no whole number of 4-byte floats"
    );
    // Layer 0 takes 4 · 8 + 8 · 27 floats, layer 2 takes 8 + 8 · 8.
    assert_eq!(
        refusal(&bytes[..20 + 4 * (248 + 71)]),
        "the weights file ends in the middle of layer 2 [convolutional], which takes 72 floats; 71 are left"
    );
    assert_eq!(
        refusal(&[bytes.as_slice(), &[0; 8]].concat()),
        format!(
            "the weights file holds {} floats, but the layers of the cfg take {floats}: it belongs to another cfg",
            floats + 2
        )
    );
    assert_eq!(network, before, "a bad file changes nothing");
    let loaded = network.read_weights(&bytes[..20 + 4 * 248]).expect("ends between two layers");
    assert_eq!((loaded.layers_filled, loaded.layers_total, loaded.first_unfilled), (1, 3, Some(2)));
}

#[test]
fn both_headers_are_read_and_written() {
    let mut network = filled(SMALL);
    let floats = network.write_weights().split_off(20);
    for (version, seen) in [([0, 1, 0], 4), ([0, 2, 5], 8), ([1, 0, 0], 8), ([0, 1001, 0], 4), ([2000, 0, 0], 4)] {
        let mut bytes: Vec<u8> = version.iter().flat_map(|number: &i32| number.to_le_bytes()).collect();
        bytes.extend(&123_456_u64.to_le_bytes()[..seen]);
        bytes.extend(&floats);
        let [major, minor, revision] = version;
        let header = network.read_weights(&bytes).expect("complete").header;
        assert_eq!(header, Header { major, minor, revision, seen: 123_456 });
        assert!(network.write_weights() == bytes, "{version:?}");
    }
}

#[test]
fn connected_weights_are_turned_where_the_header_says_so() {
    let cfg = with_input(2, 1, 1, "[connected]\noutput=3\nbatch_normalize=1\nactivation=linear\n");
    let mut network = Network::parse(&cfg).expect("a good cfg");
    // Three biases, the weights of three outputs of two inputs, then scales, means and variances.
    let floats: Vec<u8> = (0..18).flat_map(|number| (number as f32).to_le_bytes()).collect();
    for (major, first_rows) in [(0, [3.0, 4.0, 5.0, 6.0]), (1001, [3.0, 6.0, 4.0, 7.0])] {
        let header: Vec<u8> = [major, 1, 0, 0].iter().flat_map(|number: &i32| number.to_le_bytes()).collect();
        let bytes = [header, floats.clone()].concat();
        network.read_weights(&bytes).expect("complete");
        let weights = network.layers[0].weights.as_ref().expect("filled");
        assert_eq!(weights.weights[..4], first_rows);
        assert_eq!(weights.norm.as_ref().expect("normalised").variances, [15.0, 16.0, 17.0]);
        assert!(network.write_weights() == bytes);
    }
}

#[test]
fn random_weights_hang_on_the_seed_and_the_layer_alone() {
    let (mut whole, mut rest) = (filled(SMALL), filled(SMALL));
    let first = whole.layers[0].weights.as_ref().expect("filled").weights[..3].to_vec();
    assert_eq!(first, [-0.613_223_8, -0.049_623_2, -0.395_864_3]);
    rest.randomize(8, 0);
    assert_ne!(whole, rest);
    rest.randomize(7, 2);
    assert_ne!(whole.layers[0], rest.layers[0]);
    assert_eq!(whole.layers[1..], rest.layers[1..]);
    whole.randomize(8, 0);
    rest.randomize(8, 0);
    assert_eq!(whole, rest);
}

#[test]
fn random_weights_have_the_variance_asked_for() {
    let network = filled(&with_input(64, 4, 4, "[convolutional]\nfilters=256\nsize=3\npad=1\nactivation=leaky\n"));
    let weights = &network.layers[0].weights.as_ref().expect("filled").weights;
    let mean = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>() / weights.len() as f64;
    let variance = weights.iter().map(|weight| f64::from(*weight).powi(2)).sum::<f64>() / weights.len() as f64;
    let wanted: f64 = 2.0 / (64.0 * 9.0);
    assert!(mean.abs() < 0.01 * wanted.sqrt(), "{mean}");
    assert!((variance / wanted - 1.0).abs() < 0.02, "{variance}");
}

#[test]
fn a_detector_says_what_its_outputs_mean() {
    let labels = vec!["cat".to_owned(), "dog".to_owned()];
    let model = filled(SMALL).to_onnx(options(Some(labels.clone()))).expect("complete");
    let metadata = Metadata::read(&model).expect("its own metadata");
    assert_eq!(metadata.license.as_deref(), Some("MIT"));
    let detection = metadata.detection.expect("a detector");
    assert_eq!((detection.head, detection.resize), (HeadKind::YoloV3, Resize::Stretch));
    assert_eq!(detection.labels, labels);
    assert_eq!(detection.anchors, [[[3.0, 4.0], [5.0, 6.0]]]);
    assert_eq!(detection.scale_xy, [1.05]);
    let graph = graph(model);
    assert_eq!(graph.input[0].name, "images");
    assert_eq!(graph.input[0].axes(), Some(vec![None, Some(3), Some(16), Some(16)]));
    assert_eq!(graph.output[0].name, "yolo_8");
    assert_eq!(graph.output[0].axes(), Some(vec![None, Some(14), Some(4), Some(4)]));
}

#[test]
fn labels_must_be_as_many_as_classes_and_are_made_up_where_absent() {
    let network = filled(SMALL);
    let refusal = network.to_onnx(options(Some(vec!["cat".into()]))).expect_err("one label").to_string();
    assert_eq!(refusal, "1 labels for a network of 2 classes");
    let metadata = Metadata::read(&network.to_onnx(options(None)).expect("complete")).expect("metadata");
    assert_eq!(metadata.detection.expect("a detector").labels, ["class_0", "class_1"]);
}

#[test]
fn a_classifier_is_raw_and_gives_one_number_for_each_class() {
    let cfg = with_input(3, 8, 8, "[convolutional]\nfilters=10\nactivation=linear\n[avgpool]\n[softmax]\n[cost]\n");
    let model = filled(&cfg).to_onnx(options(None)).expect("complete");
    assert_eq!(Metadata::read(&model).expect("metadata").detection, None);
    let graph = graph(model);
    assert_eq!(graph.output[0].axes(), Some(vec![None, Some(10)]));
    let kinds: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!(kinds, ["Conv", "GlobalAveragePool", "Softmax", "Flatten"]);
}

#[test]
fn anchors_of_a_region_layer_become_pixels() {
    let region = "[maxpool]\nsize=2\nstride=2\n[convolutional]\nfilters=6\nactivation=linear\n\
                  [region]\nanchors=1.5,2\nnum=1\nclasses=1\nsoftmax=1\n";
    let network = Network::parse(&with_input(3, 8, 16, region)).expect("a good cfg");
    let Kind::Head(Head { kind, anchors, .. }) = &network.layers[2].kind else { unreachable!("a head") };
    assert_eq!((*kind, anchors.as_slice()), (HeadKind::YoloV2, [[3.0, 4.0]].as_slice()));
}

#[test]
fn batch_normalisation_is_folded_into_the_convolution() {
    let cfg = with_input(1, 1, 1, "[convolutional]\nbatch_normalize=1\nactivation=linear\n");
    let mut network = filled(&cfg);
    let weights = network.layers[0].weights.as_mut().expect("filled");
    (weights.biases, weights.weights) = (vec![0.5], vec![3.0]);
    let norm = weights.norm.as_mut().expect("normalised");
    (norm.scales, norm.means, norm.variances) = (vec![2.0], vec![4.0], vec![0.25 - 1e-6]);
    let graph = graph(network.to_onnx(options(None)).expect("complete"));
    let constants = constants(&graph);
    // (3x − 4) / 0.5 · 2 + 0.5
    assert!((constants["conv_0.weight"][0] - 12.0).abs() < 1e-5);
    assert!((constants["conv_0.bias"][0] + 15.5).abs() < 1e-5);
}

#[test]
fn every_activation_computes_what_darknet_does() {
    type Function = fn(f64) -> f64;
    let functions: [(&str, Activation, Function); 12] = [
        ("linear", Activation::Linear, |x| x),
        ("logistic", Activation::Logistic, logistic),
        ("relu", Activation::Relu, |x| if x > 0.0 { x } else { 0.0 }),
        ("relu6", Activation::Relu6, |x| x.clamp(0.0, 6.0)),
        ("leaky", Activation::Leaky, |x| if x > 0.0 { x } else { 0.1 * x }),
        ("elu", Activation::Elu, |x| if x >= 0.0 { x } else { x.exp() - 1.0 }),
        ("tanh", Activation::Tanh, f64::tanh),
        ("swish", Activation::Swish, |x| x * logistic(x)),
        ("mish", Activation::Mish, |x| x * (1.0 + x.exp()).ln().tanh()),
        ("hard_sigmoid", Activation::HardSigmoid, |x| ((x + 3.0) / 6.0).clamp(0.0, 1.0)),
        ("hard_swish", Activation::HardSwish, |x| x * ((x + 3.0) / 6.0).clamp(0.0, 1.0)),
        ("hard_mish", Activation::HardMish, |x| match x {
            x if x > 0.0 => x,
            x if x > -2.0 => x * x / 2.0 + x,
            _ => 0.0,
        }),
    ];
    let xs: Vec<f32> = (-40..=40).map(|step| step as f32 / 4.0).collect();
    for (name, activation, function) in functions {
        assert_eq!(Activation::from_name(name), Some(activation));
        let cfg = with_input(1, 1, 1, &format!("[convolutional]\nactivation={name}\n"));
        let graph = graph(filled(&cfg).to_onnx(options(None)).expect(name));
        for (x, y) in xs.iter().zip(run_elementwise(&graph, &xs)) {
            let wanted = function(f64::from(*x));
            assert!((f64::from(y) - wanted).abs() < 1e-5, "{name}({x}) = {y}, not {wanted}");
        }
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Runs a graph whose one convolution is taken for the identity.
fn run_elementwise(graph: &Graph, input: &[f32]) -> Vec<f32> {
    let mut values = constants(graph);
    values.insert("images".into(), input.to_vec());
    for node in &graph.node {
        let operand = |index: usize| &values[&node.input[index]];
        let map = |function: &dyn Fn(f32) -> f32| operand(0).iter().map(|x| function(*x)).collect::<Vec<f32>>();
        let zip = |function: fn(f32, f32) -> f32| {
            let other = operand(1);
            operand(0).iter().enumerate().map(|(i, x)| function(*x, other[i % other.len()])).collect::<Vec<f32>>()
        };
        let result = match node.op_type.as_str() {
            "Conv" | "Flatten" => map(&|x| x),
            "Sigmoid" => map(&|x| 1.0 / (1.0 + (-x).exp())),
            "Relu" => map(&|x| x.max(0.0)),
            "LeakyRelu" => map(&|x| if x < 0.0 { attribute(node, "alpha").f * x } else { x }),
            "Elu" => map(&|x| if x < 0.0 { x.exp_m1() } else { x }),
            "Tanh" => map(&f32::tanh),
            "Softplus" => map(&|x| x.exp().ln_1p()),
            "HardSigmoid" => map(&|x| (attribute(node, "alpha").f * x + attribute(node, "beta").f).clamp(0.0, 1.0)),
            "Clip" => map(&|x| x.clamp(operand(1)[0], operand(2)[0])),
            "Mul" => zip(|a, b| a * b),
            "Add" => zip(|a, b| a + b),
            other => unreachable!("{other} is no elementwise operation"),
        };
        values.insert(node.output[0].clone(), result);
    }
    values.remove("output").expect("the output")
}

fn constants(graph: &Graph) -> HashMap<String, Vec<f32>> {
    let floats = |tensor: &TensorValue| {
        tensor.raw_data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four"))).collect()
    };
    let tensors = graph.initializer.iter().filter(|tensor| tensor.data_type == FLOAT);
    tensors.map(|tensor| (tensor.name.clone(), floats(tensor))).collect()
}

fn attribute<'a>(node: &'a Node, name: &str) -> &'a Attribute {
    node.attribute.iter().find(|attribute| attribute.name == name).expect(name)
}

#[test]
fn reorg_moves_each_number_to_where_darknet_does() {
    let (channels, height, width, stride) = (12, 4, 6, 2);
    let network = Network::parse(&with_input(channels, height, width, "[reorg]\nstride=2\n")).expect("a good cfg");
    let graph = graph(network.to_onnx(options(None)).expect("no weights needed"));
    let input: Vec<usize> = (0..channels * height * width).collect();

    let shape = |name: &str| -> Vec<usize> {
        let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).expect(name);
        let dims = tensor.raw_data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().expect("eight")));
        dims.map(|dim| if dim == 0 { 1 } else { dim as usize }).collect()
    };
    let perm: Vec<usize> = attribute(&graph.node[1], "perm").ints.iter().map(|axis| *axis as usize).collect();
    let squares = ndarray::ArrayD::from_shape_vec(shape("reorg_0.squares"), input.clone()).expect("as many");
    let found: Vec<usize> = squares.permuted_axes(perm).iter().copied().collect();
    assert_eq!(shape("reorg_0.shape"), [1, channels * 4, height / 2, width / 2]);

    // `reorg_cpu` with `forward = 0`: the input's memory read as channels / 4 maps of twice the sides.
    let mut wanted = vec![0; input.len()];
    let fewer = channels / (stride * stride);
    for k in 0..channels {
        for j in 0..height {
            for i in 0..width {
                let (map, offset) = (k % fewer, k / fewer);
                let (x, y) = (i * stride + offset % stride, j * stride + offset / stride);
                wanted[i + width * (j + height * k)] = input[x + width * stride * (y + height * stride * map)];
            }
        }
    }
    assert_eq!(found, wanted);
}

#[test]
fn a_shortcut_takes_every_nth_pixel_and_fits_the_channels() {
    let ops = |filters: usize| {
        let first = "[convolutional]\nfilters=4\nactivation=linear\n";
        let second = format!("[convolutional]\nfilters={filters}\nsize=3\nstride=2\npad=1\nactivation=linear\n");
        let cfg = with_input(3, 8, 8, &format!("{first}{second}[shortcut]\nfrom=0\n"));
        let graph = graph(filled(&cfg).to_onnx(options(None)).expect("complete"));
        graph.node[2..].iter().map(|node| node.op_type.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ops(4), ["Slice", "Add", "Identity"]);
    assert_eq!(ops(2), ["Slice", "Slice", "Add", "Identity"]);
    assert_eq!(ops(6), ["Slice", "Pad", "Add", "Identity"]);
}

#[test]
fn bad_lines_are_named() {
    assert_eq!(message(""), "cfg line 1: the file holds no section");
    assert_eq!(message("\n[convolutional]\n"), "cfg line 2: the first section is not [net]");
    assert_eq!(message("width=3\n"), "cfg line 1: `width` stands before any section");
    assert_eq!(message("[net\n"), "cfg line 1: `[net` lacks its `]`");
    assert_eq!(message("[net]\nwidth 3\n"), "cfg line 2: `width3` is neither `[section]` nor `key=value`");
    assert_eq!(message("[net]\nwidth=3\n"), "cfg line 1: no layer follows [net]");
    assert_eq!(message("[net]\nwidth=3\n[avgpool]\n"), "cfg line 1, [net]: `channels`: missing");
}

#[test]
fn bad_values_are_named_with_layer_line_and_key() {
    let cases = [
        (
            "[convolutional]\nfilters=many\n",
            "cfg line 6, layer 0 [convolutional]: `filters`: `many` is not a whole number, 0 or more",
        ),
        ("[convolutional]\nstride=0\n", "cfg line 6, layer 0 [convolutional]: `stride`: 0 is no size"),
        (
            "[convolutional]\nfilters=9999999\n",
            "cfg line 6, layer 0 [convolutional]: `filters`: 9999999 is more than 1048576",
        ),
        (
            "[convolutional]\nsize=9\n",
            "cfg line 6, layer 0 [convolutional]: `size`: 9 is more than the map's 8 and 0 padding",
        ),
        (
            "[convolutional]\nfilters=4\ngroups=2\n",
            "cfg line 7, layer 0 [convolutional]: `groups`: 2 does not divide 3 input channels and 4 filters",
        ),
        (
            "[convolutional]\nactivation=gelu\n",
            "cfg line 6, layer 0 [convolutional]: `activation=gelu` is not supported",
        ),
        ("[convolutional]\nantialiasing=1\n", "cfg line 6, layer 0 [convolutional]: `antialiasing=1` is not supported"),
        (
            "[maxpool]\nsize=2\npadding=3\n",
            "cfg line 7, layer 0 [maxpool]: `padding`: 3 leaves windows of size 2 without a pixel to look at",
        ),
        ("[maxpool]\nmaxpool_depth=1\n", "cfg line 6, layer 0 [maxpool]: `maxpool_depth=1` is not supported"),
        (
            "[upsample]\nstride=-2\n",
            "cfg line 6, layer 0 [upsample]: a negative `stride` (downsampling) is not supported",
        ),
        (
            "[dropout]\n[route]\nlayers=1\n",
            "cfg line 7, layer 1 [route]: `layers`: 1 is no layer before this one, which is layer 1",
        ),
        ("[dropout]\n[route]\n", "cfg line 6, layer 1 [route]: `layers`: missing"),
        (
            "[dropout]\n[maxpool]\nsize=2\nstride=2\n[route]\nlayers=0,1\n",
            "cfg line 10, layer 2 [route]: `layers`: layer 1 gives 3 × 4 × 4, which does not fit 3 × 8 × 8 of layer 0",
        ),
        (
            "[maxpool]\nstride=2\n[upsample]\n[shortcut]\nfrom=0\n",
            "cfg line 9, layer 2 [shortcut]: a shortcut from layer 0, whose map 3 × 4 × 4 is smaller than 3 × 8 × 8, is not supported",
        ),
        (
            "[dropout]\n[dropout]\n[shortcut]\nfrom=0,1\n",
            "cfg line 8, layer 2 [shortcut]: `from` with 2 layers is not supported",
        ),
        (
            "[reorg]\nstride=2\n",
            "cfg line 6, layer 0 [reorg]: `stride`: 2 does not divide the sides of 3 × 8 × 8, or its square not the channels",
        ),
        ("[reorg]\nreverse=1\n", "cfg line 6, layer 0 [reorg]: `reverse=1` is not supported"),
        ("[gru]\n", "cfg line 5, layer 0 [gru]: a [gru] layer is not supported"),
        (
            "[yolo]\nanchors=1,2\nnum=1\nclasses=80\n",
            "cfg line 5, layer 0 [yolo]: 1 anchors × (5 + 80 classes) do not fit the 3 channels before it",
        ),
        ("[yolo]\nanchors=1,2\nmask=1\n", "cfg line 7, layer 0 [yolo]: `mask`: there is no anchor 1 among 1"),
        ("[yolo]\nanchors=1,2,3\nnum=1\n", "cfg line 6, layer 0 [yolo]: `anchors`: 3 numbers, not 2 for each of num=1"),
        ("[yolo]\nnew_coords=1\n", "cfg line 6, layer 0 [yolo]: `new_coords=1` is not supported"),
        ("[region]\nsoftmax=0\n", "cfg line 6, layer 0 [region]: a region layer without `softmax=1` is not supported"),
        ("[softmax]\ntree=a.tree\n", "cfg line 6, layer 0 [softmax]: `tree=a.tree` is not supported"),
    ];
    for (sections, wanted) in cases {
        assert_eq!(message(&with_input(3, 8, 8, sections)), wanted);
    }
}

#[test]
fn heads_must_agree_and_end_their_branch() {
    let head = |classes: usize| {
        let filters = 5 + classes;
        format!("[convolutional]\nfilters={filters}\nactivation=linear\n[yolo]\nanchors=1,2\nclasses={classes}\n")
    };
    let again = "[route]\nlayers=0\n";
    let two = with_input(3, 8, 8, &format!("{}{again}{}", head(2), head(3)));
    assert_eq!(message(&two), "cfg line 18, layer 4 [yolo]: `classes`: 3 differs from the 2 of the first head");
    let read_on = with_input(3, 8, 8, &format!("{}[dropout]\n", head(2)));
    assert_eq!(message(&read_on), "cfg line 11, layer 2 [dropout]: follows a [yolo] layer, whose output ends there");
    let routed = with_input(3, 8, 8, &format!("{}[route]\nlayers=-1\n", head(2)));
    assert_eq!(
        message(&routed),
        "cfg line 12, layer 2 [route]: `layers`: layer 1 is a [yolo] layer, whose output ends there"
    );
}

#[test]
fn absurd_sizes_are_errors_and_not_allocations() {
    let large = with_input(1 << 20, 1 << 20, 1 << 20, "[avgpool]\n");
    assert_eq!(message(&large), "cfg line 1, [net]: the input is absurdly large");
    let wide = with_input(512, 1024, 1024, "[convolutional]\nfilters=1048576\nsize=1048576\npad=1\n");
    assert!(message(&wide).contains("layer 0 [convolutional]"), "{}", message(&wide));
    let many = "[convolutional]\nfilters=16384\n".repeat(4);
    assert!(matches!(
        Network::parse(&with_input(16384, 1, 1, &many)),
        Err(DarknetError::Invalid { reason, .. }) if reason == "more than 536870912 weights up to here"
    ));
}

#[test]
fn a_cfg_is_read_with_blanks_comments_and_foreign_line_ends() {
    let plain = Network::parse(SMALL).expect("a good cfg");
    let noisy = SMALL.replace('=', " = ").replace('\n', " ; why\r\n");
    assert_eq!(Network::parse(&format!("\u{feff}{noisy}")).expect("the same cfg"), plain);
}

/// A change to a line: dropped, doubled, cut, or with another value.
fn mutation() -> impl Strategy<Value = (usize, String)> {
    let values = prop_oneof![
        any::<i64>().prop_map(|number| format!("={number}")),
        (-3_i64..20).prop_map(|number| format!("={number}")),
        "=[0-9,.e-]{0,9}",
        "\\[[a-z]{0,9}\\]?",
        Just(String::new()),
        "\\PC{0,12}",
    ];
    (0..SMALL.lines().count(), values)
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(changes in proptest::collection::vec(mutation(), 1..4), text in "\\PC{0,60}") {
        let mut lines: Vec<String> = SMALL.lines().map(str::to_owned).collect();
        for (line, value) in changes {
            let key = lines[line].split('=').next().unwrap_or_default().to_owned();
            lines[line] = if value.starts_with('=') { key + &value } else { value };
        }
        for cfg in [lines.join("\n"), text] {
            if let Ok(mut network) = Network::parse(&cfg)
                && network.stored_floats() < 100_000
            {
                network.randomize(1, 0);
                let bytes = network.write_weights();
                network.read_weights(&bytes).expect("its own weights");
                network.to_onnx(options(None)).expect("a complete network");
            }
        }
    }
}
