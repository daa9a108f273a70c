//! What must hold for any input.

use ndarray::{ArrayD, IxDyn};
use ocelli::geometry::BBox;
use ocelli::head::{Candidate, HeadError, decode, sigmoid};
use ocelli::letterbox::{Letterbox, Size};
use ocelli::metadata::{DetectionMetadata, HeadKind, Metadata, Resize};
use ocelli::nms::{NmsOptions, Suppression, suppress};
use ocelli::onnx::{Graph, Model};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeMap;

fn bbox() -> impl Strategy<Value = BBox> {
    (-50.0..450.0, -50.0..450.0, 0.0..300.0, 0.0..300.0).prop_map(|(x, y, w, h)| BBox::new(x, y, w, h))
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (bbox(), 0usize..3, 0.0f32..=1.0).prop_map(|(bbox, class_id, confidence)| Candidate {
        bbox,
        class_id,
        confidence,
    });
    prop::collection::vec(one, 0..60)
}

fn suppression() -> impl Strategy<Value = Suppression> {
    prop_oneof![Just(Suppression::Hard), Just(Suppression::SoftLinear), Just(Suppression::SoftGaussian)]
}

fn size() -> impl Strategy<Value = Size> {
    (1u32..3000, 1u32..3000).prop_map(|(width, height)| Size { width, height })
}

fn resize() -> impl Strategy<Value = Resize> {
    prop_oneof![Just(Resize::Letterbox), Just(Resize::Stretch)]
}

/// IoU by counting the cells of a fine grid: boxes with whole-numbered corners.
fn counted_iou(a: &BBox, b: &BBox) -> f64 {
    let inside = |bbox: &BBox, x: f64, y: f64| x > bbox.x && x < bbox.right() && y > bbox.y && y < bbox.bottom();
    let (mut both, mut either) = (0.0, 0.0);
    for row in 0..24 {
        for column in 0..24 {
            let (x, y) = (f64::from(column) + 0.5, f64::from(row) + 0.5);
            both += f64::from(inside(a, x, y) && inside(b, x, y));
            either += f64::from(inside(a, x, y) || inside(b, x, y));
        }
    }
    if either == 0.0 { 0.0 } else { both / either }
}

proptest! {
    #[test]
    fn iou_is_symmetric_and_within_bounds(a in bbox(), b in bbox()) {
        let iou = a.iou(&b);
        prop_assert_eq!(iou, b.iou(&a));
        prop_assert!((0.0..=1.0 + 1e-12).contains(&iou));
        if a.area() > 0.0 {
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn iou_is_the_shared_share_of_the_area(c in prop::array::uniform8(0u8..12)) {
        let [ax, ay, aw, ah, bx, by, bw, bh] = c.map(f64::from);
        let (a, b) = (BBox::new(ax, ay, aw, ah), BBox::new(bx, by, bw, bh));
        prop_assert!((a.iou(&b) - counted_iou(&a, &b)).abs() < 1e-12);
    }

    #[test]
    fn letterbox_and_its_inverse_are_one(picture in size(), network in size(), resize in resize(), u in prop::array::uniform4(0.0f64..1.0)) {
        let letterbox = Letterbox::new(resize, picture, network);
        let (width, height) = (f64::from(picture.width), f64::from(picture.height));
        let (x, y) = (u[0] * width, u[1] * height);
        let inside = BBox::new(x, y, u[2] * (width - x), u[3] * (height - y));
        let back = letterbox.restore(&letterbox.project(&inside));
        for (found, wanted) in [(back.x, inside.x), (back.y, inside.y), (back.width, inside.width), (back.height, inside.height)] {
            prop_assert!((found - wanted).abs() < 1e-6 * (1.0 + width + height), "{back:?} for {inside:?}");
        }
        prop_assert!(letterbox.left + letterbox.placed.width <= letterbox.network.width);
        prop_assert!(letterbox.top + letterbox.placed.height <= letterbox.network.height);
    }

    #[test]
    fn restored_boxes_lie_inside_the_picture(picture in size(), network in size(), resize in resize(), bbox in bbox()) {
        let back = Letterbox::new(resize, picture, network).restore(&bbox);
        prop_assert!(back.x >= 0.0 && back.y >= 0.0 && back.width >= 0.0 && back.height >= 0.0);
        prop_assert!(back.right() <= f64::from(picture.width) + 1e-9 && back.bottom() <= f64::from(picture.height) + 1e-9);
    }

    #[test]
    fn hard_suppression_is_idempotent_sorted_and_separates(list in candidates(), iou in 0.0f32..=1.0, class_agnostic: bool) {
        let options = NmsOptions { confidence: 0.0, iou, class_agnostic, ..NmsOptions::default() };
        let once = suppress(&list, &options);
        prop_assert_eq!(&suppress(&once, &options), &once);
        prop_assert!(once.is_sorted_by(|a, b| a.confidence >= b.confidence));
        for (index, a) in once.iter().enumerate() {
            for b in &once[..index] {
                prop_assert!(!(class_agnostic || a.class_id == b.class_id) || a.bbox.iou(&b.bbox) <= f64::from(iou));
            }
        }
        // Whatever was dropped overlaps something surer that was kept.
        for dropped in list.iter().filter(|c| c.confidence > 0.0 && !once.contains(c)) {
            prop_assert!(once.iter().any(|kept| kept.confidence >= dropped.confidence
                && (class_agnostic || kept.class_id == dropped.class_id)
                && kept.bbox.iou(&dropped.bbox) > f64::from(iou)));
        }
    }

    #[test]
    fn fewer_detections_are_the_first_of_more(list in candidates(), most in 0usize..20) {
        let all = suppress(&list, &NmsOptions { max_detections: usize::MAX, ..NmsOptions::default() });
        let some = suppress(&list, &NmsOptions { max_detections: most, ..NmsOptions::default() });
        prop_assert_eq!(&some[..], &all[..most.min(all.len())]);
    }

    #[test]
    fn one_threshold_for_every_class_is_a_confidence(list in candidates(), confidence in 0.0f32..=1.0, suppression in suppression(), class_agnostic: bool) {
        let scalar = NmsOptions { confidence, suppression, class_agnostic, ..NmsOptions::default() };
        // The confidence itself counts for no class then.
        let class_confidences = BTreeMap::from([(0, confidence), (1, confidence), (2, confidence)]);
        let table = NmsOptions { confidence: 0.5, class_confidences, ..scalar.clone() };
        prop_assert_eq!(suppress(&list, &table), suppress(&list, &scalar));
        prop_assert_eq!(table.lowest_confidence(), confidence.min(0.5));
    }

    #[test]
    fn each_class_is_suppressed_as_by_its_own_threshold(list in candidates(), confidence in 0.0f32..=1.0, of_one in 0.0f32..=1.0, suppression in suppression()) {
        let table = NmsOptions { confidence, class_confidences: BTreeMap::from([(1, of_one)]), suppression, ..NmsOptions::default() };
        let found = suppress(&list, &table);
        for class_id in 0..3 {
            let confidence = if class_id == 1 { of_one } else { confidence };
            let alone = NmsOptions { confidence, classes: Some(vec![class_id]), suppression, ..NmsOptions::default() };
            let of_class: Vec<_> = found.iter().filter(|one| one.class_id == class_id).copied().collect();
            prop_assert_eq!(of_class, suppress(&list, &alone));
        }
    }

    #[test]
    fn a_higher_threshold_of_a_class_takes_its_weaker_boxes_alone(list in candidates(), of_one in 0.0f32..=1.0, more in 0.0f32..=1.0) {
        let options = |least| NmsOptions { class_confidences: BTreeMap::from([(1, least)]), ..NmsOptions::default() };
        let mut wanted = suppress(&list, &options(of_one));
        let higher = of_one.max(more);
        wanted.retain(|one| one.class_id != 1 || one.confidence > higher);
        prop_assert_eq!(suppress(&list, &options(higher)), wanted);
    }

    #[test]
    fn decoding_inverts_the_papers_equations(c in prop::array::uniform4(0.05f32..0.95), cell in (0usize..4, 0usize..3), kind in 0..2) {
        // A box with a known place is written into a head by the inverse equations and must come back.
        let kind = if kind == 0 { HeadKind::YoloV3 } else { HeadKind::YoloV2 };
        let metadata = metadata(kind, 2);
        let network = Size { width: 128, height: 96 };
        let mut map = ArrayD::from_elem(IxDyn(&[1, 14, 3, 4]), -20.0f32);
        let logit = |p: f32| (p / (1.0 - p)).ln();
        let (column, row) = cell;
        for (channel, value) in [logit(c[0]), logit(c[1]), c[2].ln(), c[3].ln(), 9.0, -9.0, 9.0].into_iter().enumerate() {
            map[[0, 7 + channel, row, column]] = value;
        }
        let found = decode(&[map.view()], &metadata, network, 0.5).unwrap();
        prop_assert_eq!(found.len(), 1);
        let wanted = BBox::from_center(
            f64::from((column as f32 + c[0]) * 32.0), f64::from((row as f32 + c[1]) * 32.0),
            f64::from(30.0 * c[2]), f64::from(61.0 * c[3]));
        let of_class = match kind { HeadKind::YoloV3 => sigmoid(9.0), HeadKind::YoloV2 => sigmoid(18.0) };
        prop_assert!(found[0].bbox.iou(&wanted) > 0.999, "{:?} for {wanted:?}", found[0]);
        prop_assert_eq!(found[0].class_id, 1);
        prop_assert!((found[0].confidence - sigmoid(9.0) * of_class).abs() < 1e-5);
    }

    #[test]
    fn decoding_survives_any_numbers(values in prop::collection::vec(any::<f32>(), 14 * 4), threshold in 0.0f32..=1.0) {
        let map = ArrayD::from_shape_vec(IxDyn(&[1, 14, 2, 2]), values).unwrap();
        let network = Size { width: 64, height: 64 };
        for found in decode(&[map.view()], &metadata(HeadKind::YoloV3, 2), network, threshold).unwrap() {
            prop_assert!(found.confidence > threshold && found.confidence <= 1.0 && found.bbox.x.is_finite());
        }
    }

    #[test]
    fn a_model_file_is_read_or_refused_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(model) = Model::from_bytes(bytes.into(), "x.onnx".as_ref()) {
            let _ = Metadata::read(&model);
        }
    }
}

/// Two anchors, two classes.
fn metadata(head: HeadKind, classes: usize) -> DetectionMetadata {
    DetectionMetadata {
        head,
        labels: (0..classes).map(|class| format!("class_{class}")).collect(),
        anchors: vec![vec![[10.0, 13.0], [30.0, 61.0]]],
        scale_xy: vec![1.0],
        resize: Resize::Letterbox,
    }
}

#[test]
fn metadata_comes_back_from_a_file() {
    let mut model = Model::new(Graph::default());
    let wanted = Metadata { detection: Some(metadata(HeadKind::YoloV2, 3)), license: Some("MIT".into()), source: None };
    wanted.write(&mut model);
    assert_eq!(model.property("ocelli.head"), Some("yolov2"));
    assert_eq!(model.property("ocelli.resize"), Some("letterbox"));
    assert_eq!(Metadata::read(&model).unwrap(), wanted);
}

#[test]
fn metadata_that_contradicts_itself_names_the_key() {
    let mut model = Model::new(Graph::default());
    Metadata { detection: Some(metadata(HeadKind::YoloV3, 2)), ..Metadata::default() }.write(&mut model);
    for (key, value) in [
        ("ocelli.task", "dancing"),
        ("ocelli.head", "yolov9"),
        ("ocelli.labels", "[]"),
        ("ocelli.anchors", "[[]]"),
        ("ocelli.anchors", "[[[1, -1]]]"),
        ("ocelli.resize", "crop"),
        ("ocelli.scale_xy", "[1, 1]"),
    ] {
        let mut faulty = model.clone();
        faulty.set_property(key, value);
        assert_eq!(Metadata::read(&faulty).unwrap_err().key, key);
    }
}

#[test]
fn outputs_that_do_not_fit_the_metadata_are_named() {
    let metadata = metadata(HeadKind::YoloV3, 2);
    let network = Size { width: 32, height: 32 };
    assert_eq!(decode(&[], &metadata, network, 0.5), Err(HeadError::OutputCount { found: 0, wanted: 1 }));
    for shape in [vec![1, 13, 2, 2], vec![2, 14, 2, 2], vec![14, 2, 2], vec![1, 14, 0, 2]] {
        let map = ArrayD::<f32>::zeros(IxDyn(&shape));
        let refused = Err(HeadError::Shape { output: 0, found: shape, channels: 14 });
        assert_eq!(decode(&[map.view()], &metadata, network, 0.5), refused);
    }
}

#[test]
fn scale_xy_lets_centres_leave_their_cell() {
    let metadata = DetectionMetadata { scale_xy: vec![1.2], ..metadata(HeadKind::YoloV3, 2) };
    let mut map = ArrayD::from_elem(IxDyn(&[1, 14, 1, 1]), -20.0f32);
    for (channel, value) in [20.0, -20.0, 0.0, 0.0, 20.0, 20.0].into_iter().enumerate() {
        map[[0, channel, 0, 0]] = value;
    }
    let found = decode(&[map.view()], &metadata, Size { width: 100, height: 100 }, 0.5).unwrap();
    // AlexeyAB's Darknet: σ(t)·s − (s − 1)/2, so 1.1 and −0.1 of the cell.
    let (x, y) = (found[0].bbox.x + 5.0, found[0].bbox.y + 6.5);
    assert!((x - 110.0).abs() < 1e-3 && (y + 10.0).abs() < 1e-3, "{x} {y}");
}

#[test]
fn soft_suppression_lowers_scores_as_the_paper_says() {
    let candidate = |x: f64, confidence| Candidate { bbox: BBox::new(x, 0.0, 10.0, 10.0), class_id: 0, confidence };
    // Their IoU is 8 / 12.
    let list = [candidate(0.0, 0.9), candidate(2.0, 0.8), candidate(100.0, 0.3)];
    let run = |suppression| {
        let options = NmsOptions { suppression, confidence: 0.1, ..NmsOptions::default() };
        suppress(&list, &options).iter().map(|found| found.confidence).collect::<Vec<_>>()
    };
    assert_eq!(run(Suppression::Hard), [0.9, 0.3]);
    let linear = run(Suppression::SoftLinear);
    assert_eq!(linear.len(), 3);
    assert!((linear[2] - 0.8 * (1.0 - 2.0 / 3.0)).abs() < 1e-6, "{linear:?}");
    let gaussian = run(Suppression::SoftGaussian);
    assert!((gaussian[1] - 0.8 * (-4.0f32 / 9.0 / 0.5).exp()).abs() < 1e-6, "{gaussian:?}");
}

#[test]
fn a_letterboxed_picture_is_framed_in_grey_and_scaled_by_two_taps() {
    let mut picture = image::RgbImage::from_pixel(4, 2, image::Rgb([255, 0, 51]));
    picture.put_pixel(0, 0, image::Rgb([0, 0, 51]));
    let letterbox = Letterbox::new(Resize::Letterbox, Size { width: 4, height: 2 }, Size { width: 8, height: 8 });
    let tensor = letterbox.apply(&picture);
    assert_eq!(tensor.shape(), [1, 3, 8, 8]);
    assert_eq!(tensor[[0, 0, 1, 3]], 0.5);
    assert!((tensor[[0, 2, 3, 3]] - 0.2).abs() < 1e-6);
    assert_eq!(tensor[[0, 0, 2, 0]], 0.0);
    // Output column 1, row 0 has its centre at 0.25 of the way from pixel 0 to pixel 1, on the first row.
    assert!((tensor[[0, 0, 2, 1]] - 0.25).abs() < 0.005, "{}", tensor[[0, 0, 2, 1]]);
    // Half the size: no antialiasing, so the mean of the two middle pixels of each four.
    let wide = image::RgbImage::from_fn(16, 1, |x, _| image::Rgb([[0, 100, 200, 0][x as usize % 4]; 3]));
    let halved =
        Letterbox::new(Resize::Stretch, Size { width: 16, height: 1 }, Size { width: 4, height: 1 }).apply(&wide);
    assert!(halved.iter().all(|value| (value * 255.0 - 150.0).abs() < 0.6), "{halved}");
}
