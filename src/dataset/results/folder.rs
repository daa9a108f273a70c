//! A folder of text files: one a class (Pascal VOC, Darknet) or one a picture (YOLO).

use super::Results;
use super::collector::Collector;
use super::named::Named;
use super::pictures::Names;
use super::{voc, yolo};
use crate::dataset::{ClassOverrides, Dataset, DatasetError};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Tools leave a list of names beside the results.
const NAMES: [&str; 2] = ["classes.txt", "labels.txt"];

/// Reads the results of a folder, or of its `labels`, where YOLO tools put them. Files called after the devkit's pattern
/// are Pascal VOC's; without them, files are what most of their names are: pictures or classes.
pub(super) fn read(folder: &Path, dataset: &Dataset, classes: &ClassOverrides) -> Result<Results, DatasetError> {
    let mut files = texts(folder)?;
    if files.is_empty() && folder.join("labels").is_dir() {
        files = texts(&folder.join("labels"))?;
    }
    if files.iter().any(|file| voc::devkit_class(file).is_some()) {
        files.retain(|file| voc::devkit_class(file).is_some());
        return by_class(&files, dataset, classes);
    }
    let names = Names::new(dataset);
    let of_picture =
        |file: &&PathBuf| file.file_stem().is_some_and(|stem| names.stem(&stem.to_string_lossy()).is_some());
    let pictures = files.iter().filter(of_picture).count();
    let of_class = files.iter().filter(|file| voc::is_class(file, dataset)).count();
    if pictures == 0 && of_class == 0 {
        let reason = format!(
            "no results: none of its {} text files is called after a picture of the data set (YOLO), or after a class \
             (CLASS.txt, comp4_det_test_CLASS.txt)",
            files.len()
        );
        return Err(DatasetError::Unrecognised { path: folder.to_owned(), reason });
    }
    if of_class > pictures { by_class(&files, dataset, classes) } else { by_picture(&files, dataset, &names, classes) }
}

fn by_class(files: &[PathBuf], dataset: &Dataset, classes: &ClassOverrides) -> Result<Results, DatasetError> {
    let mut named = Named::new(dataset);
    let mut known: HashMap<String, &Path> = HashMap::new();
    for file in files {
        let class = voc::class_in_name(file);
        voc::read(&content(file)?, file, &class, &mut named)?;
        if let Some(other) = known.insert(class, file) {
            let reason = format!("the same class as {}: keep the results of one run in a folder", other.display());
            return Err(DatasetError::malformed(file, None, reason));
        }
    }
    named.finish(true, classes)
}

fn by_picture(
    files: &[PathBuf],
    dataset: &Dataset,
    names: &Names,
    classes: &ClassOverrides,
) -> Result<Results, DatasetError> {
    if !classes.is_empty() {
        let reason = "a class map has nothing to say of YOLO results, which name classes by index";
        return Err(DatasetError::malformed(classes.path(), None, reason));
    }
    let mut collector = Collector::new(dataset, 0);
    for file in files {
        yolo::read(&content(file)?, file, dataset, names, &mut collector)?;
    }
    Ok(collector.finish())
}

/// The text files of a folder, by name.
fn texts(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let failed = |error| DatasetError::file(folder, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let text = path.extension().is_some_and(|extension| extension == "txt");
        let names = NAMES.iter().any(|name| path.file_name().is_some_and(|file| file == *name));
        if text && !names && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn content(file: &Path) -> Result<Vec<u8>, DatasetError> {
    std::fs::read(file).map_err(|error| DatasetError::file(file, error))
}
