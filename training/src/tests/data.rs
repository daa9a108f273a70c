//! Training data: what is opened, in which order it comes, and that boxes go where pixels go.

mod augment;
mod order;
mod sources;

use image::{Rgb, RgbImage};
use ocelli::dataset::{Dataset, OpenOptions, open};
use ocelli::letterbox::Size;
use ocelli_training::data::{CacheOptions, DataError, DetectionData};
use std::path::{Path, PathBuf};

/// The folder of data that is shared among tests, if this machine has it.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("OCELLI_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = root.join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

pub fn split(path: &Path, split: &str) -> Dataset {
    open(path, &OpenOptions { format: None, split: Some(split.into()) }).unwrap()
}

/// A picture of a data set: its file's name, itself, and a class with a box (x, y, width, height) for each object.
type Drawn<'a> = (&'a str, RgbImage, Vec<(usize, [f64; 4])>);

/// Writes a data set as COCO JSON with PNG pictures.
fn written(folder: &Path, labels: &[&str], pictures: &[Drawn]) -> Dataset {
    std::fs::create_dir_all(folder).unwrap();
    let mut images = Vec::new();
    let mut annotations = Vec::new();
    for (id, (name, picture, boxes)) in pictures.iter().enumerate() {
        picture.save(folder.join(name)).unwrap();
        let (width, height) = picture.dimensions();
        images.push(serde_json::json!({"id": id, "file_name": name, "width": width, "height": height}));
        for (class, bbox) in boxes {
            let area = bbox[2] * bbox[3];
            annotations.push(serde_json::json!({"id": annotations.len(), "image_id": id, "category_id": class, "bbox": bbox, "area": area, "iscrowd": 0}));
        }
    }
    let categories: Vec<_> =
        labels.iter().enumerate().map(|(id, name)| serde_json::json!({"id": id, "name": name})).collect();
    let all = serde_json::json!({"images": images, "annotations": annotations, "categories": categories});
    let path = folder.join("instances.json");
    std::fs::write(&path, all.to_string()).unwrap();
    open(&path, &OpenOptions::default()).unwrap()
}

fn grey(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb([60; 3]))
}

fn opened(sources: &[(Dataset, f64)]) -> Result<DetectionData, DataError> {
    DetectionData::open(sources, &CacheOptions::default(), &mut |_, _| {})
}

const INPUT: Size = Size { width: 320, height: 256 };
