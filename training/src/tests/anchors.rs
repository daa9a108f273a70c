//! Anchors against published ones, brute force and data made so that the answer is known.

use super::data::{shared, split};
use ocelli::dataset::{OpenOptions, open};
use ocelli::geometry::BBox;
use ocelli::letterbox::Size;
use ocelli_training::anchors::{Anchors, assign_to_scales, average_iou, choose, curve, draw_boxes, draw_curve, fit};
use ocelli_training::data::box_sizes;
use ocelli_training::data::seed::Random;

/// YOLOv3's anchors for COCO at 416 × 416 (Redmon & Farhadi 2018, section 2.3).
const YOLOV3: [[f64; 2]; 9] = [
    [10.0, 13.0],
    [16.0, 30.0],
    [33.0, 23.0],
    [30.0, 61.0],
    [62.0, 45.0],
    [59.0, 119.0],
    [116.0, 90.0],
    [156.0, 198.0],
    [373.0, 326.0],
];

/// Sizes without any pattern, over two orders of magnitude.
fn scattered(count: usize, seed: u64) -> Vec<[f64; 2]> {
    let mut random = Random::new(seed);
    (0..count).map(|_| [random.between(1.0, 6.0).exp(), random.between(1.0, 6.0).exp()]).collect()
}

/// The mean IoU, from its definition.
fn by_hand(sizes: &[[f64; 2]], anchors: &[[f64; 2]]) -> f64 {
    let overlap = |a: &[f64; 2], b: &[f64; 2]| {
        let shared = a[0].min(b[0]) * a[1].min(b[1]);
        shared / (a[0] * a[1] + b[0] * b[1] - shared)
    };
    let best = |size: &[f64; 2]| anchors.iter().map(|anchor| overlap(size, anchor)).fold(0.0, f64::max);
    sizes.iter().map(best).sum::<f64>() / sizes.len() as f64
}

#[test]
fn nine_anchors_of_bccd_fit_at_least_as_well_as_the_published_ones() {
    let Some(path) = shared("detection/bccd/BCCD") else { return };
    let (sizes, _) = box_sizes(&split(&path, "train"), Size { width: 320, height: 256 }).unwrap();
    let found = fit(&sizes, 9, 1);
    println!("BCCD: {found:?}");
    assert!(found.average_iou >= 0.88, "{}", found.average_iou);
    assert!((found.average_iou - by_hand(&sizes, &found.anchors)).abs() < 1e-9);
    let prototype = [
        [19.5, 19.0],
        [44.0, 43.0],
        [54.0, 39.5],
        [42.0, 54.0],
        [50.0, 48.5],
        [58.0, 49.5],
        [53.5, 55.5],
        [63.5, 59.0],
        [108.5, 99.0],
    ];
    assert!((average_iou(&sizes, &prototype) - 0.885).abs() < 2e-3, "{}", average_iou(&sizes, &prototype));
    assert!(found.average_iou >= average_iou(&sizes, &prototype));
}

#[test]
fn nine_anchors_of_coco128_fit_at_least_as_well_as_those_of_yolov3() {
    let Some(path) = shared("detection/coco128") else { return };
    let dataset = open(&path, &OpenOptions::default()).unwrap();
    let (sizes, _) = box_sizes(&dataset, Size { width: 416, height: 416 }).unwrap();
    let (ours, theirs) = (fit(&sizes, 9, 1), average_iou(&sizes, &YOLOV3));
    println!("coco128: ours {:.4}, YOLOv3's {theirs:.4}, {} boxes", ours.average_iou, sizes.len());
    assert!(ours.average_iou >= theirs);
    assert!(theirs > 0.5);
}

#[test]
fn clusters_are_found_exactly() {
    let centres = [[10.0, 12.0], [40.0, 20.0], [25.0, 60.0], [90.0, 80.0], [200.0, 130.0]];
    let mut random = Random::new(4);
    let sizes: Vec<[f64; 2]> = (0..500).map(|_| centres[random.below(5)]).collect();
    for seed in 0..5 {
        let found = fit(&sizes, 5, seed);
        assert_eq!(found.average_iou, 1.0);
        for (anchor, centre) in found.anchors.iter().zip(centres) {
            assert_eq!(*anchor, centre);
        }
    }
}

#[test]
fn noisy_clusters_are_found_within_their_noise() {
    let centres = [[10.0, 12.0], [40.0, 20.0], [25.0, 60.0], [90.0, 80.0]];
    let mut random = Random::new(9);
    let sizes: Vec<[f64; 2]> =
        (0..2000).map(|number| centres[number % 4].map(|side| side * random.between(0.9, 1.1))).collect();
    for (anchor, centre) in fit(&sizes, 4, 2).anchors.iter().zip(centres) {
        let overlap = BBox::new(0.0, 0.0, anchor[0], anchor[1]).iou(&BBox::new(0.0, 0.0, centre[0], centre[1]));
        assert!(overlap > 0.97, "{anchor:?} for {centre:?}");
    }
}

#[test]
fn one_anchor_is_that_of_a_search_through_all() {
    for seed in 0..3 {
        let sizes = scattered(60, seed);
        let found = fit(&sizes, 1, 1);
        let steps = || (0..300).map(|step| (1.0 + f64::from(step) / 60.0).exp());
        let best = steps()
            .flat_map(|width| steps().map(move |height| [width, height]))
            .map(|anchor| by_hand(&sizes, &[anchor]))
            .fold(0.0, f64::max);
        assert!(found.average_iou >= best - 1e-4, "seed {seed}: {} and {best}", found.average_iou);
        assert!(found.average_iou <= best + 5e-3, "seed {seed}: {} and {best}", found.average_iou);
    }
}

#[test]
fn the_average_iou_never_falls_with_another_anchor() {
    for seed in 0..4 {
        let sizes = scattered(400, seed);
        let curve = curve(&sizes, 12, seed);
        for (found, k) in curve.iter().zip(1..) {
            assert_eq!(found.anchors.len(), k);
            assert!((found.average_iou - by_hand(&sizes, &found.anchors)).abs() < 1e-9);
            assert!(found.anchors.is_sorted_by(|a, b| a[0] * a[1] <= b[0] * b[1]));
            assert_eq!(*found, fit(&sizes, k, seed));
        }
        assert!(curve.is_sorted_by(|a, b| a.average_iou <= b.average_iou));
        assert!(curve[11].average_iou > curve[0].average_iou + 0.2);
    }
}

#[test]
fn more_anchors_than_sizes_are_no_trouble_nor_are_none() {
    let found = fit(&[[3.0, 4.0], [30.0, 40.0]], 5, 1);
    assert_eq!((found.anchors.len(), found.average_iou), (5, 1.0));
    assert_eq!(fit(&[], 3, 1).anchors.len(), 0);
    assert_eq!(fit(&[[0.0, 3.0], [f64::NAN, 1.0]], 3, 1).anchors.len(), 0);
    assert_eq!(fit(&[[3.0, 4.0]], 0, 1).anchors.len(), 0);
}

#[test]
fn many_boxes_are_represented_by_some_of_them() {
    let sizes = scattered(50_000, 3);
    let found = fit(&sizes, 3, 1);
    assert!((found.average_iou - by_hand(&sizes, &found.anchors)).abs() < 2e-3);
}

#[test]
fn the_number_is_chosen_where_the_curve_flattens() {
    let of = |values: &[f64]| -> Vec<Anchors> {
        values.iter().map(|value| Anchors { anchors: Vec::new(), average_iou: *value }).collect()
    };
    let flat_from_four = of(&[0.4, 0.5, 0.6, 0.7, 0.705, 0.71]);
    assert_eq!((choose(&flat_from_four, 1), choose(&flat_from_four, 2), choose(&flat_from_four, 3)), (4, 4, 6));
    assert_eq!(choose(&of(&[0.4, 0.5, 0.6]), 1), 3);
    assert_eq!(choose(&of(&[0.9, 0.9]), 3), 3);
}

#[test]
fn small_anchors_go_to_fine_grids_in_the_order_of_the_outputs() {
    let anchors = YOLOV3.map(|[width, height]| [width as f32, height as f32]);
    let (small, middle, large) = (anchors[..3].to_vec(), anchors[3..6].to_vec(), anchors[6..].to_vec());
    let mut mixed = YOLOV3;
    mixed.reverse();
    assert_eq!(assign_to_scales(&mixed, &[8, 16, 32]), [small.clone(), middle.clone(), large.clone()]);
    assert_eq!(assign_to_scales(&mixed, &[32, 16, 8]), [large.clone(), middle, small]);
    let uneven = assign_to_scales(&YOLOV3[..5], &[32, 16, 8]);
    assert_eq!(uneven.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2]);
    assert!(assign_to_scales(&YOLOV3, &[]).is_empty());
}

#[test]
fn figures_show_every_anchor_and_the_chosen_number() {
    let sizes = scattered(300, 1);
    let curve = curve(&sizes, 6, 1);
    let line = draw_curve(&curve, 3);
    assert!(line.contains("3 anchors: 0.") && line.contains("average IoU"));
    let boxes = draw_boxes(&sizes, &curve[2].anchors);
    // 300 boxes, three anchors, and the dot in the key.
    assert_eq!(boxes.matches("<circle").count(), 304);
}
