//! What is quick in the pipeline, held to what is plain: the same steps restated without any shortcut.

use ndarray::{ArrayD, ArrayView3, Axis, Ix4, IxDyn, s};
use ocelli::geometry::BBox;
use ocelli::head::{Candidate, Grid, decode, sigmoid};
use ocelli::letterbox::{Letterbox, PADDING, Size};
use ocelli::metadata::{DetectionMetadata, HeadKind, Resize};
use ocelli::nms::{NmsOptions, Suppression, suppress};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};
use std::collections::BTreeMap;

/// Suppression as its documentation has it: of each class, the surest box that is left is kept, until none is left.
fn plain_suppression(list: &[Candidate], options: &NmsOptions, limit: usize) -> Vec<Candidate> {
    let least = |one: &Candidate| *options.class_confidences.get(&one.class_id).unwrap_or(&options.confidence);
    let mut ranked: Vec<Candidate> = list.to_vec();
    ranked.retain(|one| {
        one.confidence > least(one) && options.classes.as_ref().is_none_or(|classes| classes.contains(&one.class_id))
    });
    ranked.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    ranked.truncate(limit);
    let mut kept = Vec::new();
    for class in 0..if options.class_agnostic { 1 } else { 100 } {
        let mut rest = ranked.clone();
        rest.retain(|one| options.class_agnostic || one.class_id == class);
        let mut of_class = 0;
        while of_class < options.max_detections && !rest.is_empty() {
            let most = rest.iter().map(|one| one.confidence).fold(f32::NEG_INFINITY, f32::max);
            let surest = rest.remove(rest.iter().position(|one| one.confidence == most).expect("the surest"));
            kept.push(surest);
            of_class += 1;
            let mut left = Vec::new();
            for mut one in rest {
                let iou = surest.bbox.iou(&one.bbox);
                let over = iou > f64::from(options.iou);
                match options.suppression {
                    Suppression::Hard if over => continue,
                    Suppression::Hard => left.push(one),
                    Suppression::SoftLinear if over => one.confidence *= (1.0 - iou) as f32,
                    Suppression::SoftLinear => {}
                    Suppression::SoftGaussian => one.confidence *= (-iou * iou / 0.5).exp() as f32,
                }
                if options.suppression != Suppression::Hard && one.confidence > least(&one) {
                    left.push(one);
                }
            }
            rest = left;
        }
    }
    // By falling confidence, then by class, then in the order of keeping.
    let mut sorted: Vec<Candidate> = Vec::new();
    for one in kept {
        let after = |other: &Candidate| {
            other.confidence < one.confidence || (other.confidence == one.confidence && other.class_id > one.class_id)
        };
        sorted.insert(sorted.iter().position(after).unwrap_or(sorted.len()), one);
    }
    sorted.truncate(options.max_detections);
    sorted
}

/// Boxes on a coarse grid and few confidences: many are equal.
fn tied() -> impl Strategy<Value = Vec<Candidate>> {
    let box_of = |c: [u8; 4]| {
        let [x, y, width, height] = c.map(|value| f64::from(value) * 10.0);
        BBox::new(x, y, width, height)
    };
    let one = (prop::array::uniform4(0u8..5), 0usize..4, 0u8..=8).prop_map(move |(c, class_id, eighths)| Candidate {
        bbox: box_of(c),
        class_id,
        confidence: f32::from(eighths) / 8.0,
    });
    prop::collection::vec(one, 0..80)
}

fn options() -> impl Strategy<Value = NmsOptions> {
    let threshold = || prop_oneof![Just(0.0f32), Just(0.25), Just(0.5), Just(1.0), 0.0f32..=1.0];
    let suppression =
        prop_oneof![Just(Suppression::Hard), Just(Suppression::SoftLinear), Just(Suppression::SoftGaussian)];
    let classes = prop::option::of(prop::collection::vec(0usize..5, 0..4));
    let of_classes = prop::collection::btree_map(0usize..4, threshold(), 0..4);
    let most = prop_oneof![Just(usize::MAX), 0usize..20];
    let numbers = (threshold(), threshold(), most);
    (numbers, of_classes, any::<bool>(), suppression, classes).prop_map(
        |((confidence, iou, max_detections), class_confidences, class_agnostic, suppression, classes)| NmsOptions {
            confidence,
            class_confidences,
            iou,
            max_detections,
            class_agnostic,
            suppression,
            classes,
        },
    )
}

/// Every cell and every class by the formulas, without a look at the threshold before the end.
fn plain_decoding(map: &ArrayD<f32>, metadata: &DetectionMetadata, network: Size, threshold: f32) -> Vec<Candidate> {
    let map = map.view().into_dimensionality::<Ix4>().expect("four axes").index_axis_move(Axis(0), 0);
    let (values, (_, rows, columns)) = (5 + metadata.labels.len(), map.dim());
    let mut found = Vec::new();
    for (slot, anchor) in metadata.anchors[0].iter().enumerate() {
        let slot: ArrayView3<f32> = map.slice(s![slot * values..(slot + 1) * values, .., ..]);
        let grid = Grid { anchor: *anchor, scale_xy: metadata.scale_xy[0], network, rows, columns };
        for row in 0..rows {
            for column in 0..columns {
                let t = |channel: usize| slot[[channel, row, column]];
                let bbox = grid.decode_box([t(0), t(1), t(2), t(3)], column, row);
                if ![bbox.x, bbox.y, bbox.width, bbox.height].iter().all(|value| value.is_finite()) {
                    continue;
                }
                let logits: Vec<f32> = (5..values).map(t).collect();
                let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
                for (class_id, logit) in logits.iter().enumerate() {
                    let probability = match metadata.head {
                        HeadKind::YoloV3 => sigmoid(*logit),
                        HeadKind::YoloV2 => (logit - largest).exp() / sum,
                    };
                    let confidence = sigmoid(t(4)) * probability;
                    if confidence > threshold {
                        found.push(Candidate { bbox, class_id, confidence });
                    }
                }
            }
        }
    }
    found
}

/// A logit of any kind: usual ones, sure ones, where the logistic loses its digits, and what no network should put out.
fn logit() -> impl Strategy<Value = f32> {
    let odd = prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY), any::<f32>()];
    prop_oneof![6 => -8.0f32..8.0, 2 => 8.0f32..20.0, 2 => -100.0f32..-8.0, 1 => odd]
}

fn metadata(head: HeadKind) -> DetectionMetadata {
    DetectionMetadata {
        head,
        labels: vec!["a".into(), "b".into(), "c".into()],
        anchors: vec![vec![[10.0, 13.0], [30.0, 61.0]]],
        scale_xy: vec![1.05],
        resize: Resize::Letterbox,
    }
}

proptest! {
    #[test]
    fn suppression_is_what_it_is_without_shortcuts(list in tied(), options in options()) {
        prop_assert_eq!(suppress(&list, &options), plain_suppression(&list, &options, usize::MAX));
    }

    #[test]
    fn decoding_is_what_it_is_without_shortcuts(
        values in prop::collection::vec(logit(), 2 * 8 * 6),
        threshold in prop_oneof![3 => 0.0f32..=1.0, 1 => Just(0.0), 1 => Just(1.0), 1 => 0.0f32..1e-3, 1 => 0.999f32..=1.0],
    ) {
        let map = ArrayD::from_shape_vec(IxDyn(&[1, 16, 2, 3]), values).expect("a head");
        let network = Size { width: 96, height: 64 };
        for head in [HeadKind::YoloV3, HeadKind::YoloV2] {
            let metadata = metadata(head);
            let all = |threshold| plain_decoding(&map, &metadata, network, threshold);
            // At a confidence itself it is not above the threshold, at the number below it is.
            let ties = all(0.0).iter().flat_map(|one| [one.confidence, one.confidence.next_down()]).collect::<Vec<_>>();
            for threshold in ties.into_iter().chain([threshold]) {
                let found = decode(&[map.view()], &metadata, network, threshold).expect("candidates");
                prop_assert_eq!(found, all(threshold), "{:?} at {}", head, threshold);
            }
        }
    }

    #[test]
    fn a_placed_picture_is_its_pixels_in_planes(width in 1u32..40, height in 1u32..40, across in 0u32..20, down in 0u32..20, seed: u8) {
        // Padded on one side at most, so that the picture keeps its size and no pixel is interpolated.
        let across = if down > 0 { 0 } else { across };
        let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x, 7 * y, 3 * x * y].map(|v| (v + u32::from(seed)) as u8)));
        let network = Size { width: width + across, height: height + down };
        let letterbox = Letterbox::new(Resize::Letterbox, Size { width, height }, network);
        prop_assert_eq!(letterbox.placed, Size { width, height });
        let tensor = letterbox.apply(&picture);
        prop_assert_eq!(tensor.shape(), [1, 3, network.height as usize, network.width as usize]);
        for ((_, channel, y, x), value) in tensor.view().into_dimensionality::<Ix4>().expect("four axes").indexed_iter() {
            let (x, y) = ((x as u32).checked_sub(letterbox.left), (y as u32).checked_sub(letterbox.top));
            let pixel = x.zip(y).and_then(|(x, y)| picture.get_pixel_checked(x, y));
            let wanted = pixel.map_or(PADDING, |pixel| f32::from(pixel[channel]) * (1.0 / 255.0));
            prop_assert_eq!(*value, wanted);
        }
    }
}

/// Numbers in 0..1 without order, always the same: SplitMix64.
fn scattered(index: u64) -> f64 {
    let mut z = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 24)
}

#[test]
fn of_too_many_candidates_the_surest_are_compared() {
    for (suppression, limit) in [(Suppression::Hard, 30_000), (Suppression::SoftLinear, 3_000)] {
        // Few confidences, so that the limit falls among equals.
        let list: Vec<Candidate> = (0..limit as u64 * 6 / 5)
            .map(|index| Candidate {
                bbox: BBox::new(scattered(4 * index) * 900.0, scattered(4 * index + 1) * 900.0, 30.0, 30.0),
                class_id: (scattered(4 * index + 2) * 90.0) as usize,
                confidence: (scattered(4 * index + 3) * 50.0).floor() as f32 / 50.0,
            })
            .collect();
        let options = NmsOptions {
            confidence: 0.0,
            class_confidences: BTreeMap::from([(3, 0.5)]),
            max_detections: usize::MAX,
            suppression,
            ..NmsOptions::default()
        };
        let found = suppress(&list, &options);
        assert!(found == plain_suppression(&list, &options, limit));
        assert!(found != plain_suppression(&list, &options, usize::MAX), "the limit changes nothing");
    }
}
