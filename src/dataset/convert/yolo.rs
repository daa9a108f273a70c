//! YOLO's text files and `data.yaml`. Numbers keep their digits.

use super::{Plan, Written, place_picture, write_file};
use crate::average_precision::Truth;
use crate::dataset::DatasetError;
use crate::dataset::split::{Family, family};
use crate::geometry::BBox;

pub(super) fn write(plan: &mut Plan, progress: &dyn Fn(usize)) -> Result<Written, DatasetError> {
    let split = match family(&plan.split) {
        Some(Family::Train) => "train",
        Some(Family::Test) => "test",
        _ => "val",
    };
    let (pictures, labels) = (plan.folder(&format!("images/{split}"))?, plan.folder(&format!("labels/{split}"))?);
    let mut losses: Vec<String> = leave_out(plan).into_iter().collect();
    let (mut truths, mut cut) = (0, 0);
    for (index, image) in plan.images.iter().enumerate() {
        place_picture(image, &pictures)?;
        let (width, height) = image.size.map_or((1.0, 1.0), |(width, height)| (f64::from(width), f64::from(height)));
        let mut lines = String::new();
        for truth in image.truths.iter().filter(|truth| !truth.crowd && !truth.ignore) {
            cut += usize::from(reaches_out(&truth.bbox, width, height));
            truths += 1;
            lines += &line(truth, width, height);
        }
        write_file(&labels.join(format!("{}.txt", image.stem())), &lines)?;
        progress(index + 1);
    }
    write_file(&plan.folder.join("data.yaml"), &yaml(&plan.dataset.labels, split))?;
    if cut > 0 {
        losses.push(format!("{cut} boxes that reach out of their picture are cut at its edge"));
    }
    Ok(Written { images: plan.images.len(), truths, losses })
}

/// Leaves out pictures without size, to which boxes cannot be relative, and says how many.
fn leave_out(plan: &mut Plan) -> Option<String> {
    let (kept, out): (Vec<_>, Vec<_>) =
        std::mem::take(&mut plan.images).into_iter().partition(|image| image.size.is_some());
    plan.images = kept;
    let objects: usize = out.iter().map(|image| image.truths.len()).sum();
    let told = || format!("{} pictures that are missing or unreadable are left out, with {objects} objects", out.len());
    (!out.is_empty()).then(told)
}

/// Beyond rounding.
fn reaches_out(bbox: &BBox, width: f64, height: f64) -> bool {
    const ROUNDING: f64 = 1e-6;
    bbox.x.min(bbox.y) < -ROUNDING || bbox.right() > width + ROUNDING || bbox.bottom() > height + ROUNDING
}

/// An object of a picture of that size.
fn line(truth: &Truth, width: f64, height: f64) -> String {
    let bbox = truth.bbox.clip(width, height);
    let (cx, cy) = ((bbox.x + bbox.width / 2.0) / width, (bbox.y + bbox.height / 2.0) / height);
    format!("{} {cx} {cy} {} {}\n", truth.class, bbox.width / width, bbox.height / height)
}

/// Names in double quotes, whose escapes are JSON's.
fn yaml(labels: &[String], split: &str) -> String {
    let name = |(index, label): (usize, &String)| format!("  {index}: {}\n", serde_json::Value::from(label.as_str()));
    let names: String = labels.iter().enumerate().map(name).collect();
    format!("path: .\n{split}: images/{split}\nnc: {}\nnames:\n{names}", labels.len())
}
