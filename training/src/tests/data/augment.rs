//! Pixels and boxes under augmentation. A box is painted in a colour of its own; wherever it goes, its pixels are found
//! again, and the box must be where they are.

use super::{Drawn, INPUT, opened, shared, split, written};
use image::{Rgb, RgbImage};
use ndarray::{ArrayView3, Axis, s};
use ocelli::geometry::BBox;
use ocelli::letterbox::{PADDING, Size};
use ocelli_training::data::{Augmentation, Batch, CacheOptions, DataError, DetectionData, LabelledBox};
use ocelli_training::data::{batch, gallery, letterboxed, size_at};
use ocelli_training::train::At;
use std::collections::HashSet;
use std::time::Instant;

/// How far around a box its pixels are looked for.
const MARGIN: f64 = 6.0;
/// Pictures of the painted data.
const PICTURES: usize = 16;
const GREY: u8 = 90;

/// The colour of a class: the strongest channel tells which of the picture's three boxes it is of, the next channel the
/// picture.
fn colour(class: usize) -> [u8; 3] {
    let mut colour = [0; 3];
    colour[class / PICTURES] = 255;
    colour[(class / PICTURES + 1) % 3] = (class % PICTURES * 5) as u8;
    colour
}

/// Grey pictures of several shapes, each with three boxes of classes that no other picture has; no box touches another.
fn painted() -> DetectionData {
    let folder = tempfile::tempdir().unwrap();
    let shapes = [(480, 360), (300, 400), (200, 200), (640, 200)];
    let names: Vec<String> = (0..PICTURES).map(|number| format!("{number}.png")).collect();
    let labels: Vec<String> = (0..3 * PICTURES).map(|class| format!("class {class}")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let mut pictures: Vec<Drawn> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let (width, height) = shapes[place % shapes.len()];
        let mut picture = RgbImage::from_pixel(width, height, Rgb([GREY; 3]));
        let mut boxes = Vec::new();
        for number in 0..3 {
            // One of 2 × 2 cells each; no box lies where a mirror image of another does.
            let (class, cell, shift) = (number * PICTURES + place, (number + place / 4) as u32 % 4, number as u32 * 5);
            let (left, top) = (cell % 2 * width / 2 + 11 + shift, cell / 2 * height / 2 + 17);
            let (wide, high) = (width / 2 - 31 - 2 * shift, height / 2 - 40);
            for (x, y) in (left..left + wide).flat_map(|x| (top..top + high).map(move |y| (x, y))) {
                picture.put_pixel(x, y, Rgb(colour(class)));
            }
            boxes.push((class, [left, top, wide, high].map(f64::from)));
        }
        pictures.push((name, picture, boxes));
    }
    opened(&[(written(folder.path(), &labels, &pictures), 1.0)]).unwrap()
}

/// Where pixels of a class are, looked for in and around `region`.
fn found(image: &ArrayView3<f32>, class: usize, region: &BBox) -> Option<BBox> {
    let (height, width, own) = (image.shape()[1], image.shape()[2], class / PICTURES);
    // How far the class's own channel is above the others: most inside, nothing on grey, between at the edges.
    let amount = |x: usize, y: usize| {
        let others = (0..3).filter(|channel| *channel != own).map(|channel| image[[channel, y, x]]);
        (image[[own, y, x]] - others.fold(0.0, f32::max)).max(0.0)
    };
    let inside = |at: usize, from: f64, to: f64| (from - MARGIN..to + MARGIN).contains(&(at as f64 + 0.5));
    let columns: Vec<usize> = (0..width).filter(|x| inside(*x, region.x, region.right())).collect();
    let rows: Vec<usize> = (0..height).filter(|y| inside(*y, region.y, region.bottom())).collect();
    let column = |x: &usize| rows.iter().map(|y| amount(*x, *y)).fold(0.0, f32::max);
    let row = |y: &usize| columns.iter().map(|x| amount(*x, *y)).fold(0.0, f32::max);
    let (across, down): (Vec<f32>, Vec<f32>) = (columns.iter().map(column).collect(), rows.iter().map(row).collect());
    let (x, wide) = span(&columns, &across)?;
    let (y, high) = span(&rows, &down)?;
    Some(BBox::new(x, y, wide, high))
}

/// Where pixels of exactly a class's colour are, in and around `region`: up to a blended pixel short at each edge.
fn found_exactly(image: &ArrayView3<f32>, class: usize, region: &BBox) -> Option<BBox> {
    let colour = colour(class).map(|value| f32::from(value) / 255.0);
    let (height, width) = (image.shape()[1], image.shape()[2]);
    let inside = |at: usize, from: f64, to: f64| (from - MARGIN..to + MARGIN).contains(&(at as f64 + 0.5));
    let is_it = |x: usize, y: usize| {
        inside(x, region.x, region.right())
            && inside(y, region.y, region.bottom())
            && (0..3).all(|channel| (image[[channel, y, x]] - colour[channel]).abs() < 1e-4)
    };
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))).filter(|(x, y)| is_it(*x, *y)) {
        (left, top) = (left.min(x), top.min(y));
        (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
    }
    let [x, y, right, bottom] = [left, top, right, bottom].map(|edge| edge as f64);
    (right > x).then(|| BBox::new(x, y, right - x, bottom - y))
}

/// Start and length of where the amounts are above half of their largest.
fn span(places: &[usize], amounts: &[f32]) -> Option<(f64, f64)> {
    let most = amounts.iter().copied().fold(0.0, f32::max);
    if most < 0.2 {
        return None;
    }
    let first = amounts.iter().position(|amount| *amount > most / 2.0)?;
    let last = amounts.iter().rposition(|amount| *amount > most / 2.0)?;
    Some((places[first] as f64, (places[last] + 1) as f64 - places[first] as f64))
}

/// The least IoU of any box with its pixels, and how many boxes there were.
fn agreement(batch: &Batch) -> (f64, usize) {
    let (mut least, mut count) = (1.0_f64, 0);
    for (image, boxes) in batch.images.axis_iter(Axis(0)).zip(&batch.boxes) {
        for labelled in boxes {
            let pixels = found(&image, labelled.class_id, &labelled.bbox);
            least = least.min(pixels.map_or(0.0, |pixels| pixels.iou(&labelled.bbox)));
            count += 1;
        }
    }
    (least, count)
}

fn at(seed: u64, batch: usize) -> At {
    At { seed, batch, batches: 1000 }
}

/// What the shipped model is trained with, of places alone.
fn places() -> Augmentation {
    Augmentation {
        flip_horizontal: 0.5,
        flip_vertical: 0.5,
        quarter_turn: 0.5,
        scale: [0.8, 1.3],
        aspect: 0.08,
        translate: 1.0,
        min_side: 24.0,
        ..Augmentation::default()
    }
}

fn recipe() -> Augmentation {
    Augmentation { hue: 0.02, saturation: 0.5, value: 0.35, mosaic: 0.3, min_side: 3.0, ..places() }
}

fn kinds() -> Vec<(&'static str, Augmentation)> {
    let none = Augmentation { min_side: 24.0, ..Augmentation::default() };
    vec![
        ("none", none.clone()),
        ("flip_horizontal", Augmentation { flip_horizontal: 1.0, ..none.clone() }),
        ("flip_vertical", Augmentation { flip_vertical: 1.0, ..none.clone() }),
        ("quarter_turn", Augmentation { quarter_turn: 1.0, ..none.clone() }),
        ("scale", Augmentation { scale: [0.5, 2.0], ..none.clone() }),
        ("aspect", Augmentation { aspect: 0.4, ..none.clone() }),
        ("translate", Augmentation { scale: [0.5, 2.0], translate: 1.0, ..none.clone() }),
        ("crop", Augmentation { crop: 1.0, ..none.clone() }),
        (
            "crop and turn",
            Augmentation { crop: 1.0, quarter_turn: 0.5, flip_horizontal: 0.5, aspect: 0.2, ..none.clone() },
        ),
        ("value", Augmentation { value: 0.4, ..none.clone() }),
        ("places", places()),
        ("sizes", Augmentation { sizes: vec![[320, 320], [416, 320], [608, 608]], size_every: 1, ..places() }),
    ]
}

#[test]
fn boxes_go_where_their_pixels_go() {
    let data = painted();
    for (name, settings) in kinds() {
        let (mut least, mut count) = (1.0_f64, 0);
        for seed in 0..40 {
            let batch = batch(&data, &settings, INPUT, at(seed, seed as usize), 4).unwrap();
            let (iou, boxes) = agreement(&batch);
            (least, count) = (least.min(iou), count + boxes);
        }
        println!("{name}: {count} boxes, least IoU {least:.4}");
        assert!(least > 0.95, "{name}: IoU {least}");
        assert!(count > 100, "{name}: only {count} boxes");
    }
}

#[test]
fn boxes_of_a_mosaic_end_where_their_pixels_end() {
    let data = painted();
    // Nothing is dropped, so that a picture which is there twice is known.
    let all = Augmentation { mosaic: 1.0, min_visible: 0.0, min_side: 0.0, ..places() };
    let kinds = [
        Augmentation { min_visible: 0.0, min_side: 0.0, mosaic: 1.0, ..Augmentation::default() },
        all.clone(),
        Augmentation { crop: 0.5, ..all },
    ];
    for settings in kinds {
        let (mut count, mut four) = (0, 0);
        for seed in 0..30 {
            let batch = batch(&data, &settings, INPUT, at(seed, 0), 4).unwrap();
            for (image, boxes) in batch.images.axis_iter(Axis(0)).zip(&batch.boxes) {
                let pictures: Vec<usize> = boxes.iter().map(|labelled| labelled.class_id % PICTURES).collect();
                four += usize::from(pictures.iter().collect::<HashSet<_>>().len() == 4);
                let twice = |class: usize| boxes.iter().filter(|labelled| labelled.class_id == class).count() > 1;
                let large = |bbox: &BBox| bbox.width.min(bbox.height) > 6.0;
                for labelled in boxes.iter().filter(|labelled| large(&labelled.bbox) && !twice(labelled.class_id)) {
                    let (bbox, pixels) =
                        (labelled.bbox, found_exactly(&image, labelled.class_id, &labelled.bbox).unwrap());
                    // A pixel of the picture is at most 2 of the input here; half of it is blended at an edge.
                    let short = [
                        pixels.x - bbox.x,
                        pixels.y - bbox.y,
                        bbox.right() - pixels.right(),
                        bbox.bottom() - pixels.bottom(),
                    ];
                    let fits = short.iter().all(|short| (-0.5..=2.0).contains(short));
                    assert!(fits, "seed {seed}: {labelled:?}, pixels {pixels:?}");
                    count += 1;
                }
                assert!(!has_padding(&image), "seed {seed}: a tile is not filled");
            }
        }
        println!("{count} boxes, {four} mosaics with objects of four pictures");
        assert!(count > 300 && four > 20);
    }
}

/// Whether any pixel is padding: one channel alone may have that value by chance.
fn has_padding(image: &ArrayView3<f32>) -> bool {
    image.lanes(Axis(0)).into_iter().any(|pixel| pixel.iter().all(|value| *value == PADDING))
}

#[test]
fn the_checks_find_faults_in_boxes() {
    let data = painted();
    let honest = batch(&data, &places(), INPUT, at(1, 1), 8).unwrap();
    assert!(agreement(&honest).0 > 0.95);
    let faults: [fn(&BBox) -> BBox; 4] = [
        |bbox| BBox::new(bbox.x + 4.0, bbox.y, bbox.width, bbox.height),
        |bbox| BBox::new(320.0 - bbox.right(), bbox.y, bbox.width, bbox.height),
        |bbox| BBox::new(bbox.y, bbox.x, bbox.height, bbox.width),
        |bbox| BBox::new(bbox.x, bbox.y, bbox.width * 1.08, bbox.height),
    ];
    for (number, fault) in faults.iter().enumerate() {
        let mut faulty = honest.clone();
        faulty.boxes.iter_mut().flatten().for_each(|labelled| labelled.bbox = fault(&labelled.bbox));
        assert!(agreement(&faulty).0 < 0.93, "fault {number}: {}", agreement(&faulty).0);
    }
    let mut exchanged = honest.clone();
    exchanged.boxes.iter_mut().flatten().for_each(|labelled| labelled.class_id = (labelled.class_id + 16) % 48);
    assert!(agreement(&exchanged).0 < 0.5);
}

#[test]
fn without_augmentation_a_batch_is_the_letterbox() {
    let data = painted();
    let size = Size { width: 314, height: 251 };
    let settings = Augmentation { min_visible: 0.0, min_side: 0.0, ..Augmentation::default() };
    let drawn = batch(&data, &settings, size, at(3, 0), PICTURES).unwrap();
    for (place, (image, boxes)) in drawn.images.axis_iter(Axis(0)).zip(&drawn.boxes).enumerate() {
        let index = data.index_at(3, place);
        let expected = letterboxed(&data, index..index + 1, size).unwrap();
        // The letterbox rounds to whole grey levels.
        let furthest = (&image - &expected.images.index_axis(Axis(0), 0)).iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        assert!(furthest < 1.01 / 255.0, "picture {index}: {furthest}");
        assert_eq!(boxes.len(), expected.boxes[0].len());
        for (ours, theirs) in boxes.iter().zip(&expected.boxes[0]) {
            assert!(ours.class_id == theirs.class_id && ours.bbox.iou(&theirs.bbox) > 0.999_999);
        }
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes_in_any_thread() {
    let data = painted();
    let settings = Augmentation { mix_up: 0.3, crop: 0.3, ..recipe() };
    let draw = |number: usize| batch(&data, &settings, INPUT, at(7, number), 3).unwrap();
    let first: Vec<Batch> = (0..6).map(draw).collect();
    let again: Vec<Batch> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).rev().map(|number| scope.spawn(move || (number, draw(number)))).collect();
        let mut all: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, batch)| batch).collect()
    });
    for (number, (a, b)) in first.iter().zip(&again).enumerate() {
        assert_eq!((&a.images, &a.boxes), (&b.images, &b.boxes));
        let others = first.iter().enumerate().filter(|(other, _)| *other != number);
        assert!(others.into_iter().all(|(_, other)| other.images != a.images));
    }
    let other_seed = batch(&data, &settings, INPUT, at(8, 0), 3).unwrap();
    assert_ne!(other_seed.images, first[0].images);
}

#[test]
fn an_epoch_of_batches_has_every_picture() {
    let data = painted();
    let settings = Augmentation { flip_horizontal: 0.5, ..Augmentation::default() };
    let mut seen = HashSet::new();
    for number in 0..4 {
        for boxes in batch(&data, &settings, INPUT, at(2, number), 4).unwrap().boxes {
            seen.insert(boxes[0].class_id % PICTURES);
        }
    }
    assert_eq!(seen.len(), PICTURES);
}

#[test]
fn padding_keeps_its_value_whatever_becomes_of_the_colours() {
    let data = painted();
    let settings = Augmentation { hue: 0.5, saturation: 1.0, value: 1.0, scale: [0.4, 0.5], ..places() };
    let drawn = batch(&data, &settings, INPUT, at(1, 0), 8).unwrap();
    for image in drawn.images.axis_iter(Axis(0)) {
        let padding = image.iter().filter(|value| **value == PADDING).count();
        // At scale 1, pictures cover 31 to 94 % of the input.
        assert!(padding > image.len() * 6 / 10, "{padding} of {}", image.len());
        assert!(image.iter().all(|value| (0.0..=1.0).contains(value)));
    }
}

#[test]
fn a_horizontal_flip_is_the_mirror_image_and_two_flips_are_half_a_turn() {
    let data = painted();
    // 200 × 200 in 320 × 256: nothing is rounded.
    let square = (0..PICTURES).find(|place| data.index_at(1, *place) % 4 == 2).unwrap();
    let draw = |settings: Augmentation| {
        let drawn = batch(&data, &settings, INPUT, at(1, 0), PICTURES).unwrap();
        drawn.images.index_axis_move(Axis(0), square)
    };
    let none = Augmentation::default();
    let plain = draw(none.clone());
    let near = |a: ArrayView3<f32>, b: ArrayView3<f32>| (&a - &b).iter().all(|difference| difference.abs() < 1e-5);
    let across = draw(Augmentation { flip_horizontal: 1.0, ..none.clone() });
    let down = draw(Augmentation { flip_vertical: 1.0, ..none.clone() });
    let both = draw(Augmentation { flip_horizontal: 1.0, flip_vertical: 1.0, ..none });
    assert!(near(across.view(), plain.slice(s![.., .., ..;-1])));
    assert!(near(down.view(), plain.slice(s![.., ..;-1, ..])));
    assert!(near(both.view(), plain.slice(s![.., ..;-1, ..;-1])));
    assert!(!near(across.view(), plain.view()));
}

#[test]
fn a_quarter_turn_mirrors_nothing_and_goes_both_ways() {
    let data = painted();
    let settings = Augmentation { quarter_turn: 1.0, scale: [0.5, 0.5], ..Augmentation::default() };
    let (mut left, mut right) = (0, 0);
    for number in 0..8 {
        let drawn = batch(&data, &settings, INPUT, at(5, number), 4).unwrap();
        for (place, boxes) in drawn.boxes.iter().enumerate() {
            let original = data.sample(data.index_at(5, number * 4 + place)).unwrap().boxes;
            assert_eq!(boxes.len(), 3);
            assert!((cross(boxes) * cross(&original)) > 0.0, "mirrored");
            let (before, after) = (step(&original, 0, 1), step(boxes, 0, 1));
            // Across becomes down or up, whichever way it turned.
            match before.0 * after.1 - before.1 * after.0 > 0.0 {
                true => right += 1,
                false => left += 1,
            }
        }
    }
    assert!(left > 5 && right > 5, "{left} to the left, {right} to the right");
}

/// From the centre of one box to that of another.
fn step(boxes: &[LabelledBox], from: usize, to: usize) -> (f64, f64) {
    let centre = |bbox: BBox| (bbox.x + bbox.width / 2.0, bbox.y + bbox.height / 2.0);
    let (a, b) = (centre(boxes[from].bbox), centre(boxes[to].bbox));
    (b.0 - a.0, b.1 - a.1)
}

/// Which way round three boxes lie: changes its sign in a mirror.
fn cross(boxes: &[LabelledBox]) -> f64 {
    let (a, b) = (step(boxes, 0, 1), step(boxes, 0, 2));
    a.0 * b.1 - a.1 * b.0
}

#[test]
fn scales_and_places_use_all_of_their_ranges() {
    let data = painted();
    let (mut scales, mut lefts) = (Vec::new(), Vec::new());
    let settings = Augmentation { scale: [0.5, 0.8], translate: 1.0, ..Augmentation::default() };
    for number in 0..200 {
        let drawn = batch(&data, &settings, INPUT, at(5, number), 1).unwrap();
        let original = data.sample(data.index_at(5, number)).unwrap();
        let fit = f64::from(INPUT.width) / f64::from(original.image.width());
        let fit = fit.min(f64::from(INPUT.height) / f64::from(original.image.height()));
        let scale = drawn.boxes[0][0].bbox.width / original.boxes[0].bbox.width;
        scales.push(scale / fit);
        // Position of the picture's left edge as a part of the room for it.
        let left = drawn.boxes[0][0].bbox.x - original.boxes[0].bbox.x * scale;
        lefts.push(left / (f64::from(INPUT.width) - f64::from(original.image.width()) * scale));
    }
    let range = |values: &[f64]| {
        (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(f64::MIN, f64::max))
    };
    let ((smallest, largest), (first, last)) = (range(&scales), range(&lefts));
    // The letterbox truncates to whole pixels: up to 1 % of the shortest side here.
    assert!(smallest > 0.49 && smallest < 0.51 && largest > 0.79 && largest < 0.81, "{smallest} {largest}");
    assert!(first > -0.01 && first < 0.05 && last > 0.95 && last < 1.01, "{first} {last}");
    // Evenly on a logarithmic scale: half lie below the geometric mean.
    let below = scales.iter().filter(|scale| **scale < (0.5_f64 * 0.8).sqrt()).count();
    assert!((75..=125).contains(&below), "{below} of 200");
}

#[test]
fn objects_mostly_out_of_sight_or_tiny_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    // Twice enlarged about the centre, the middle half of each axis stays: 50..150 of 200.
    let boxes = [
        [46.0, 80.0, 10.0, 10.0],
        [41.5, 80.0, 10.0, 10.0],
        [100.0, 100.0, 1.4, 30.0],
        [100.0, 50.0, 1.6, 30.0],
        [0.0, 0.0, 40.0, 40.0],
    ];
    let picture = RgbImage::from_pixel(200, 200, Rgb([GREY; 3]));
    let dataset = written(folder.path(), &["a"], &[("1.png", picture, boxes.map(|bbox| (0, bbox)).to_vec())]);
    let data = opened(&[(dataset, 1.0)]).unwrap();
    let size = Size { width: 200, height: 200 };
    let settings = Augmentation { scale: [2.0, 2.0], ..Augmentation::default() };
    let kept = batch(&data, &settings, size, at(1, 0), 1).unwrap().boxes.remove(0);
    let kept: Vec<BBox> = kept.iter().map(|labelled| labelled.bbox).collect();
    // The first has 60 % in sight, the second 15 %; 2.8 pixels are too narrow, 3.2 are not.
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0], BBox::new(0.0, 60.0, 12.0, 20.0));
    assert!((kept[1].width - 3.2).abs() < 1e-9);
}

#[test]
fn a_crop_fills_the_input_and_keeps_an_object() {
    let data = painted();
    let settings = Augmentation { crop: 1.0, crop_area: [0.05, 0.1], ..Augmentation::default() };
    let whole = Augmentation { ..Augmentation::default() };
    let mut cropped = 0;
    for number in 0..60 {
        let drawn = batch(&data, &settings, INPUT, at(5, number), 2).unwrap();
        let plain = batch(&data, &whole, INPUT, at(5, number), 2).unwrap();
        for place in 0..2 {
            assert!(!drawn.boxes[place].is_empty());
            let image = drawn.images.index_axis(Axis(0), place);
            if image != plain.images.index_axis(Axis(0), place) {
                cropped += 1;
                assert!(!has_padding(&image));
            }
        }
    }
    assert!(cropped > 100, "{cropped} of 120");
}

#[test]
fn a_mix_up_averages_two_pictures_and_has_the_objects_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let one = |value: u8| RgbImage::from_pixel(320, 256, Rgb([value; 3]));
    let bbox = |class: usize| vec![(class, [10.0, 20.0, 30.0, 40.0])];
    let pictures = [("black.png", one(0), bbox(0)), ("white.png", one(255), bbox(1))];
    let data = opened(&[(written(folder.path(), &["black", "white"], &pictures), 1.0)]).unwrap();
    let settings = Augmentation { mix_up: 1.0, ..Augmentation::default() };
    let mut shares = Vec::new();
    for number in 0..200 {
        let drawn = batch(&data, &settings, INPUT, at(5, number), 2).unwrap();
        for (image, boxes) in drawn.images.axis_iter(Axis(0)).zip(&drawn.boxes) {
            assert_eq!(boxes.len(), 2);
            let grey = image[[0, 0, 0]];
            assert!(image.iter().all(|value| (value - grey).abs() < 1e-6));
            match (boxes[0].class_id, boxes[1].class_id) {
                (0, 0) => assert_eq!(grey, 0.0),
                (1, 1) => assert!((grey - 1.0).abs() < 1e-6),
                (0, _) => shares.push(1.0 - f64::from(grey)),
                _ => shares.push(f64::from(grey)),
            }
        }
    }
    let count = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / count;
    let deviation = (shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / count).sqrt();
    println!("{count} mixed, mean share {mean:.3}, standard deviation {deviation:.3}");
    // Beta(8, 8) has mean 1/2 and variance 1/68; the bounds are five standard errors of 200 draws.
    assert!(count > 150.0 && (mean - 0.5).abs() < 0.043 && (deviation - (1.0_f64 / 68.0).sqrt()).abs() < 0.03);
}

#[test]
fn mosaics_and_mix_ups_end_before_the_training_does() {
    let data = painted();
    let settings = Augmentation { mosaic: 1.0, mosaic_until: 0.75, ..places() };
    let alone = |number: usize| {
        let drawn = batch(&data, &settings, INPUT, at(1, number), 4).unwrap();
        let single =
            |boxes: &Vec<LabelledBox>| boxes.iter().map(|b| b.class_id % PICTURES).collect::<HashSet<_>>().len() <= 1;
        drawn.boxes.iter().all(single)
    };
    assert!((740..750).all(|number| !alone(number)));
    assert!((750..760).all(alone));
    let mixed = Augmentation { mix_up: 1.0, mosaic: 0.0, ..settings };
    let objects = |number: usize| batch(&data, &mixed, INPUT, at(1, number), 4).unwrap().boxes.concat().len();
    assert!(objects(749) > 12 && objects(750) <= 12);
}

/// Hue in turns, saturation and value of a colour: the textbook formulas, as Python's colorsys has them.
fn hsv([red, green, blue]: [f64; 3]) -> [f64; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most == least {
        return [0.0, 0.0, most];
    }
    let [r, g, b] = [red, green, blue].map(|value| (most - value) / (most - least));
    let hue = if red == most {
        b - g
    } else if green == most {
        2.0 + r - b
    } else {
        4.0 + g - r
    };
    [(hue / 6.0).rem_euclid(1.0), (most - least) / most, most]
}

#[test]
fn colours_change_in_hue_saturation_and_value_alike_for_all_pixels() {
    let folder = tempfile::tempdir().unwrap();
    // Muted colours of all hues: no gain of up to 30 % saturates them.
    let picture =
        RgbImage::from_fn(320, 256, |x, y| Rgb([60 + (x / 4) as u8, 60 + (y / 3) as u8, 60 + ((x + y) / 6) as u8]));
    let dataset = written(folder.path(), &["a"], &[("1.png", picture, vec![(0, [10.0, 20.0, 30.0, 40.0])])]);
    let data = opened(&[(dataset, 1.0)]).unwrap();
    let none = Augmentation::default();
    let draw = |settings: &Augmentation, seed: u64| batch(&data, settings, INPUT, at(seed, 0), 1).unwrap().images;
    let plain = draw(&none, 0);
    let (mut turns, mut gains, mut lights) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..20 {
        let settings = Augmentation { hue: 0.5, saturation: 0.3, value: 0.3, ..none.clone() };
        let changed = draw(&settings, seed);
        let mut first: Option<[f64; 3]> = None;
        for (x, y) in (0..320).step_by(7).flat_map(|x| (0..256).step_by(5).map(move |y| (x, y))) {
            let at =
                |images: &ndarray::Array4<f32>| hsv([0, 1, 2].map(|channel| f64::from(images[[0, channel, y, x]])));
            let ([h0, s0, v0], [h1, s1, v1]) = (at(&plain), at(&changed));
            // Of near greys the hue is lost in rounding.
            if s0 < 0.05 {
                continue;
            }
            let change = [(h1 - h0).rem_euclid(1.0), s1 / s0, v1 / v0];
            let expected = *first.get_or_insert(change);
            let apart = (change[0] - expected[0]).abs();
            assert!(apart.min(1.0 - apart) < 1e-4, "hue: {change:?}, {expected:?}");
            assert!((change[1] - expected[1]).abs() < 1e-3 && (change[2] - expected[2]).abs() < 1e-3);
        }
        let [turn, gain, light] = first.unwrap();
        turns.push(turn);
        gains.push(gain);
        lights.push(light);
    }
    let spread = |values: &[f64]| {
        values.iter().copied().fold(f64::MIN, f64::max) - values.iter().copied().fold(f64::MAX, f64::min)
    };
    assert!(spread(&turns) > 0.6 && spread(&gains) > 0.35 && spread(&lights) > 0.35);
    assert!(gains.iter().chain(&lights).all(|gain| (0.699..=1.301).contains(gain)));
}

#[test]
fn grey_stays_grey_and_black_stays_black() {
    let data = painted();
    let settings = Augmentation { hue: 0.5, saturation: 1.0, ..Augmentation::default() };
    let (plain, changed) = (Augmentation::default(), settings);
    let [plain, changed] = [plain, changed].map(|settings| batch(&data, &settings, INPUT, at(3, 0), 1).unwrap().images);
    let grey = f32::from(GREY) / 255.0;
    let mut count = 0;
    for (x, y) in (0..320).flat_map(|x| (0..256).map(move |y| (x, y))) {
        if (0..3).all(|channel| (plain[[0, channel, y, x]] - grey).abs() < 1e-6) {
            assert!((0..3).all(|channel| (changed[[0, channel, y, x]] - grey).abs() < 1e-6));
            count += 1;
        }
    }
    assert!(count > 1000);
}

#[test]
fn sizes_take_turns() {
    let data = painted();
    let settings =
        Augmentation { sizes: vec![[320, 256], [352, 288], [96, 64]], size_every: 10, ..Augmentation::default() };
    let size = |number: usize| size_at(&settings, INPUT, at(1, number));
    let mut seen = HashSet::new();
    for turn in 0..30 {
        let Size { width, height } = size(turn * 10);
        assert!((0..10).all(|within| size(turn * 10 + within) == Size { width, height }));
        seen.insert([width, height]);
        let drawn = batch(&data, &settings, INPUT, at(1, turn * 10), 1).unwrap();
        assert_eq!(drawn.images.shape(), [1, 3, height as usize, width as usize]);
    }
    assert_eq!(seen.len(), 3);
    assert_eq!(size_at(&Augmentation::default(), INPUT, at(1, 5)), INPUT);
}

#[test]
fn settings_out_of_range_are_refused_with_their_names() {
    let data = painted();
    let none = Augmentation::default();
    let wrong = [
        ("mosaic", Augmentation { mosaic: 1.5, ..none.clone() }),
        ("mix_up", Augmentation { mix_up: f64::NAN, ..none.clone() }),
        ("aspect", Augmentation { aspect: 1.0, ..none.clone() }),
        ("scale", Augmentation { scale: [1.3, 0.8], ..none.clone() }),
        ("crop_area", Augmentation { crop_area: [0.0, 1.0], ..none.clone() }),
        ("min_visible", Augmentation { min_visible: -0.1, ..none.clone() }),
        ("min_side", Augmentation { min_side: f64::INFINITY, ..none.clone() }),
        ("sizes", Augmentation { sizes: vec![[0, 32]], ..none.clone() }),
        ("size_every", Augmentation { size_every: 0, ..none.clone() }),
    ];
    let flat = Size { width: 320, height: 0 };
    assert!(matches!(batch(&data, &none, flat, at(1, 0), 1), Err(DataError::Settings(_))));
    for (name, settings) in wrong {
        match batch(&data, &settings, INPUT, at(1, 0), 1) {
            Err(DataError::Settings(reason)) => assert!(reason.contains(&format!("augmentation.{name}")), "{reason}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let parsed = parsed_json(r#"{"mosaic": 0.3, "scale": [0.8, 1.3]}"#).unwrap();
    assert_eq!((parsed.mosaic, parsed.scale, parsed.min_visible), (0.3, [0.8, 1.3], 0.2));
    assert!(parsed_json(r#"{"mosiac": 0.3}"#).is_err());
}

fn parsed_json(text: &str) -> serde_json::Result<Augmentation> {
    serde_json::from_str(text)
}

#[test]
fn the_gallery_has_a_sheet_for_each_part_that_is_on() {
    let data = painted();
    let settings = Augmentation { mix_up: 0.1, sizes: vec![[320, 256], [160, 128]], ..recipe() };
    let sheets = gallery(&data, &settings, INPUT, 1).unwrap();
    let names: Vec<&str> = sheets.iter().map(|(name, _)| *name).collect();
    let expected = [
        "letterbox",
        "flip-horizontal",
        "flip-vertical",
        "quarter-turn",
        "scale",
        "aspect",
        "translate",
        "colour",
        "mosaic",
        "mix-up",
        "sizes",
        "all",
    ];
    assert_eq!(names, expected);
    for (name, sheet) in &sheets {
        assert_eq!(sheet.dimensions(), (3 * 640 + 12, 3 * 512 + 12), "{name}");
    }
    let different: HashSet<&[u8]> = sheets.iter().map(|(_, sheet)| sheet.as_raw().as_slice()).collect();
    assert_eq!(different.len(), sheets.len());
}

#[test]
fn bccd_under_its_recipe_has_all_its_boxes_within_the_input() {
    let Some(path) = shared("detection/bccd/BCCD") else { return };
    let options = CacheOptions { longest: 480, ..CacheOptions::default() };
    let data = DetectionData::open(&[(split(&path, "train"), 1.0)], &options, &|_, _| {}).unwrap();
    let mosaics = Augmentation { mosaic: 1.0, ..recipe() };
    let singles = Augmentation { mosaic: 0.0, ..recipe() };
    let turned = Augmentation { quarter_turn: 1.0, ..singles.clone() };
    for (name, settings) in [("mosaic", mosaics), ("single", singles), ("turned", turned), ("recipe", recipe())] {
        let (start, mut boxes) = (Instant::now(), 0);
        for number in 0..25 {
            let drawn = batch(&data, &settings, INPUT, at(1, number), 8).unwrap();
            for labelled in drawn.boxes.iter().flatten() {
                let BBox { x, y, width, height } = labelled.bbox;
                assert!(x >= 0.0 && y >= 0.0 && width > 3.0 && height > 3.0 && labelled.class_id < 3);
                assert!(labelled.bbox.right() <= 320.0 + 1e-9 && labelled.bbox.bottom() <= 256.0 + 1e-9);
            }
            boxes += drawn.boxes.iter().flatten().count();
        }
        println!(
            "{name}: {:.2} ms and {:.1} boxes a sample",
            start.elapsed().as_secs_f64() * 1000.0 / 200.0,
            boxes as f64 / 200.0
        );
        assert!(boxes > 1000);
    }
}
