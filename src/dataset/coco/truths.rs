//! Annotations become truths: ids become indices, and what only the whole file shows is checked.

use super::records::{Annotation, Category};
use crate::average_precision::Truth;
use crate::dataset::boxes::{Suspicions, outside};
use crate::dataset::{Fault, Findings, Id, Image, Place};

/// The truths of listed pictures and categories, in the file's order. `images` and `categories` are sorted by id.
pub(super) fn resolve(
    annotations: &[Annotation],
    images: &[Image],
    categories: &[Category],
    file: &str,
    findings: &mut Findings,
) -> Vec<Truth> {
    let mut truths = Vec::with_capacity(annotations.len());
    let mut kept = Vec::with_capacity(annotations.len());
    let mut suspicions = Suspicions::default();
    for annotation in annotations {
        let place = || place(file, annotation);
        let class = categories.binary_search_by_key(&annotation.category, |category| category.id);
        if class.is_err() {
            findings.add(Fault::UnknownLabel, place);
        }
        let Ok(index) = images.binary_search_by_key(&annotation.image, |image| image.id) else {
            findings.add(Fault::StrayAnnotation, place);
            continue;
        };
        let (Some(image), Ok(class)) = (images.get(index), class) else { continue };
        let bbox = annotation.bbox;
        if outside(&bbox, image) {
            findings.add(Fault::BoxOutside, place);
        }
        if bbox.width == 0.0 || bbox.height == 0.0 {
            findings.add(Fault::ZeroAreaBox, place);
        }
        suspicions.look(&bbox, image, place);
        let Annotation { id, area, crowd, ignore, .. } = *annotation;
        truths.push(Truth { image: index as u32, class: class as u32, bbox, area, crowd, ignore, id });
        kept.push(annotation);
    }
    suspicions.tell(Fault::NormalisedBox, findings);
    repeated_ids(annotations, file, findings);
    repeated_boxes(&truths, &kept, file, findings);
    truths
}

fn place(file: &str, annotation: &Annotation) -> Place {
    Place { file: file.to_owned(), index: annotation.index, id: Some(Id::Number(annotation.id)) }
}

/// All annotations but the first of each id.
fn repeated_ids(annotations: &[Annotation], file: &str, findings: &mut Findings) {
    let keyed = annotations.iter().map(|annotation| (annotation.id, annotation)).collect();
    add_repeated(keyed, Fault::DuplicateId, file, findings);
}

/// All annotations but the first of one class in the same place of one picture.
fn repeated_boxes(truths: &[Truth], kept: &[&Annotation], file: &str, findings: &mut Findings) {
    let key = |truth: &Truth| {
        let bbox = truth.bbox;
        (truth.image, truth.class, [bbox.x, bbox.y, bbox.width, bbox.height].map(f64::to_bits))
    };
    let keyed = truths.iter().zip(kept).map(|(truth, annotation)| (key(truth), *annotation)).collect();
    add_repeated(keyed, Fault::DuplicateBox, file, findings);
}

/// Adds the annotations whose key an earlier one has, in the file's order.
fn add_repeated<K: Ord>(mut keyed: Vec<(K, &Annotation)>, fault: Fault, file: &str, findings: &mut Findings) {
    keyed.sort_unstable_by(|(one, first), (other, second)| one.cmp(other).then(first.index.cmp(&second.index)));
    let pairs = keyed.iter().zip(keyed.iter().skip(1));
    let mut repeated: Vec<_> = pairs.filter(|(one, other)| one.0 == other.0).map(|(_, (_, later))| *later).collect();
    repeated.sort_unstable_by_key(|annotation| annotation.index);
    for annotation in repeated {
        findings.add(fault, || place(file, annotation));
    }
}
