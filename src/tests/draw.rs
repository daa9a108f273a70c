//! Annotated pictures: colours that stay, frames and labels where they belong, and no picture too odd to draw on.

use image::{Rgb, RgbImage};
use ocelli::detection::Detection;
use ocelli::draw::{annotate, class_color};
use ocelli::geometry::BBox;
use proptest::prelude::{Strategy, any, prop_assert, prop_oneof, proptest};
use std::collections::HashSet;

const GRAY: Rgb<u8> = Rgb([128; 3]);

fn gray(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, GRAY)
}

fn found(class_id: usize, confidence: f32, bbox: BBox) -> Detection {
    Detection { label: "dog".into(), class_id, confidence, bbox }
}

fn changed(image: &RgbImage, x: std::ops::Range<u32>, y: std::ops::Range<u32>) -> usize {
    image.enumerate_pixels().filter(|(px, py, c)| x.contains(px) && y.contains(py) && **c != GRAY).count()
}

#[test]
fn a_class_keeps_its_colour_from_release_to_release() {
    assert_eq!(
        [0, 1, 2, 16].map(|class| class_color(class).0),
        [[43, 144, 238], [214, 242, 95], [192, 17, 212], [95, 242, 214]]
    );
}

#[test]
fn the_eighty_classes_of_coco_have_eighty_colours() {
    let colors: HashSet<[u8; 3]> = (0..80).map(|class| class_color(class).0).collect();
    assert_eq!(colors.len(), 80);
}

#[test]
fn classes_close_in_number_are_far_apart_in_colour() {
    for class in 0..200 {
        for other in class + 1..class + 5 {
            let (a, b) = (class_color(class).0, class_color(other).0);
            let distance: u32 = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
            assert!(distance > 60, "classes {class} and {other} look alike: {a:?} and {b:?}");
        }
    }
}

#[test]
fn the_frame_lies_on_the_edge_of_the_box_and_leaves_its_inside_alone() {
    let mut image = gray(200, 160);
    annotate(&mut image, &[found(3, 0.9, BBox::new(20.0, 40.0, 100.0, 80.0))]);
    for (x, y) in [(20, 60), (119, 60), (70, 119), (110, 40)] {
        assert_eq!(*image.get_pixel(x, y), class_color(3), "at {x}, {y}");
    }
    assert_eq!(changed(&image, 25..115, 45..115), 0);
    assert_eq!(changed(&image, 121..200, 0..160) + changed(&image, 0..200, 121..160), 0);
}

#[test]
fn the_label_stands_above_the_box_where_there_is_room() {
    let mut image = gray(200, 160);
    annotate(&mut image, &[found(3, 0.9, BBox::new(20.0, 40.0, 100.0, 80.0))]);
    assert!(changed(&image, 20..120, 20..40) > 300, "the tag is missing");
    let black = image.enumerate_pixels().filter(|(_, y, c)| *y < 40 && c.0.iter().all(|v| *v < 60)).count();
    let white = image.enumerate_pixels().filter(|(_, y, c)| *y < 40 && c.0.iter().all(|v| *v > 200)).count();
    assert!(black.max(white) > 20, "the tag has no letters");
}

#[test]
fn the_label_moves_into_the_box_at_the_top_of_the_picture() {
    let mut image = gray(200, 160);
    annotate(&mut image, &[found(3, 0.9, BBox::new(20.0, 0.0, 150.0, 120.0))]);
    assert!(changed(&image, 22..60, 2..12) > 200);
}

#[test]
fn labels_of_two_boxes_in_one_place_do_not_cover_each_other() {
    let bbox = BBox::new(20.0, 60.0, 160.0, 80.0);
    let mut image = gray(220, 160);
    annotate(&mut image, &[found(1, 0.5, bbox), found(2, 0.9, bbox)]);
    let above = |class| image.enumerate_pixels().filter(|(_, y, c)| *y < 60 && **c == class_color(class)).count();
    assert!(above(1) > 200 && above(2) > 200, "{} and {} pixels", above(1), above(2));
}

#[test]
fn the_surest_box_is_drawn_on_top_whatever_the_order() {
    let bbox = BBox::new(10.0, 40.0, 100.0, 60.0);
    for order in [[(1, 0.3), (2, 0.9)], [(2, 0.9), (1, 0.3)]] {
        let mut image = gray(160, 120);
        annotate(&mut image, &order.map(|(class, confidence)| found(class, confidence, bbox)));
        assert_eq!(*image.get_pixel(60, 99), class_color(2));
    }
}

#[test]
fn boxes_outside_or_not_finite_leave_the_picture_as_it_was() {
    let boxes = [
        BBox::new(-50.0, 10.0, 40.0, 10.0),
        BBox::new(100.0, 100.0, 5.0, 5.0),
        BBox::new(10.0, 10.0, 0.0, 5.0),
        BBox::new(f64::NAN, 0.0, 5.0, 5.0),
        BBox::new(0.0, 0.0, f64::INFINITY, 5.0),
        BBox::new(f64::NEG_INFINITY, 0.0, f64::INFINITY, 5.0),
    ];
    let mut image = gray(60, 60);
    annotate(&mut image, &boxes.map(|bbox| found(0, 0.9, bbox)));
    assert_eq!(image, gray(60, 60));
}

#[test]
fn a_picture_of_one_pixel_takes_the_colour_of_its_box() {
    let mut image = gray(1, 1);
    annotate(&mut image, &[found(5, 0.9, BBox::new(0.0, 0.0, 1.0, 1.0))]);
    assert_eq!(*image.get_pixel(0, 0), class_color(5));
    annotate(&mut RgbImage::new(0, 0), &[found(5, 0.9, BBox::new(0.0, 0.0, 1.0, 1.0))]);
}

#[test]
fn a_box_over_the_edge_is_cut_at_the_edge() {
    let mut image = gray(100, 100);
    annotate(&mut image, &[found(4, 0.9, BBox::new(-500.0, 50.0, 1e9, 20.0))]);
    assert_eq!(*image.get_pixel(0, 60), class_color(4));
    assert_eq!(*image.get_pixel(99, 60), class_color(4));
}

fn coordinate() -> impl Strategy<Value = f64> {
    prop_oneof![-50.0..300.0, any::<f64>()]
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        (width, height) in (0_u32..120, 0_u32..120),
        boxes in proptest::collection::vec(
            ((coordinate(), coordinate(), coordinate(), coordinate()), any::<f32>(), any::<usize>(), ".{0,80}"), 0..12),
    ) {
        let detections: Vec<Detection> = boxes
            .into_iter()
            .map(|((x, y, w, h), confidence, class_id, label)| {
                Detection { label, class_id, confidence, bbox: BBox::new(x, y, w, h) }
            })
            .collect();
        let mut image = gray(width, height);
        annotate(&mut image, &detections);
        prop_assert!(image.dimensions() == (width, height));
    }
}
