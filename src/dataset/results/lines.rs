//! Ocelli's own JSON lines: one [`DetectionReport`](crate::detection::DetectionReport) a line. Line ends within reports, as
//! other tools put them there, do no harm.

use super::Results;
use super::coco::json_score;
use super::named::{Name, Named};
use crate::dataset::json::{Json, Scalar};
use crate::dataset::{ClassOverrides, Dataset, DatasetError, Fault, Id, Place, boxes};
use crate::geometry::BBox;
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

/// The results in these bytes; `file` is for messages. Lines with the key `ocelli_run` are skipped.
///
/// # Errors
/// [`DatasetError`] if a line is no report, or an override of `classes` names an unknown class.
pub fn parse(
    mut bytes: &[u8],
    file: &Path,
    dataset: &Dataset,
    classes: &ClassOverrides,
) -> Result<Results, DatasetError> {
    read(&mut bytes, file, dataset, classes)
}

/// As [`parse`], from a file.
pub(super) fn read(
    input: &mut dyn Read,
    file: &Path,
    dataset: &Dataset,
    classes: &ClassOverrides,
) -> Result<Results, DatasetError> {
    let (mut json, mut named) = (Json::new(input, file)?, Named::new(dataset));
    named.file(file);
    let (mut model, mut pictures, mut repeated) = (None, HashSet::new(), Vec::new());
    while json.peek()?.is_some() {
        let number = json.line();
        let Some(report) = report(&mut json, &mut named)? else { continue };
        model = model.or(report.model);
        if !pictures.insert(report.picture.clone()) {
            repeated.push((number, report.picture));
            continue;
        }
        let picture = named.picture(&report.picture);
        for (label, bbox, score) in report.objects {
            named.add(number, picture, label, bbox, score);
        }
    }
    let mut results = named.finish(false, classes)?;
    for (index, name) in repeated {
        let place = || Place { file: file.display().to_string(), index, id: Some(Id::Name(name)) };
        results.findings.add(Fault::DuplicateImage, place);
    }
    Ok(Results { model, ..results })
}

/// One line.
struct Report {
    model: Option<String>,
    picture: String,
    objects: Vec<Object>,
}

type Object = (Name, Result<BBox, Fault>, Result<f64, Fault>);

/// Reads a line; `None` if it tells of the run.
fn report(json: &mut Json, named: &mut Named) -> Result<Option<Report>, DatasetError> {
    let (mut run, mut model, mut picture, mut objects) = (false, None, None, None);
    json.object(&["ocelli_run", "model", "image", "detections", "images", "annotations"], |json, key| {
        match key {
            "images" | "annotations" => return Err(json.fault("this is a COCO data set, where results belong")),
            "ocelli_run" => {
                run = true;
                json.skip()?;
            }
            "model" => model = text(json)?,
            "image" => json.object(&["name"], |json, _| {
                picture = text(json)?;
                Ok(())
            })?,
            _ => {
                let mut found = Vec::new();
                json.list("detections", |json, _| {
                    found.push(object(json, named)?);
                    Ok(())
                })?;
                objects = Some(found);
            }
        }
        Ok(())
    })?;
    if run {
        return Ok(None);
    }
    let objects = objects.ok_or_else(|| json.fault("no `detections`: expected a line of `ocelli detect --json`"))?;
    let picture =
        picture.ok_or_else(|| json.fault("no `image.name`: without it nobody knows which picture this is"))?;
    Ok(Some(Report { model, picture, objects }))
}

fn object(json: &mut Json, named: &mut Named) -> Result<Object, DatasetError> {
    let (mut label, mut bbox, mut score) = (None, Err(Fault::MissingBox), Err(Fault::MissingScore));
    json.object(&["label", "confidence", "box"], |json, key| {
        match key {
            "label" => label = text(json)?.map(|label| named.label(&label)),
            "confidence" => score = json_score(json)?,
            _ => bbox = sides(json)?,
        }
        Ok(())
    })?;
    let label = label.ok_or_else(|| json.fault("a detection without `label`"))?;
    Ok((label, bbox, score))
}

/// `{"x": …, "y": …, "width": …, "height": …}`, or what is wrong with it.
fn sides(json: &mut Json) -> Result<Result<BBox, Fault>, DatasetError> {
    match json.peek()? {
        Some(b'{') => {}
        Some(b'n') => return json.skip().map(|()| Err(Fault::MissingBox)),
        _ => return json.skip().map(|()| Err(Fault::BadBox)),
    }
    let [mut x, mut y, mut width, mut height] = [f64::NAN; 4];
    json.object(&["x", "y", "width", "height"], |json, key| {
        let number = json.scalar()?.number().unwrap_or(f64::NAN);
        match key {
            "x" => x = number,
            "y" => y = number,
            "width" => width = number,
            _ => height = number,
        }
        Ok(())
    })?;
    Ok(boxes::valid([x, y, width, height]).ok_or(Fault::BadBox))
}

fn text(json: &mut Json) -> Result<Option<String>, DatasetError> {
    Ok(match json.scalar()? {
        Scalar::Text(text) => Some(text),
        _ => None,
    })
}
