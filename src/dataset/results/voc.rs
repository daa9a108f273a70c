//! Results as the Pascal VOC devkit wants them: a file a class, a line `picture score xmin ymin xmax ymax` a box.

use super::Results;
use super::collector::finite;
use super::named::Named;
use crate::dataset::{ClassMap, ClassOverrides, Dataset, DatasetError, Fault, boxes};
use std::path::Path;

/// The results in these bytes, of the class that `file` is called after: `comp4_det_test_CLASS.txt`, or `CLASS.txt`.
/// Corners are taken as they are, so that xmax − xmin is the width.
///
/// # Errors
/// [`DatasetError`] if a line is no result, or an override of `classes` names an unknown class.
pub fn parse(bytes: &[u8], file: &Path, dataset: &Dataset, classes: &ClassOverrides) -> Result<Results, DatasetError> {
    let mut named = Named::new(dataset);
    read(bytes, file, &class_in_name(file), &mut named)?;
    named.finish(true, classes)
}

/// Reads one file.
pub(super) fn read(bytes: &[u8], file: &Path, class: &str, named: &mut Named) -> Result<(), DatasetError> {
    named.file(file);
    let label = named.label(class);
    for (line, text) in lines(bytes, file) {
        let text = text?;
        let refused = || {
            let reason = format!("expected `picture score xmin ymin xmax ymax`, found {text:?}");
            DatasetError::malformed(file, Some(line), reason)
        };
        let mut words = text.rsplitn(6, char::is_whitespace).map(str::trim);
        let mut number = || words.next()?.parse::<f64>().ok();
        let numbers = [number(), number(), number(), number(), number()];
        let [Some(ymax), Some(xmax), Some(ymin), Some(xmin), Some(score)] = numbers else { return Err(refused()) };
        let picture = words.next().filter(|name| !name.is_empty()).ok_or_else(refused)?;
        let picture = named.picture(picture);
        let bbox = boxes::valid([xmin, ymin, xmax - xmin, ymax - ymin]).ok_or(Fault::BadBox);
        named.add(line, picture, label, bbox, finite(score, Fault::BadScore));
    }
    Ok(())
}

/// The class of a file of the devkit: `comp3_det_test_dog.txt`, `comp4_SALT_det_val_dog.txt`.
pub(super) fn devkit_class(file: &Path) -> Option<&str> {
    let stem = file.file_stem()?.to_str()?;
    let rest = stem.strip_prefix("comp3").or_else(|| stem.strip_prefix("comp4"))?;
    let (_, rest) = rest.split_once("_det_")?;
    let (_, class) = rest.split_once('_')?;
    Some(class).filter(|class| !class.is_empty())
}

/// The class that a file is called after.
pub(super) fn class_in_name(file: &Path) -> String {
    let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    devkit_class(file).map_or_else(stem, str::to_owned)
}

/// Whether a file is called after a class of the data set.
pub(super) fn is_class(file: &Path, dataset: &Dataset) -> bool {
    let map = ClassMap::by_name(&[class_in_name(file)], &dataset.labels, &ClassOverrides::default());
    map.is_ok_and(|map| map.target(0).is_some())
}

/// Lines that are not empty, from 1; single spaces between words.
pub(super) fn lines<'a>(
    bytes: &'a [u8],
    file: &'a Path,
) -> impl Iterator<Item = (usize, Result<String, DatasetError>)> + 'a {
    let line = move |(number, line): (usize, &[u8])| match std::str::from_utf8(line) {
        Ok(text) => (number, Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))),
        Err(_) => (number, Err(DatasetError::malformed(file, Some(number), "this is no UTF-8"))),
    };
    (1..).zip(bytes.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty()).map(line)
}
