//! The gradient check itself, and by it every layer that detectors use, and the loss.

use burn::module::Module;
use burn::nn::pool::AdaptiveAvgPool2dConfig;
use burn::nn::{BatchNormConfig, LinearConfig};
use burn::tensor::activation::{leaky_relu, log_softmax, softmax};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use ocelli::geometry::BBox;
use ocelli::letterbox::Size;
use ocelli::metadata::{DetectionMetadata, HeadKind, Resize};
use ocelli_training::data::LabelledBox;
use ocelli_training::gradient_check::{CORRECT, GradientReport, WRONG, check, check_module, check_network, double};
use ocelli_training::losses::yolo;
use ocelli_training::losses::yolo::{Focal, Form, Targets, YoloLossOptions};
use ocelli_training::models::blocks::{ConvBlockConfig, HeadConfig, Residual, Stage, max_pool, upsample};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn device() -> Device {
    Device::flex().autodiff()
}

fn tensor<const D: usize>(values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&device(), DType::F64))
}

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    tensor((0..shape.iter().product()).map(|_| random.random_range(-2.0..2.0)).collect(), shape)
}

/// A number that every entry of a tensor has its own weight in.
fn weighted<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let weights = random(x.dims(), 99);
    (x * weights).sum()
}

fn assert_correct(report: &GradientReport) {
    println!(
        "{:<40} {:>5} of {:>5}  kinks {}  error {:.1e} at {:.0e}",
        report.name, report.entries, report.of, report.kinks, report.error, report.step
    );
    assert!(report.is_correct(), "{report:?}");
    assert!(report.norm > 1e-6, "nothing flows: {report:?}");
}

#[test]
fn the_notes_example_is_found_correct() {
    // f = w₁² x₁ + w₂² x₂ at w = (1, 2), x = (3, 4): df/dw = (2·1·3, 2·2·4).
    let x = tensor(vec![3.0, 4.0], [2]);
    let report = check("w", &tensor(vec![1.0, 2.0], [2]), |w| (w.square() * x.clone()).sum());
    assert_correct(&report);
    assert!((report.norm - (6.0f64 * 6.0 + 16.0 * 16.0).sqrt()).abs() < 1e-6, "{report:?}");
    assert_eq!((report.entries, report.of, report.kinks), (2, 2, 0));
}

#[test]
fn planted_faults_are_found() {
    let input = random([3, 4], 1);
    let half = |x: Tensor<2>| (x.clone() + x.detach()) / 2.0;
    for (name, report) in [
        ("a term without gradient", check("x", &input, |x| (x.clone().square() + x.detach().square()).sum())),
        ("half a gradient", check("x", &input, |x| weighted(half(x.square())))),
        ("no gradient at all", check("x", &input, |x| weighted(x.clone().detach().square() + x * 0.0))),
        // One of twelve entries is off by a tenth.
        (
            "one faulty entry",
            check("x", &input, |x| {
                let one = x.clone().narrow(0, 1, 1).narrow(1, 2, 1);
                let lost = (one.clone() - one.detach()) * 0.1;
                weighted(x.square()) + lost.sum()
            }),
        ),
    ] {
        assert!(report.error > WRONG, "{name}: {report:?}");
    }
}

#[test]
fn entries_at_a_kink_are_left_out_and_counted() {
    let input = tensor(vec![0.7, 0.0, -0.4, 1.3, 0.000_004], [5]);
    let report = check("x", &input, |x| weighted(leaky_relu(x.clone(), 0.1).square() + leaky_relu(x, 0.1)));
    assert!(report.is_correct() && report.kinks > 0 && report.kinks + report.entries == 5, "{report:?}");
    // On nothing but kinks nothing is correct.
    let report = check("x", &tensor(vec![0.0, 0.0], [2]), |x| weighted(x.clone().abs() + x.clamp_min(0.0)));
    assert!(!report.is_correct(), "{report:?}");
}

#[test]
fn a_gradient_that_is_nothing_but_rounding_is_no_error() {
    // Softmax does not change when all logits do.
    let report = check("shift", &tensor(vec![0.3], [1, 1]), |shift| weighted(softmax(random([2, 4], 3) + shift, 1)));
    assert_eq!(report.error, 0.0, "{report:?}");
}

#[test]
fn convolutions_of_the_framework_are_differentiated_correctly() {
    let (x, w, b) = (random([2, 4, 7, 6], 1), random([6, 4, 3, 3], 2), random([6], 3));
    let (small, grouped) = (random([6, 4, 1, 1], 4), random([6, 2, 3, 3], 5));
    for (name, options, w) in [
        ("3×3", ConvOptions::new([1, 1], [1, 1], [1, 1], 1), &w),
        ("3×3 stride 2", ConvOptions::new([2, 2], [1, 1], [1, 1], 1), &w),
        ("1×1", ConvOptions::new([1, 1], [0, 0], [1, 1], 1), &small),
        ("3×3 dilated", ConvOptions::new([1, 1], [2, 2], [2, 2], 1), &w),
        ("3×3 in groups", ConvOptions::new([1, 1], [1, 1], [1, 1], 2), &grouped),
    ] {
        let run = |x: Tensor<4>, w: Tensor<4>, b: Tensor<1>| weighted(conv2d(x, w, Some(b), options.clone()));
        assert_correct(&check(&format!("{name}, input"), &x, |x| run(x, w.clone(), b.clone())));
        assert_correct(&check(&format!("{name}, weight"), w, |w| run(x.clone(), w, b.clone())));
        assert_correct(&check(&format!("{name}, bias"), &b, |b| run(x.clone(), w.clone(), b)));
    }
}

/// Checks a module's parameters and its input, all entries.
fn check_layer<M: Module>(name: &str, make: impl Fn() -> M, shape: [usize; 4], f: impl Fn(&M, Tensor<4>) -> Tensor<4>) {
    let input = random(shape, 7);
    device().seed(5);
    for report in check_module(make(), usize::MAX, |module| weighted(f(module, input.clone()))) {
        assert_correct(&GradientReport { name: format!("{name}, {}", report.name), ..report });
    }
    let module = double(make());
    assert_correct(&check(&format!("{name}, input"), &input, |x| weighted(f(&module, x))));
}

#[test]
fn blocks_of_the_detectors_are_differentiated_correctly() {
    let device = device();
    let block = |kernel, stride| ConvBlockConfig::new(3, 4, kernel).with_stride(stride).init(&device);
    check_layer("block 3×3", || block(3, 1), [2, 3, 6, 5], |block, x| block.forward(x));
    check_layer("block 3×3 stride 2", || block(3, 2), [2, 3, 6, 6], |block, x| block.forward(x));
    check_layer("block 1×1", || block(1, 1), [2, 3, 4, 5], |block, x| block.forward(x));
    check_layer("residual", || Residual::new(4, &device), [2, 4, 4, 5], |residual, x| residual.forward(x));
    check_layer("stage", || Stage::new(3, 4, 2, &device), [2, 3, 8, 8], |stage, x| stage.forward(x));
    let head = HeadConfig { input: 3, hidden: 4, anchors: 2, classes: 3 };
    check_layer("head", || head.init(&device), [2, 3, 4, 4], |head, x| head.forward(x));
    let norm = || BatchNormConfig::new(3).init(&device);
    check_layer("batch normalisation", norm, [3, 3, 4, 4], |norm, x| norm.forward(x));
    let linear = || LinearConfig::new(6, 4).init(&device);
    check_layer("linear", linear, [1, 2, 5, 6], |linear, x| linear.forward(x));
}

#[test]
fn layers_without_parameters_are_differentiated_correctly() {
    let run = |name: &str, shape: [usize; 4], f: &dyn Fn(Tensor<4>) -> Tensor<1>| {
        assert_correct(&check(name, &random(shape, 11), f));
    };
    run("leaky ReLU", [2, 3, 4, 5], &|x| weighted(leaky_relu(x, 0.1)));
    run("max pool 2 by 2", [2, 3, 6, 8], &|x| weighted(max_pool(x, 2, 2)));
    run("max pool 2 by 1", [2, 3, 5, 6], &|x| weighted(max_pool(x, 2, 1)));
    for size in [5, 9, 13] {
        run(&format!("max pool {size} by 1"), [1, 2, 7, 6], &|x| weighted(max_pool(x, size, 1)));
    }
    run("upsample", [2, 3, 3, 4], &|x| weighted(upsample(x)));
    run("concatenation", [2, 3, 3, 4], &|x| weighted(Tensor::cat(vec![x.clone().square(), x.clone(), x], 1)));
    run("addition of what was used twice", [2, 3, 3, 4], &|x| weighted(x.clone().square() + x));
    run("mean over the map", [2, 3, 3, 4], &|x| weighted(x.mean_dim(3).mean_dim(2)));
    let average = AdaptiveAvgPool2dConfig::new([1, 1]).init();
    run("global average pool", [2, 3, 3, 4], &|x| weighted(average.forward(x)));
    run("softmax", [1, 2, 3, 5], &|x| weighted(softmax(x, 3)));
    let classes = Tensor::<4, Int>::from_data([[[[1], [4], [0]], [[2], [2], [3]]]], &device());
    run("cross entropy", [1, 2, 3, 5], &|x| log_softmax(x, 3).gather(3, classes.clone()).sum().neg());
}

/// Two outputs, two pictures and their truths.
fn detection() -> (Vec<Tensor<4>>, Vec<Vec<LabelledBox>>, DetectionMetadata, Size) {
    let truth = |x, y, width, height, class_id| LabelledBox { bbox: BBox::new(x, y, width, height), class_id };
    let truths = vec![
        vec![truth(5.0, 8.0, 12.0, 13.0, 0), truth(40.3, 20.1, 30.0, 33.0, 1), truth(61.0, 3.0, 25.0, 20.0, 1)],
        vec![truth(10.0, 2.0, 75.0, 60.0, 1)],
    ];
    let metadata = DetectionMetadata {
        head: HeadKind::YoloV3,
        labels: vec!["a".into(), "b".into()],
        anchors: vec![vec![[81.0, 62.0], [35.0, 39.0]], vec![[10.0, 14.0], [23.0, 27.0]]],
        scale_xy: vec![1.0, 1.1],
        resize: Resize::Letterbox,
    };
    let heads = vec![random([2, 14, 2, 3], 21), random([2, 14, 4, 6], 22)];
    (heads, truths, metadata, Size { width: 96, height: 64 })
}

/// Checks `loss` of the heads in each head.
fn check_heads(name: &str, heads: &[Tensor<4>], loss: impl Fn(&[Tensor<4>]) -> Tensor<1>) -> Vec<GradientReport> {
    let one = |output: usize| {
        check(&format!("{name}, output {output}"), &heads[output], |head| {
            let mut heads = heads.to_vec();
            heads[output] = head;
            loss(&heads)
        })
    };
    (0..heads.len()).map(one).collect()
}

#[test]
fn the_loss_is_differentiated_correctly_in_every_form() {
    let (heads, truths, metadata, network) = detection();
    let plain = YoloLossOptions::default();
    let several = YoloLossOptions { shape_iou: Some(0.3), ignore: 0.4, label_smoothing: 0.1, ..plain.clone() };
    let focal = YoloLossOptions { focal: Some(Focal { gamma: 2.0, alpha: 0.25 }), ..several.clone() };
    for form in [Form::Paper, Form::Notes, Form::Giou, Form::Ciou] {
        for (name, options) in [("plain", &plain), ("several positives", &several), ("focal", &focal)] {
            let options = YoloLossOptions { form, ..options.clone() };
            let targets = Targets::new(&heads, &truths, &metadata, network, &options).unwrap();
            let loss = |heads: &[Tensor<4>]| targets.loss(heads).unwrap().total().unwrap();
            check_heads(&format!("{form:?}, {name}"), &heads, loss).iter().for_each(assert_correct);
        }
    }
    let softmax = DetectionMetadata { head: HeadKind::YoloV2, ..metadata };
    let targets = Targets::new(&heads, &truths, &softmax, network, &plain).unwrap();
    let loss = |heads: &[Tensor<4>]| targets.loss(heads).unwrap().total().unwrap();
    check_heads("softmax", &heads, loss).iter().for_each(assert_correct);
}

#[test]
fn complete_iou_with_an_alpha_that_moves_is_another_function() {
    // The differences then hold what the paper leaves out of the gradient: the check tells the two apart.
    let (heads, truths, metadata, network) = detection();
    let options = YoloLossOptions { form: Form::Ciou, ..YoloLossOptions::default() };
    let reports = check_heads("moving α", &heads, |heads| {
        yolo(heads, &truths, &metadata, network, &options).unwrap().total().unwrap()
    });
    assert!(reports.iter().any(|report| report.error > 100.0 * CORRECT), "{reports:?}");
}

#[test]
fn whole_networks_are_differentiated_correctly_and_a_planted_fault_is_found() {
    for name in ["ocelli-nano", "yolov3-tiny"] {
        let reports = check_network(name, false, 1).unwrap();
        assert!(reports.len() > 20, "{name}: {}", reports.len());
        for report in &reports {
            assert!(report.is_correct(), "{name}: {report:?}");
        }
    }
    let faulty = check_network("yolov3-tiny", true, 1).unwrap();
    let wrong = |part: &str| {
        let of_part = faulty.iter().filter(|report| report.name.contains(part));
        of_part.map(|report| report.error > WRONG).collect::<Vec<_>>()
    };
    // The first output is the coarse one: its head is wrong, the fine one's is not.
    assert!(wrong("coarse").iter().all(|wrong| *wrong) && !wrong("coarse").is_empty(), "{faulty:?}");
    assert!(wrong("fine.").iter().all(|wrong| !*wrong) && !wrong("fine.").is_empty(), "{faulty:?}");
    assert!(check_network("yolov9", false, 1).is_err());
}
