//! The loss against a restatement in PyTorch (`golden/losses.py`), and its targets against the server's decode.

use burn::tensor::{DType, Device, Tensor, TensorData};
use ndarray::{ArrayD, IxDyn};
use ocelli::geometry::BBox;
use ocelli::head::{self, Grid};
use ocelli::letterbox::Size;
use ocelli::metadata::{DetectionMetadata, HeadKind, Resize};
use ocelli_training::data::LabelledBox;
use ocelli_training::losses::yolo::{Focal, Form, LossError, YoloLossOptions, decode};
use ocelli_training::losses::{Loss, yolo};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// x, y, width, height, class.
type Row = (f64, f64, f64, f64, usize);

#[derive(Deserialize)]
struct Golden {
    network: [u32; 2],
    anchors: Vec<Vec<[f32; 2]>>,
    classes: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    options: YoloLossOptions,
    truths: Vec<Vec<Row>>,
    scale_xy: Vec<f32>,
    head: HeadKind,
    parts: BTreeMap<String, f64>,
}

fn truth(x: f64, y: f64, width: f64, height: f64, class_id: usize) -> LabelledBox {
    LabelledBox { bbox: BBox::new(x, y, width, height), class_id }
}

fn metadata(anchors: Vec<Vec<[f32; 2]>>, classes: usize) -> DetectionMetadata {
    DetectionMetadata {
        head: HeadKind::YoloV3,
        labels: (0..classes).map(|class| format!("class {class}")).collect(),
        scale_xy: vec![1.0; anchors.len()],
        anchors,
        resize: Resize::Letterbox,
    }
}

/// Numbers and shape of a tensor of the golden file.
fn golden_tensor(file: &SafeTensors, name: &str) -> (Vec<f64>, Vec<usize>) {
    let view = file.tensor(name).unwrap();
    let numbers = view.data().as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
    (numbers.collect(), view.shape().to_vec())
}

fn leaf(values: Vec<f64>, shape: &[usize], dtype: DType) -> Tensor<4> {
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(values, shape.to_vec()), (&device, dtype)).require_grad()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().try_cast(DType::F64).unwrap().try_to_vec().unwrap()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

fn matches_pytorch(dtype: DType) {
    let golden: Golden = serde_json::from_str(include_str!("golden/losses.json")).unwrap();
    let file = SafeTensors::deserialize(include_bytes!("golden/losses.safetensors")).unwrap();
    let network = Size { width: golden.network[0], height: golden.network[1] };
    let mut worst = [0.0f64; 2];
    for (index, case) in golden.cases.iter().enumerate() {
        let name = &case.name;
        let metadata = DetectionMetadata {
            head: case.head,
            scale_xy: case.scale_xy.clone(),
            ..metadata(golden.anchors.clone(), golden.classes)
        };
        let of_picture =
            |truths: &Vec<Row>| truths.iter().map(|&(x, y, w, h, class)| truth(x, y, w, h, class)).collect();
        let truths: Vec<Vec<LabelledBox>> = case.truths.iter().map(of_picture).collect();
        let head = |output: usize| {
            let (values, shape) = golden_tensor(&file, &format!("head.{output}"));
            leaf(values, &shape, dtype)
        };
        let heads = [head(0), head(1)];
        let loss = yolo(&heads, &truths, &metadata, network, &case.options).unwrap();
        assert_eq!(loss.parts.len(), case.parts.len(), "{name}");
        for (part, value) in &loss.parts {
            let (found, wanted) = (numbers(value.clone())[0], case.parts[*part]);
            let error = (found - wanted).abs() / wanted.abs().max(1.0);
            assert!(error < 1e-5, "{name}: {part} is {found}, PyTorch's {wanted}");
            worst[0] = worst[0].max(error);
        }
        let gradients = loss.total().unwrap().backward();
        for (output, head) in heads.iter().enumerate() {
            let found = numbers(head.grad(&gradients).unwrap());
            let (wanted, _) = golden_tensor(&file, &format!("gradient.{index}.{output}"));
            let error = norm(found.iter().zip(&wanted).map(|(a, b)| a - b)) / norm(wanted.iter().copied());
            assert!(error < 1e-5, "{name}: the gradient of output {output} is off by {error:e}");
            let most = wanted.iter().fold(0.0f64, |most, value| most.max(value.abs()));
            for (number, (a, b)) in found.iter().zip(&wanted).enumerate() {
                assert!((a - b).abs() < 1e-5 * most, "{name}: output {output}, number {number}: {a}, PyTorch's {b}");
            }
            worst[1] = worst[1].max(error);
        }
    }
    println!("{dtype:?}: parts within {:.1e}, gradients within {:.1e} of PyTorch's", worst[0], worst[1]);
}

#[test]
fn parts_and_gradients_are_those_of_pytorch_in_double_precision() {
    matches_pytorch(DType::F64);
}

#[test]
fn parts_and_gradients_are_those_of_pytorch_in_single_precision() {
    matches_pytorch(DType::F32);
}

#[test]
fn a_box_encoded_and_decoded_comes_back() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..2000 {
        let (rows, columns) = (random.random_range(1..20), random.random_range(1..20));
        let grid = Grid {
            anchor: [random.random_range(5.0..200.0), random.random_range(5.0..200.0)],
            scale_xy: random.random_range(1.0..1.3),
            network: Size { width: 416, height: 320 },
            rows,
            columns,
        };
        let (width, height) = (random.random_range(1.0..300.0), random.random_range(1.0..300.0));
        let wanted = BBox::from_center(random.random_range(0.0..416.0), random.random_range(0.0..320.0), width, height);
        let encoded = grid.encode_box(&wanted);
        assert!(encoded.offset.iter().all(|offset| (0.0..=1.0).contains(offset)), "{encoded:?}");
        assert!(encoded.row < rows && encoded.column < columns);
        let logit = |p: f64| (p / (1.0 - p)).ln() as f32;
        let [x, y] = encoded.offset.map(logit);
        let [w, h] = encoded.log_size.map(|t| t as f32);
        let found = grid.decode_box([x, y, w, h], encoded.column, encoded.row);
        for (a, b) in [
            (found.x, wanted.x),
            (found.y, wanted.y),
            (found.right(), wanted.right()),
            (found.bottom(), wanted.bottom()),
        ] {
            assert!((a - b).abs() < 2e-3, "{found:?} for {wanted:?} by {encoded:?}");
        }
    }
}

#[test]
fn centres_on_the_border_and_beyond_belong_to_the_nearest_cell() {
    let network = Size { width: 64, height: 32 };
    let grid = Grid { anchor: [10.0, 10.0], scale_xy: 1.0, network, rows: 2, columns: 4 };
    for (x, y, column, row, offset) in [
        (64.0, 32.0, 3, 1, [1.0, 1.0]),
        (0.0, 0.0, 0, 0, [0.0, 0.0]),
        (16.0, 8.0, 1, 0, [0.0, 0.5]),
        (-5.0, 40.0, 0, 1, [0.0, 1.0]),
    ] {
        let encoded = grid.encode_box(&BBox::from_center(x, y, 10.0, 20.0));
        assert_eq!((encoded.column, encoded.row, encoded.offset), (column, row, offset), "{x} {y}");
        assert_eq!(encoded.log_size, [0.0, 2.0f64.ln()]);
    }
}

#[test]
fn the_decode_with_gradients_is_the_servers() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let metadata = DetectionMetadata { scale_xy: vec![1.1], ..metadata(vec![vec![[10.0, 13.0], [33.0, 23.0]]], 1) };
    let (network, rows, columns) = (Size { width: 80, height: 48 }, 3, 5);
    let shape = [1, 2 * 6, rows, columns];
    let mut values: Vec<f32> = (0..shape.iter().product()).map(|_| random.random_range(-2.0..2.0)).collect();
    let cells = rows * columns;
    let (mut raw, mut places, mut order) = (Vec::new(), Vec::new(), Vec::new());
    for anchor in 0..2 {
        for cell in 0..cells {
            let channel = |k: usize| (anchor * 6 + k) * cells + cell;
            raw.extend((0..4).map(|k| values[channel(k)]));
            // A confidence of its own tells each candidate from others.
            let confidence = 0.2 + 0.02 * (anchor * cells + cell) as f32;
            values[channel(4)] = 30.0;
            values[channel(5)] = (confidence / (1.0 - confidence)).ln();
            order.push(confidence);
            let grid = Grid { anchor: metadata.anchors[0][anchor], scale_xy: 1.1, network, rows, columns };
            places.push((grid, cell % columns, cell / columns));
        }
    }
    let device = Device::flex();
    let count = places.len();
    let [center, size] = decode(Tensor::from_data(TensorData::new(raw, [count, 4]), &device), &places);
    let (center, size) = (numbers(center), numbers(size));
    let map = ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap();
    let candidates = head::decode(&[map.view()], &metadata, network, 0.1).unwrap();
    assert_eq!(candidates.len(), count);
    for candidate in candidates {
        let index = order.iter().position(|c| (c - candidate.confidence).abs() < 1e-3).unwrap();
        let at = 2 * index;
        let found = BBox::from_center(center[at], center[at + 1], size[at], size[at + 1]);
        for (a, b) in [
            (found.x, candidate.bbox.x),
            (found.y, candidate.bbox.y),
            (found.width, candidate.bbox.width),
            (found.height, candidate.bbox.height),
        ] {
            assert!((a - b).abs() < 1e-4, "{found:?}, the server's {:?}", candidate.bbox);
        }
    }
}

/// Two outputs as yolov3-tiny has them, at 96 × 64.
fn small() -> (DetectionMetadata, Size, Vec<[usize; 4]>) {
    let anchors = vec![vec![[10.0, 14.0], [23.0, 27.0], [37.0, 58.0]], vec![[81.0, 82.0], [135.0, 169.0]]];
    let metadata = metadata(anchors, 2);
    (metadata, Size { width: 96, height: 64 }, vec![[2, 21, 4, 6], [2, 14, 2, 3]])
}

fn zeros(shapes: &[[usize; 4]]) -> Vec<Tensor<4>> {
    shapes.iter().map(|shape| leaf(vec![0.0; shape.iter().product()], shape, DType::F32)).collect()
}

#[test]
fn outputs_that_minimise_the_loss_are_what_the_server_decodes_to_the_truths() {
    let (metadata, network, shapes) = small();
    let truths = vec![
        vec![truth(5.0, 8.0, 12.0, 13.0, 0), truth(40.3, 20.1, 30.0, 33.0, 1)],
        vec![truth(10.0, 2.0, 75.0, 60.0, 1)],
    ];
    for form in [Form::Paper, Form::Notes, Form::Giou, Form::Ciou] {
        let options = YoloLossOptions { form, ..YoloLossOptions::default() };
        let mut heads = zeros(&shapes);
        let rate = if form == Form::Notes { 0.8 } else { 0.4 };
        for iteration in 0..600 {
            // Ever smaller steps: an IoU's gradient does not vanish at its best.
            let rate = rate * (1.0 - f64::from(iteration) / 600.0);
            let loss = yolo(&heads, &truths, &metadata, network, &options).unwrap();
            let gradients = loss.total().unwrap().backward();
            let step = |head: &Tensor<4>| {
                let gradient = Tensor::from_inner(head.grad(&gradients).unwrap());
                (head.clone().detach() - gradient * rate).detach().require_grad()
            };
            heads = heads.iter().map(step).collect();
        }
        for (picture, truths) in truths.iter().enumerate() {
            let map = |head: &Tensor<4>| {
                let data = head.clone().narrow(0, picture, 1).into_data();
                ArrayD::from_shape_vec(IxDyn(&data.shape().to_vec()), data.try_to_vec::<f32>().unwrap()).unwrap()
            };
            let maps: Vec<_> = heads.iter().map(map).collect();
            let views: Vec<_> = maps.iter().map(|map| map.view()).collect();
            let found = head::decode(&views, &metadata, network, 0.5).unwrap();
            for truth in truths {
                let near = |c: &&head::Candidate| c.class_id == truth.class_id && c.bbox.iou(&truth.bbox) > 0.9;
                assert!(found.iter().any(|c| near(&c)), "{form:?}: no {truth:?} among {found:?}");
            }
            let stray = found.iter().find(|c| !truths.iter().any(|t| t.bbox.iou(&c.bbox) > 0.5));
            assert_eq!(stray, None, "{form:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let (metadata, network, shapes) = small();
    let heads = zeros(&shapes);
    let options = YoloLossOptions::default();
    let run = |heads: &[Tensor<4>], truths: &[Vec<LabelledBox>], options: &YoloLossOptions| {
        yolo(heads, truths, &metadata, network, options).map(|Loss { parts }| parts.len()).unwrap_err()
    };
    let none = vec![vec![], vec![]];
    assert_eq!(run(&heads[..1], &none, &options), LossError::OutputCount { found: 1, wanted: 2 });
    let wrong = LossError::Shape { output: 0, found: shapes[0], pictures: 3, channels: 21 };
    assert_eq!(run(&heads, &[vec![], vec![], vec![]], &options), wrong);
    let swapped = [heads[1].clone(), heads[0].clone()];
    let wrong = LossError::Shape { output: 0, found: shapes[1], pictures: 2, channels: 21 };
    assert_eq!(run(&swapped, &none, &options), wrong);
    for faulty in [
        truth(1.0, 1.0, 0.0, 5.0, 0),
        truth(1.0, 1.0, 5.0, -1.0, 0),
        truth(f64::INFINITY, 1.0, 5.0, 5.0, 0),
        truth(1.0, 1.0, 5.0, 5.0, 2),
    ] {
        let refused = LossError::Truth { picture: 1, truth: faulty, classes: 2 };
        assert_eq!(run(&heads, &[vec![], vec![faulty]], &options), refused);
    }
    let faulty = [
        ("ignore", YoloLossOptions { ignore: -0.1, ..options.clone() }),
        ("box_weight", YoloLossOptions { box_weight: Some(-1.0), ..options.clone() }),
        ("shape_iou", YoloLossOptions { shape_iou: Some(1.5), ..options.clone() }),
        ("label_smoothing", YoloLossOptions { label_smoothing: 2.0, ..options.clone() }),
        ("focal.gamma", YoloLossOptions { focal: Some(Focal { gamma: -1.0, alpha: 0.5 }), ..options.clone() }),
        ("focal.alpha", YoloLossOptions { focal: Some(Focal { gamma: 1.0, alpha: 1.5 }), ..options }),
    ];
    for (wanted, options) in faulty {
        let refused = run(&heads, &none, &options);
        assert!(matches!(refused, LossError::Option { name, .. } if name == wanted), "{refused}");
    }
}

#[test]
fn options_are_read_by_name_and_unknown_ones_refused() {
    let options: YoloLossOptions = toml::from_str("form = 'ciou'\nshape_iou = 0.6\nignore = 0.6").unwrap();
    let wanted = YoloLossOptions { form: Form::Ciou, shape_iou: Some(0.6), ignore: 0.6, ..YoloLossOptions::default() };
    assert_eq!(options, wanted);
    assert_eq!(toml::from_str::<YoloLossOptions>("").unwrap(), YoloLossOptions::default());
    assert!(toml::from_str::<YoloLossOptions>("ignored = 0.6").is_err());
}

#[test]
fn raw_outputs_of_any_size_have_a_finite_loss_and_gradient() {
    let (metadata, network, shapes) = small();
    let truths = vec![vec![truth(5.0, 8.0, 12.0, 13.0, 0)], vec![truth(10.0, 2.0, 75.0, 60.0, 1)]];
    for value in [-80.0, 80.0] {
        for form in [Form::Paper, Form::Giou, Form::Ciou] {
            let options =
                YoloLossOptions { form, focal: Some(Focal { gamma: 0.5, alpha: 0.25 }), ..YoloLossOptions::default() };
            let head = |shape: &[usize; 4]| leaf(vec![value; shape.iter().product()], shape, DType::F32);
            let heads: Vec<_> = shapes.iter().map(head).collect();
            let total = yolo(&heads, &truths, &metadata, network, &options).unwrap().total().unwrap();
            let gradients = total.backward();
            assert!(numbers(total)[0].is_finite(), "{form:?} {value}");
            for head in &heads {
                let gradient = numbers(head.grad(&gradients).unwrap());
                assert!(gradient.iter().all(|number| number.is_finite()), "{form:?} {value}");
            }
        }
    }
}

/// Prints the time of a loss with its backward pass; not a check.
#[test]
#[ignore = "a measurement"]
fn the_time_of_a_loss() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let anchors =
        vec![vec![[81.0, 82.0], [135.0, 169.0], [344.0, 319.0]], vec![[23.0, 27.0], [37.0, 58.0], [81.0, 82.0]]];
    for (width, height, classes) in [(320u32, 256u32, 3), (416, 416, 80)] {
        let (network, metadata) = (Size { width, height }, metadata(anchors.clone(), classes));
        let head = |stride: u32, random: &mut ChaCha8Rng| {
            let shape = [8, 3 * (5 + classes), (height / stride) as usize, (width / stride) as usize];
            let values = (0..shape.iter().product()).map(|_| random.random_range(-1.0..1.0)).collect();
            leaf(values, &shape, DType::F32)
        };
        let heads = [head(32, &mut random), head(16, &mut random)];
        let one = |random: &mut ChaCha8Rng| {
            let (w, h) = (random.random_range(20.0..120.0), random.random_range(20.0..120.0));
            let (x, y) = (random.random_range(0.0..200.0), random.random_range(0.0..130.0));
            truth(x, y, w, h, random.random_range(0..classes))
        };
        let truths: Vec<Vec<_>> = (0..8).map(|_| (0..15).map(|_| one(&mut random)).collect()).collect();
        for options in [
            YoloLossOptions::default(),
            YoloLossOptions { form: Form::Ciou, shape_iou: Some(0.6), ignore: 0.6, ..YoloLossOptions::default() },
        ] {
            let mut times = [[0.0f64; 2]; 20];
            for time in &mut times {
                let start = Instant::now();
                let loss = yolo(&heads, &truths, &metadata, network, &options).unwrap().total().unwrap();
                time[0] = start.elapsed().as_secs_f64() * 1e3;
                let gradients = loss.backward();
                assert!(heads[0].grad(&gradients).is_some());
                time[1] = start.elapsed().as_secs_f64() * 1e3;
            }
            let median = |which: usize| {
                let mut sorted = times.map(|time| time[which]);
                sorted.sort_by(f64::total_cmp);
                sorted[10]
            };
            let form = options.form;
            println!(
                "{width}x{height}, 8 pictures of 15 boxes, {classes} classes, {form:?}: forward {:.2} ms, with backward {:.2} ms",
                median(0),
                median(1)
            );
        }
    }
}
