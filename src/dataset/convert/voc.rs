//! Pascal VOC's XML. Corners keep their fractions.

use super::{Placed, Plan, Written, place_picture, write_file};
use crate::dataset::DatasetError;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;

pub(super) fn write(plan: &Plan, progress: &dyn Fn(usize)) -> Result<Written, DatasetError> {
    let (pictures, annotations) = (plan.folder("JPEGImages")?, plan.folder("Annotations")?);
    let mut list = String::new();
    for (index, image) in plan.images.iter().enumerate() {
        place_picture(image, &pictures)?;
        write_file(&annotations.join(format!("{}.xml", image.stem())), &xml(plan, image))?;
        list = list + image.stem() + "\n";
        progress(index + 1);
    }
    write_file(&plan.folder("ImageSets/Main")?.join(format!("{}.txt", plan.split)), &list)?;
    Ok(Written { images: plan.images.len(), truths: plan.dataset.truths.len(), losses: losses(plan) })
}

/// The format knows the classes that occur, and no order of them.
fn losses(plan: &Plan) -> Vec<String> {
    let labels = &plan.dataset.labels;
    let used: BTreeSet<u32> = plan.dataset.truths.iter().map(|truth| truth.class).collect();
    let unused = labels.len().saturating_sub(used.len());
    let mut losses = Vec::new();
    if unused > 0 {
        losses.push(format!("{unused} classes without objects are not written"));
    }
    if !labels.is_sorted() {
        losses.push("classes lose their order: they are read by name".into());
    }
    losses
}

fn xml(plan: &Plan, image: &Placed) -> String {
    let mut xml = format!("<annotation>\n  <filename>{}</filename>\n", escape(&image.name));
    if let Some((width, height)) = image.size {
        let size = format!("<width>{width}</width><height>{height}</height><depth>3</depth>");
        xml = xml + "  <size>" + &size + "</size>\n";
    }
    for truth in &image.truths {
        let (bbox, difficult) = (truth.bbox, u8::from(truth.ignore || truth.crowd));
        let corners = [("xmin", bbox.x), ("ymin", bbox.y), ("xmax", bbox.right()), ("ymax", bbox.bottom())];
        let corners = corners.map(|(key, value)| format!("<{key}>{value}</{key}>")).concat();
        // Writing to a string cannot fail.
        let _ = writeln!(
            xml,
            "  <object>\n    <name>{}</name>\n    <difficult>{difficult}</difficult>\n    <bndbox>{corners}</bndbox>\n  </object>",
            escape(plan.label(truth))
        );
    }
    xml + "</annotation>\n"
}

/// Text as XML has it. Control characters, which it cannot have, become blanks.
fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['<', '>', '&']) || text.contains(char::is_control) {
        let clean = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        return Cow::Owned(clean.replace(char::is_control, " "));
    }
    Cow::Borrowed(text)
}
