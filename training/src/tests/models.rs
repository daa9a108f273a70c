//! The networks: counts as published, outputs as PyTorch's and the converted Darknet files', weights in and out.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use ocelli::darknet::{ExportOptions, Header, Network};
use ocelli::engine::{EngineOptions, Runtime};
use ocelli::metadata::Resize;
use ocelli_training::models::blocks::{Head, HeadConfig, drawn, max_pool};
use ocelli_training::models::darknet_weights::{Loaded, load, stored_floats, write};
use ocelli_training::models::darknet53::{Darknet53, Darknet53Config};
use ocelli_training::models::registry::{REGISTRY, find};
use ocelli_training::models::summary::Summary;
use ocelli_training::models::{Architecture, DetectionNetwork, Detector, DetectorConfig};
use ocelli_training::weights::Weights;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

const ALL: [Architecture; 4] =
    [Architecture::OcelliNano, Architecture::YoloV3, Architecture::YoloV3Spp, Architecture::YoloV3Tiny];

/// An eighth of the published width.
fn slim(architecture: Architecture, classes: usize) -> DetectorConfig {
    DetectorConfig { width: 0.125, ..DetectorConfig::new(architecture, classes) }
}

fn summary(name: &str, input: &[usize]) -> Summary {
    let entry = find(name).unwrap();
    entry.summarize(entry.classes, input).unwrap()
}

fn nano_summary(config: &DetectorConfig) -> Summary {
    let forward = |network: &Detector, device: &Device| {
        network.forward(Tensor::zeros([1, 3, 256, 320], device));
    };
    Summary::of(|device| config.init(device), forward).unwrap()
}

/// The folder of Darknet's cfg files; `None`, said loudly, where it is absent.
fn cfgs() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("OCELLI_TEST_DATA").map_or(root, PathBuf::from).join("darknet/cfg");
    if !folder.is_dir() {
        eprintln!("SKIPPED {:?}: no test data at {}", std::thread::current().name(), folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn stored_floats_parameters_and_operations_are_those_that_were_published() {
    // Stored floats and BFLOPs are what Darknet prints when it loads the cfg; the paper's table gives darknet53 18.7.
    let cases: [(&str, usize, f64, usize); 4] = [
        ("yolov3", 62_001_757, 65.86, 416),
        ("yolov3-tiny", 8_858_734, 5.56, 416),
        ("yolov3-spp", 63_052_381, 141.45, 608),
        ("darknet53", 41_645_640, 18.57, 256),
    ];
    for (name, floats, billions, side) in cases {
        let summary = summary(name, &[3, side, side]);
        assert_eq!(summary.parameters + summary.statistics, floats, "{name}");
        assert!((summary.flops() as f64 / 1e9 - billions).abs() < 0.011, "{name}: {}", summary.flops());
    }
    // Without mean and variance of the filters that are normalised, which are all but the three outputs': the stem, the
    // five strides, 23 residual pairs, and in the pyramid for each scale three 1×1, three 3×3 and the two laterals.
    let pairs: usize = [(1, 32), (2, 64), (8, 128), (8, 256), (4, 512)].iter().map(|(n, c)| n * 3 * c).sum();
    let normalised = 32 + (64 + 128 + 256 + 512 + 1024) + pairs + 9 * (512 + 256 + 128) + 256 + 128;
    assert_eq!(summary("yolov3", &[3, 416, 416]).statistics, 2 * normalised);
}

#[test]
fn the_nano_networks_cost_what_the_prototypes_did() {
    let small = nano_summary(&DetectorConfig::new(Architecture::OcelliNano, 3));
    assert_eq!(
        format!("{:.2} M, {:.3} GFLOP", small.parameters as f64 / 1e6, small.flops() as f64 / 1e9),
        "0.73 M, 0.349 GFLOP"
    );
    let large = nano_summary(&DetectorConfig {
        widths: Some([16, 32, 64, 128, 256]),
        repeats: Some([1, 2, 2, 1]),
        ..DetectorConfig::new(Architecture::OcelliNano, 3)
    });
    assert_eq!(
        format!("{:.2} M, {:.3} GFLOP", large.parameters as f64 / 1e6, large.flops() as f64 / 1e9),
        "1.39 M, 0.693 GFLOP"
    );
}

#[test]
fn counts_agree_with_the_cfgs_at_every_size() {
    let Some(cfgs) = cfgs() else { return };
    for entry in REGISTRY.iter().filter(|entry| entry.name != "ocelli-nano") {
        let network = Network::parse(&sized(&cfgs, entry.name, 160, 96)).unwrap();
        let summary = entry.summarize(entry.classes, &[3, 160, 96]).unwrap();
        assert_eq!(summary.flops() as f64, network.flops(), "{}", entry.name);
        assert_eq!(summary.parameters + summary.statistics, network.stored_floats(), "{}", entry.name);
    }
}

#[test]
fn outputs_have_the_grids_of_the_strides_and_the_channels_of_the_anchors() {
    let device = Device::flex();
    for architecture in ALL {
        let config = DetectorConfig { anchors_per_scale: 2, ..slim(architecture, 4) };
        let outputs = config.init(&device).forward(Tensor::random([2, 3, 64, 96], Distribution::Default, &device));
        let shapes: Vec<_> = outputs.iter().map(Tensor::dims).collect();
        let grid = |stride: u32| [2, 2 * (5 + 4), 64 / stride as usize, 96 / stride as usize];
        assert_eq!(shapes, config.strides().into_iter().map(grid).collect::<Vec<_>>(), "{architecture:?}");
    }
}

#[test]
fn a_seed_decides_every_number() {
    let device = Device::flex();
    let with_seed = |config: &DetectorConfig, seed| {
        device.seed(seed);
        Weights::of(&config.init(&device))
    };
    for architecture in ALL {
        let config = slim(architecture, 2);
        // The generator belongs to the process and other tests draw from it at the same time: one undisturbed pair is
        // enough, and were the seed not to decide, there would be none.
        let equal = (0..200).any(|_| with_seed(&config, 5) == with_seed(&config, 5));
        assert!(equal, "{architecture:?}");
        assert_ne!(with_seed(&config, 5), with_seed(&config, 6), "{architecture:?}");
    }
}

#[test]
fn an_untrained_network_sees_nothing_anywhere() {
    let device = Device::flex();
    for architecture in ALL {
        let config = slim(architecture, 2);
        let images = Tensor::random([1, 3, 64, 64], Distribution::Default, &device);
        for output in config.init(&device).forward(images) {
            let [_, _, rows, columns] = output.dims();
            let raw: Vec<f32> = output.into_data().try_to_vec().unwrap();
            for (at, value) in raw.iter().enumerate() {
                let expected = if at / (rows * columns) % 7 == 4 { -4.6 } else { 0.0 };
                assert!((value - expected).abs() < 1.0, "{architecture:?} {at}: {value}");
            }
        }
    }
}

#[test]
fn configurations_are_read_strictly_and_checked() {
    let config: DetectorConfig = serde_json::from_str(r#"{"architecture": "yolov3-spp", "classes": 3}"#).unwrap();
    assert_eq!(config, DetectorConfig::new(Architecture::YoloV3Spp, 3));
    let names: Vec<String> = ALL.iter().map(|a| serde_json::to_string(a).unwrap()).collect();
    assert_eq!(names, [r#""ocelli-nano""#, r#""yolov3""#, r#""yolov3-spp""#, r#""yolov3-tiny""#]);
    assert!(serde_json::from_str::<DetectorConfig>(r#"{"architecture": "yolov3", "classes": 3, "depth": 1}"#).is_err());
    let fault = |change: fn(&mut DetectorConfig)| {
        let mut config = DetectorConfig::new(Architecture::YoloV3, 3);
        change(&mut config);
        config.check().unwrap_err()
    };
    assert_eq!(fault(|c| c.classes = 0), "classes is 0, not in 1..=16384");
    assert_eq!(fault(|c| c.anchors_per_scale = 0), "anchors_per_scale is 0, not in 1..=16384");
    assert_eq!(fault(|c| c.width = f64::NAN), "width is NaN, not above 0 and at most 16");
    assert_eq!(fault(|c| c.repeats = Some([1; 4])), "widths and repeats are settings of ocelli-nano alone; use width");
    let thin = DetectorConfig { widths: Some([1; 5]), ..DetectorConfig::new(Architecture::OcelliNano, 3) };
    assert_eq!(thin.check().unwrap_err(), "widths is 1, not in 2..=16384");
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn pools_keep_the_size_where_darknet_does() {
    let x = Tensor::<4>::from_data([[[[-1.0, -2.0, -3.0], [-4.0, -9.0, -6.0]]]], &Device::flex());
    let pooled = |size, stride| {
        let y = max_pool(x.clone(), size, stride);
        (y.dims(), y.into_data().try_to_vec::<f32>().unwrap())
    };
    // Each number against its right and lower neighbours; nothing beyond the edge counts, though all are negative.
    assert_eq!(pooled(2, 1), ([1, 1, 2, 3], vec![-1.0, -2.0, -3.0, -4.0, -6.0, -6.0]));
    assert_eq!(pooled(2, 2), ([1, 1, 1, 2], vec![-1.0, -3.0]));
    assert_eq!(pooled(5, 1), ([1, 1, 2, 3], vec![-1.0; 6]));
}

/// The example of the course notes.
#[derive(Module, Debug)]
struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
}

#[test]
fn a_summary_lists_layers_with_shapes_activations_parameters_and_operations() {
    let build = |device: &Device| LeNet {
        conv1: Conv2dConfig::new([3, 8], [5, 5]).init(device),
        conv2: Conv2dConfig::new([8, 16], [5, 5]).init(device),
        pool: MaxPool2dConfig::new([2, 2]).init(),
        fc1: LinearConfig::new(1600, 120).init(device),
    };
    let forward = |network: &LeNet, device: &Device| {
        let x = network.pool.forward(network.conv1.forward(Tensor::zeros([1, 3, 32, 32], device)));
        let x: Tensor<2> = network.conv2.forward(x).flatten(1, 3);
        network.fc1.forward(x);
    };
    let summary = Summary::of(build, forward).unwrap();
    let rows: Vec<_> = summary
        .rows
        .iter()
        .map(|r| (r.layer.as_str(), r.operation.as_str(), r.activations(), r.parameters, r.flops))
        .collect();
    assert_eq!(
        rows,
        [
            ("conv1", "conv 5×5", 6272, 608, 2 * 6272 * 75),
            ("", "max pool 2×2 /2", 1568, 0, 0),
            ("conv2", "conv 5×5", 1600, 3216, 2 * 1600 * 200),
            ("fc1", "linear", 120, 192_120, 2 * 120 * 1600),
        ]
    );
    assert_eq!(summary.rows[0].output, [8, 28, 28]);
    assert_eq!((summary.parameters, summary.statistics), (608 + 3216 + 192_120, 0));
    let table = summary.to_string();
    assert!(
        table.lines().any(|line| line.split_whitespace().eq(["fc1", "linear", "120", "120", "192,120", "0.38"])),
        "{table}"
    );
}

#[test]
fn every_network_of_the_registry_has_a_summary_whose_rows_add_up() {
    for entry in REGISTRY {
        let summary = summary(entry.name, entry.input);
        assert_eq!(summary.rows.iter().map(|row| row.parameters).sum::<usize>(), summary.parameters, "{}", entry.name);
        assert!(summary.rows.iter().all(|row| row.activations() > 0), "{}", entry.name);
    }
}

// Outputs

/// Numbers in -0.5..0.5 by their index, as in golden/models.py.
fn noise(start: u64, count: usize) -> Vec<f32> {
    let number = |i: u64| {
        let hash = i.wrapping_mul(2_654_435_761).wrapping_add(12_345) & 0xffff_ffff;
        let hash = (hash ^ (hash >> 15)).wrapping_mul(2_246_822_519) & 0xffff_ffff;
        ((hash ^ (hash >> 13)) & 0xffff) as f32 / 65536.0 - 0.5
    };
    (start..start + count as u64).map(number).collect()
}

/// What a [`Golden`] network's weights file would be, with the scales of golden/models.py.
fn weights_file(layout: &[(usize, usize, u8)]) -> Vec<u8> {
    let mut floats: Vec<f32> = Vec::new();
    for &(filters, fan_in, normalised) in layout {
        let push = |floats: &mut Vec<f32>, count, change: &dyn Fn(f32) -> f32| {
            let taken = noise(floats.len() as u64, count);
            floats.extend(taken.into_iter().map(change));
        };
        push(&mut floats, filters, &|x| x * 0.5);
        if normalised == 1 {
            push(&mut floats, filters, &|x| 1.0 + x);
            push(&mut floats, filters, &|x| x * 0.25);
            push(&mut floats, filters, &|x| 1.0 + x);
        }
        let scale = (14.0 / fan_in as f64).sqrt();
        push(&mut floats, filters * fan_in, &|x| (f64::from(x) * scale) as f32);
    }
    header_and(&floats)
}

fn header_and(floats: &[f32]) -> Vec<u8> {
    let header: Vec<u8> = [0i32, 2, 5, 64, 0].iter().flat_map(|number| number.to_le_bytes()).collect();
    header.into_iter().chain(floats.iter().flat_map(|float| float.to_le_bytes())).collect()
}

#[derive(Deserialize)]
struct Golden {
    /// Filters, inputs of each, whether normalised.
    layout: Vec<(usize, usize, u8)>,
    outputs: Vec<GoldenTensor>,
}

#[derive(Deserialize)]
struct GoldenTensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// Both tensors have the same shape and differ by at most 1e-4 of the largest number.
fn assert_close(name: &str, found: &TensorData, shape: &[usize], expected: &[f32]) {
    assert_eq!(found.shape().to_vec(), shape, "{name}");
    let found: Vec<f32> = found.try_to_vec().unwrap();
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let worst = found.iter().zip(expected).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
    println!("{name}: {:.1e} of {largest:.3}", worst / largest);
    assert!(worst <= 1e-4 * largest, "{name}: {worst} of {largest}");
}

#[test]
fn outputs_are_those_of_pytorch() {
    let golden: BTreeMap<String, Golden> = serde_json::from_str(include_str!("golden/models.json")).unwrap();
    let device = Device::flex();
    let pixels: Vec<f32> = noise(1_000_000_000, 3 * 64 * 96).into_iter().map(|x| x + 0.5).collect();
    let images = Tensor::<4>::from_data(TensorData::new(pixels, [1, 3, 64, 96]), &device);
    for (name, golden) in &golden {
        let bytes = weights_file(&golden.layout);
        let outputs: Vec<TensorData> = if name == "darknet53" {
            let (network, _) = load(Darknet53Config { base: 4, classes: 5 }.init(&device), &bytes).unwrap();
            vec![network.forward(images.clone()).into_data()]
        } else {
            let architecture = serde_json::from_value(name.as_str().into()).unwrap();
            let widths = (name == "ocelli-nano").then_some([4, 6, 12, 24, 48]);
            let width = if widths.is_some() { 1.0 } else { 0.125 };
            let config = DetectorConfig { width, widths, ..DetectorConfig::new(architecture, 1) };
            let (network, _) = load(config.init(&device), &bytes).unwrap();
            network.forward(images.clone()).into_iter().map(Tensor::into_data).collect()
        };
        assert_eq!(outputs.len(), golden.outputs.len());
        for (found, expected) in outputs.into_iter().zip(&golden.outputs) {
            assert_close(name, &found, &expected.shape, &expected.data);
        }
    }
}

/// A cfg for pictures of another size.
fn sized(cfgs: &std::path::Path, name: &str, height: usize, width: usize) -> String {
    let text = std::fs::read_to_string(cfgs.join(format!("{name}.cfg"))).unwrap();
    let resized = |line: &str| match line.split('=').next().unwrap().trim() {
        "height" => format!("height={height}\n"),
        "width" => format!("width={width}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(resized).collect()
}

/// The cfg with random weights, batch normalisation's among them.
fn randomized(cfg: &str) -> Network {
    let mut network = Network::parse(cfg).unwrap();
    network.randomize(7, 0);
    for (index, weights) in network.layers.iter_mut().enumerate().filter_map(|(i, l)| Some((i, l.weights.as_mut()?))) {
        let vary = |numbers: &mut Vec<f32>, run: u64, by: f32| {
            let noise = noise((index as u64) << 20 | run << 16, numbers.len());
            numbers.iter_mut().zip(noise).for_each(|(number, noise)| *number += by * noise);
        };
        vary(&mut weights.biases, 0, 0.2);
        if let Some(norm) = &mut weights.norm {
            vary(&mut norm.scales, 1, 0.2);
            vary(&mut norm.means, 2, 0.2);
            vary(&mut norm.variances, 3, 0.2);
        }
    }
    network
}

/// Outputs of the converted network, by the server's engine.
fn converted(network: &Network, pixels: &[f32], [height, width]: [usize; 2]) -> Vec<(Vec<usize>, Vec<f32>)> {
    let options = ExportOptions { labels: None, resize: Resize::Stretch, license: None, source: None };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.onnx");
    network.to_onnx(options).unwrap().write(&file).unwrap();
    let onnx = std::fs::read(&file).unwrap().into();
    let engine = Runtime::new(EngineOptions::default()).load(&onnx, &[]).unwrap();
    let input = ndarray::Array4::from_shape_vec([1, 3, height, width], pixels.to_vec()).unwrap();
    let outputs = engine.run(vec![input.into_dyn().into()]).unwrap();
    let floats = |tensor: &ocelli::tensor::Tensor| match tensor {
        ocelli::tensor::Tensor::F32(array) => (array.shape().to_vec(), array.iter().copied().collect()),
        _ => panic!("no floats"),
    };
    outputs.iter().map(|(_, tensor)| floats(tensor)).collect()
}

#[test]
fn outputs_are_those_of_the_converted_darknet_network_and_weights_come_back_byte_for_byte() {
    let Some(cfgs) = cfgs() else { return };
    let device = Device::flex();
    // One at a time: each holds its weights several times over.
    for (name, size) in
        [("yolov3-tiny", [96, 160]), ("yolov3", [128, 96]), ("yolov3-spp", [96, 128]), ("darknet53", [96, 128])]
    {
        let network = randomized(&sized(&cfgs, name, size[0], size[1]));
        let bytes = network.write_weights();
        let pixels: Vec<f32> = noise(77, 3 * size[0] * size[1]).into_iter().map(|x| x + 0.5).collect();
        let images = Tensor::<4>::from_data(TensorData::new(pixels.clone(), [1, 3, size[0], size[1]]), &device);
        let (found, written) = if name == "darknet53" {
            let (module, loaded) = load(Darknet53Config { base: 32, classes: 1000 }.init(&device), &bytes).unwrap();
            assert_complete(&loaded, 41_645_640);
            // The cfg ends with a softmax that the module leaves to the loss.
            let probabilities = burn::tensor::activation::softmax(module.forward(images), 1);
            (vec![probabilities.into_data()], write(&module, loaded.header, None).unwrap())
        } else {
            let architecture = serde_json::from_value(name.into()).unwrap();
            let (module, loaded) = load(DetectorConfig::new(architecture, 80).init(&device), &bytes).unwrap();
            assert_complete(&loaded, network.stored_floats());
            let outputs = module.forward(images).into_iter().map(Tensor::into_data).collect();
            (outputs, write(&module, loaded.header, None).unwrap())
        };
        assert!(written == bytes, "{name}: the weights changed");
        let expected = converted(&network, &pixels, size);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, (shape, expected)) in found.into_iter().zip(&expected) {
            assert_close(name, &found, shape, expected);
        }
    }
}

fn assert_complete(loaded: &Loaded, floats: usize) {
    assert_eq!((loaded.floats, loaded.skipped.len()), (floats, 0));
}

#[test]
fn every_parameter_learns_before_and_after_weights_are_loaded() {
    let device = Device::flex().autodiff();
    for architecture in ALL {
        let config = slim(architecture, 2);
        let fresh = config.init(&device);
        let file = write(&fresh, Header::default(), None).unwrap();
        let (loaded, _) = load(config.init(&device), &file).unwrap();
        for network in [fresh, loaded] {
            let images = Tensor::random([2, 3, 64, 64], Distribution::Default, &device);
            let loss =
                network.forward(images).into_iter().map(|output| output.powi_scalar(2).sum()).reduce(|a, b| a + b);
            let gradients = GradientsParams::from_grads(loss.unwrap().backward(), &network);
            let names = Weights::of(&network).0.into_keys().filter(|name| !name.contains("running_")).count();
            assert_eq!(gradients.len(), names, "{architecture:?}");
        }
    }
}

// Weights files

fn slim_tiny(classes: usize) -> Detector {
    slim(Architecture::YoloV3Tiny, classes).init(&Device::flex())
}

#[test]
fn a_backbone_is_taken_as_far_as_it_goes_and_can_be_written_alone() {
    let file = write(&slim_tiny(3), Header { seen: 640, ..Header::default() }, Some(8)).unwrap();
    let before = slim_tiny(3);
    let (after, loaded) = load(before.clone(), &file).unwrap();
    assert_eq!((loaded.convolutions, loaded.skipped.len(), loaded.header.seen), (8, 5, 640));
    assert_eq!(20 + 4 * loaded.floats, file.len());
    assert_eq!(loaded.skipped[0], "YoloV3Tiny.coarse.expand.conv");
    assert!(write(&after, loaded.header, Some(8)).unwrap() == file);
    // What was not in the file is as it was.
    let (before, after) = (Weights::of(&before), Weights::of(&after));
    for (name, data) in &before.0 {
        let kept = loaded.skipped.iter().any(|skipped| name.starts_with(skipped.trim_end_matches(".conv")));
        let constant = ["gamma", "beta", "running_mean", "running_var"].iter().any(|field| name.ends_with(field));
        assert_eq!(data == &after.0[name], kept || constant, "{name}");
    }
}

#[test]
fn darknet53s_backbone_fits_the_detector() {
    let device = Device::flex();
    let classifier: Darknet53 = Darknet53Config { base: 4, classes: 10 }.init(&device);
    let file = write(&classifier, Header::default(), Some(52)).unwrap();
    let (_, loaded) = load(slim(Architecture::YoloV3Spp, 2).init(&device), &file).unwrap();
    assert_eq!((loaded.convolutions, loaded.skipped.len()), (52, 24));
}

#[test]
fn a_file_for_other_classes_gives_all_but_the_output_convolutions() {
    let file = write(&slim_tiny(80), Header::default(), None).unwrap();
    let (network, loaded) = load(slim_tiny(3), &file).unwrap();
    assert_eq!(loaded.skipped, ["YoloV3Tiny.coarse.output", "YoloV3Tiny.fine.output"]);
    assert_eq!(loaded.convolutions, 11);
    let (theirs, _) = load(slim_tiny(80), &file).unwrap();
    let (theirs, ours) = (Weights::of(&theirs), Weights::of(&network));
    for (name, data) in &ours.0 {
        assert_eq!(Some(data) == theirs.0.get(name), !name.contains("output"), "{name}");
    }
}

#[test]
fn files_that_do_not_fit_are_refused_with_both_counts() {
    let file = write(&slim_tiny(3), Header::default(), None).unwrap();
    let floats = stored_floats(&slim_tiny(3)).unwrap();
    assert_eq!(file.len(), 20 + 4 * floats);
    let refusal = |bytes: &[u8]| load(slim_tiny(3), bytes).unwrap_err().to_string();
    let short = refusal(&file[..file.len() - 4]);
    assert!(short.contains(&format!("13 convolutions, {floats} floats; the file has {}", floats - 1)), "{short}");
    assert!(short.contains("ends in the middle of layer 12"), "{short}");
    let long = refusal(&[file.as_slice(), &[0; 4]].concat());
    assert!(long.contains(&format!("{floats} floats; the file has {}", floats + 1)), "{long}");
    assert!(refusal(&file[..7]).contains("too short for its header"));
    assert!(refusal(&file[..file.len() - 1]).contains("no whole number of 4-byte floats"));
    let other = write(&slim(Architecture::YoloV3, 3).init(&Device::flex()), Header::default(), None).unwrap();
    assert!(refusal(&other).contains("belongs to another cfg"), "{}", refusal(&other));
}

#[test]
fn a_network_that_darknet_has_no_place_for_is_refused() {
    let linear = drawn(LinearConfig::new(2, 2).init(&Device::flex()));
    let refusal = stored_floats(&linear).unwrap_err().to_string();
    assert!(refusal.starts_with("weight is not a convolution"), "{refusal}");
}

#[test]
fn the_objectness_bias_is_set_for_every_anchor() {
    let head: Head = HeadConfig { input: 2, hidden: 4, anchors: 2, classes: 1 }.init(&Device::flex());
    let biases: Vec<f32> = head.output.bias.unwrap().val().into_data().try_to_vec().unwrap();
    assert_eq!(biases, [0.0, 0.0, 0.0, 0.0, -4.6, 0.0, 0.0, 0.0, 0.0, 0.0, -4.6, 0.0]);
}
