//! COCO's JSON. Data sets of other formats get category ids from 1, as COCO's are.

use super::{Plan, Written, place_picture};
use crate::dataset::{DatasetError, Format};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};

#[derive(Serialize)]
struct Content<'a> {
    images: Vec<Image<'a>>,
    annotations: Vec<Annotation>,
    categories: Vec<Category<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    id: i64,
    file_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

#[derive(Serialize)]
struct Annotation {
    id: i64,
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
    #[serde(skip_serializing_if = "is_zero")]
    ignore: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct Category<'a> {
    id: i64,
    name: &'a str,
}

pub(super) fn write(plan: &Plan, progress: &dyn Fn(usize)) -> Result<Written, DatasetError> {
    let pictures = plan.folder(&plan.split)?;
    for (index, image) in plan.images.iter().enumerate() {
        place_picture(image, &pictures)?;
        progress(index + 1);
    }
    let path = plan.folder("annotations")?.join(format!("instances_{}.json", plan.split));
    let failed = |error| DatasetError::file(&path, error);
    let mut file = BufWriter::new(File::create(&path).map_err(failed)?);
    serde_json::to_writer(&mut file, &content(plan)).map_err(|error| failed(error.into()))?;
    file.flush().map_err(failed)?;
    Ok(Written { images: plan.images.len(), truths: plan.dataset.truths.len(), losses: Vec::new() })
}

fn content<'a>(plan: &'a Plan) -> Content<'a> {
    let dataset = plan.dataset;
    let first = i64::from(dataset.format != Format::Coco);
    let category = |class: usize| dataset.category_ids.get(class).map_or(0, |id| id + first);
    let image = |(image, placed): (&crate::dataset::Image, &'a super::Placed)| {
        let (width, height) = placed.size.unzip();
        Image { id: image.id, file_name: &placed.name, width, height }
    };
    let annotations = dataset.truths.iter().map(|truth| Annotation {
        id: truth.id,
        image_id: dataset.images.get(truth.image as usize).map_or(0, |image| image.id),
        category_id: category(truth.class as usize),
        bbox: [truth.bbox.x, truth.bbox.y, truth.bbox.width, truth.bbox.height],
        area: truth.area,
        iscrowd: u8::from(truth.crowd),
        ignore: u8::from(truth.ignore && !truth.crowd),
    });
    let categories = dataset.labels.iter().enumerate().map(|(class, name)| Category { id: category(class), name });
    Content {
        images: dataset.images.iter().zip(&plan.images).map(image).collect(),
        annotations: annotations.collect(),
        categories: categories.collect(),
    }
}
