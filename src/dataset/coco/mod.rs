//! COCO's JSON (<https://cocodataset.org/#format-data>): `images`, `annotations`, `categories`.

mod records;
mod truths;

pub(super) use records::json_box;

use super::{Dataset, DatasetError, Fault, Findings, Format, Id, Image, Place};
use crate::dataset::json::Json;
use records::{Annotation, Category};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a COCO file. Where its pictures are is not its matter.
///
/// # Errors
/// [`DatasetError`] where the file cannot be read, is no COCO file, or has a record that cannot be understood.
pub fn read(file: &Path) -> Result<Dataset, DatasetError> {
    let mut input = File::open(file).map_err(|error| DatasetError::file(file, error))?;
    read_from(&mut input, file)
}

/// What [`read`] makes of these bytes; `file` is for messages.
///
/// # Errors
/// As [`read`].
pub fn parse(mut bytes: &[u8], file: &Path) -> Result<Dataset, DatasetError> {
    read_from(&mut bytes, file)
}

/// The three lists, as the file has them.
#[derive(Default)]
struct Lists {
    images: Option<Vec<Image>>,
    annotations: Option<Vec<Annotation>>,
    categories: Option<Vec<Category>>,
}

fn read_from(input: &mut dyn Read, file: &Path) -> Result<Dataset, DatasetError> {
    let mut json = Json::new(input, file)?;
    if json.peek()? == Some(b'[') {
        let reason = "this is a list, as files of results are; a COCO data set is an object with images, annotations \
                      and categories";
        return Err(json.fault(reason));
    }
    let name = file.display().to_string();
    let (mut lists, mut findings) = (Lists::default(), Findings::default());
    json.object(&["images", "annotations", "categories"], |json, key| {
        match key {
            "images" => lists.images = Some(records::images(json)?),
            "annotations" => lists.annotations = Some(records::annotations(json, &name, &mut findings)?),
            _ => lists.categories = Some(records::categories(json)?),
        }
        Ok(())
    })?;
    json.end()?;
    let missing = |list| DatasetError::malformed(file, None, format!("no `{list}`, which a COCO data set has"));
    let images = lists.images.ok_or_else(|| missing("images"))?;
    let annotations = lists.annotations.ok_or_else(|| missing("annotations"))?;
    let categories = lists.categories.ok_or_else(|| missing("categories"))?;

    let images = sorted_images(images, &name, &mut findings);
    let categories = sorted_categories(categories, file)?;
    let truths = truths::resolve(&annotations, &images, &categories, &name, &mut findings);
    let (category_ids, labels) = categories.into_iter().map(|category| (category.id, category.name)).unzip();
    let (path, format) = (file.to_owned(), Format::Coco);
    Ok(Dataset { path, format, split: None, labels, category_ids, images, truths, findings })
}

/// By rising id; of several with one id the first.
fn sorted_images(images: Vec<Image>, file: &str, findings: &mut Findings) -> Vec<Image> {
    let mut indexed: Vec<(usize, Image)> = images.into_iter().enumerate().collect();
    indexed.sort_by_key(|(_, image)| image.id);
    let mut repeated = Vec::new();
    indexed.dedup_by(|(index, image), (_, kept)| {
        let same = image.id == kept.id;
        if same {
            repeated.push((*index, image.id));
        }
        same
    });
    repeated.sort_unstable();
    for (index, id) in repeated {
        findings.add(Fault::DuplicateImage, || Place { file: file.to_owned(), index, id: Some(Id::Number(id)) });
    }
    indexed.into_iter().map(|(_, image)| image).collect()
}

/// By rising id. The same category twice is one; one id with two names cannot be understood.
fn sorted_categories(mut categories: Vec<Category>, file: &Path) -> Result<Vec<Category>, DatasetError> {
    categories.sort_by_key(|category| category.id);
    categories.dedup();
    let mut pairs = categories.iter().zip(categories.iter().skip(1));
    if let Some((one, other)) = pairs.find(|(one, other)| one.id == other.id) {
        let reason = format!("category {} is called both {:?} and {:?}", one.id, one.name, other.name);
        return Err(DatasetError::malformed(file, None, reason));
    }
    Ok(categories)
}
