//! The records of a COCO file, one by one.

use crate::dataset::json::{Json, Scalar};
use crate::dataset::{DatasetError, Fault, Findings, Id, Image, Place, boxes};
use crate::geometry::BBox;

/// An annotation, before it is known whether its picture and its category are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Annotation {
    /// Its place in the list.
    pub index: usize,
    pub id: i64,
    pub image: i64,
    pub category: i64,
    pub bbox: BBox,
    pub area: f64,
    pub crowd: bool,
    pub ignore: bool,
}

/// A category.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Category {
    pub id: i64,
    pub name: String,
}

/// The list of pictures.
pub(super) fn images(json: &mut Json) -> Result<Vec<Image>, DatasetError> {
    let mut images = Vec::new();
    json.list("images", |json, _| {
        let (mut id, mut name, mut width, mut height) = (None, None, None, None);
        json.object(&["id", "file_name", "width", "height"], |json, key| {
            match key {
                "id" => id = Some(whole(json, key)?),
                "file_name" => name = text(json)?,
                "width" => width = side(json)?,
                _ => height = side(json)?,
            }
            Ok(())
        })?;
        let id = needed(json, id, "id")?;
        let name = name.unwrap_or_else(|| id.to_string());
        images.push(Image { id, name, path: None, size: width.zip(height) });
        Ok(())
    })?;
    Ok(images)
}

/// The list of categories. One without name is called as classes without names are.
pub(super) fn categories(json: &mut Json) -> Result<Vec<Category>, DatasetError> {
    let mut categories = Vec::new();
    json.list("categories", |json, _| {
        let (mut id, mut name) = (None, None);
        json.object(&["id", "name"], |json, key| {
            match key {
                "id" => id = Some(whole(json, key)?),
                _ => name = text(json)?,
            }
            Ok(())
        })?;
        let id = needed(json, id, "id")?;
        categories.push(Category { id, name: name.unwrap_or_else(|| format!("class_{id}")) });
        Ok(())
    })?;
    Ok(categories)
}

/// The list of annotations, without those that have no sound box. Outlines are skipped.
pub(super) fn annotations(
    json: &mut Json,
    file: &str,
    findings: &mut Findings,
) -> Result<Vec<Annotation>, DatasetError> {
    let mut annotations = Vec::new();
    json.list("annotations", |json, index| {
        annotations.extend(annotation(json, index, file, findings)?);
        Ok(())
    })?;
    Ok(annotations)
}

fn annotation(
    json: &mut Json,
    index: usize,
    file: &str,
    findings: &mut Findings,
) -> Result<Option<Annotation>, DatasetError> {
    const KEYS: [&str; 7] = ["id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore"];
    let (mut id, mut image, mut category, mut area, mut crowd, mut ignore) = (None, None, None, None, None, None);
    let mut bbox = Err(Fault::MissingBox);
    json.object(&KEYS, |json, key| {
        match key {
            "id" => id = Some(whole(json, key)?),
            "image_id" => image = Some(whole(json, key)?),
            "category_id" => category = Some(whole(json, key)?),
            "bbox" => bbox = json_box(json)?,
            "area" => area = finite(json, key)?,
            "iscrowd" => crowd = flag(json, key)?,
            _ => ignore = flag(json, key)?,
        }
        Ok(())
    })?;
    let id = needed(json, id, "id")?;
    let (image, category) = (needed(json, image, "image_id")?, needed(json, category, "category_id")?);
    let mut add = |fault| findings.add(fault, || Place { file: file.to_owned(), index, id: Some(Id::Number(id)) });
    let bbox = match bbox {
        Ok(bbox) => bbox,
        Err(fault) => {
            add(fault);
            return Ok(None);
        }
    };
    for (missing, fault) in [(area.is_none(), Fault::MissingArea), (crowd.is_none(), Fault::MissingCrowd)] {
        if missing {
            add(fault);
        }
    }
    let area = area.unwrap_or_else(|| bbox.area());
    let (crowd, ignore) = (crowd.unwrap_or(false), ignore.unwrap_or(false));
    Ok(Some(Annotation { index, id, image, category, bbox, area, crowd, ignore }))
}

/// COCO's `[x, y, width, height]`, or what is wrong with it.
#[inline]
pub(in crate::dataset) fn json_box(json: &mut Json) -> Result<Result<BBox, Fault>, DatasetError> {
    if json.peek()? == Some(b'n') {
        return json.skip().map(|()| Err(Fault::MissingBox));
    }
    Ok(json.four()?.and_then(boxes::valid).ok_or(Fault::BadBox))
}

/// An id: 3, or 3.0.
fn whole(json: &mut Json, key: &str) -> Result<i64, DatasetError> {
    let value = json.scalar()?;
    let refused = || json.fault(&format!("`{key}` is {}; it must be a whole number", value.describe()));
    value.whole().ok_or_else(refused)
}

/// A number that may be absent.
fn finite(json: &mut Json, key: &str) -> Result<Option<f64>, DatasetError> {
    let value = json.scalar()?;
    let refused = || json.fault(&format!("`{key}` is {}; it must be a finite number", value.describe()));
    match value {
        Scalar::Null => Ok(None),
        _ => value.number().filter(|number| number.is_finite()).map(Some).ok_or_else(refused),
    }
}

/// 0, 1, false or true, which may be absent.
fn flag(json: &mut Json, key: &str) -> Result<Option<bool>, DatasetError> {
    let value = json.scalar()?;
    match value {
        Scalar::Null => Ok(None),
        Scalar::Bool(value) => Ok(Some(value)),
        _ => match value.whole() {
            Some(number) => Ok(Some(number != 0)),
            None => Err(json.fault(&format!("`{key}` is {}; it must be 0 or 1", value.describe()))),
        },
    }
}

fn text(json: &mut Json) -> Result<Option<String>, DatasetError> {
    Ok(match json.scalar()? {
        Scalar::Text(text) => Some(text),
        _ => None,
    })
}

/// A side of a picture; `None` unless it is at least a pixel.
fn side(json: &mut Json) -> Result<Option<u32>, DatasetError> {
    Ok(json.scalar()?.whole().and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0))
}

fn needed<T>(json: &Json, value: Option<T>, key: &str) -> Result<T, DatasetError> {
    value.ok_or_else(|| json.fault(&format!("no `{key}`")))
}
