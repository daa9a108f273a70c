//! COCO's folders: JSON files in `annotations` or in the folder itself, pictures in a folder of the split's name.

use super::build::place;
use super::pictures::{self, Folders};
use super::{Dataset, DatasetError, Fault, coco, split};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What names a file of boxes.
const PREFIX: &str = "instances_";

/// The files of boxes in a folder, by split: `annotations/instances_*.json`, else whatever JSON files have the keys of
/// one. Captions have no categories.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    for folder in [folder.join("annotations"), folder.to_owned()] {
        let paths = pictures::list(&folder).unwrap_or_default();
        let json: Vec<PathBuf> = paths.into_iter().filter(|path| pictures::has_extension(path, "json")).collect();
        let boxes = |path: &PathBuf| stem(path).starts_with(PREFIX);
        let found: Vec<PathBuf> = match json.iter().any(boxes) {
            true => json.into_iter().filter(boxes).collect(),
            false => json.into_iter().filter(|path| has_keys(path)).collect(),
        };
        if !found.is_empty() {
            return found.into_iter().map(|path| (split_of(&path), path)).collect();
        }
    }
    Vec::new()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// `val2017` for `instances_val2017.json`.
fn split_of(path: &Path) -> String {
    let stem = stem(path);
    stem.strip_prefix(PREFIX).map(ToOwned::to_owned).unwrap_or(stem)
}

/// Whether a file has the three keys somewhere: a look, before it is read in earnest.
fn has_keys(path: &Path) -> bool {
    const CHUNK: u64 = 1 << 20;
    let Ok(mut file) = File::open(path) else { return false };
    let mut missing = vec![&b"\"images\""[..], b"\"annotations\"", b"\"categories\""];
    let mut bytes = Vec::new();
    while !missing.is_empty() {
        // The end of a chunk may be the beginning of a key.
        bytes.drain(..bytes.len().saturating_sub(16));
        if !file.by_ref().take(CHUNK).read_to_end(&mut bytes).is_ok_and(|more| more > 0) {
            return false;
        }
        missing.retain(|key| !bytes.windows(key.len()).any(|window| window == *key));
    }
    true
}

/// Whether a folder is a COCO data set.
pub(super) fn is_here(folder: &Path) -> bool {
    !files(folder).is_empty()
}

/// Opens a file, or the file of a folder: several are its splits.
pub(super) fn open(path: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    if path.is_file() {
        let name = stem(path).strip_prefix(PREFIX).map(ToOwned::to_owned);
        match &name {
            Some(name) => drop(split::choose(path, std::slice::from_ref(name), wanted)?),
            None => split::refuse(path, wanted)?,
        }
        return read(path, path, name);
    }
    let files = files(path);
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        let reason = "no .json file with images, annotations and categories here, nor in `annotations`".into();
        return Err(DatasetError::Unrecognised { path: path.to_owned(), reason });
    }
    let (name, file) = &files[split::choose(path, &names, wanted)?];
    read(path, file, Some(name.clone()))
}

fn read(path: &Path, file: &Path, split: Option<String>) -> Result<Dataset, DatasetError> {
    let mut dataset = coco::read(file)?;
    find_pictures(&mut dataset, file, split.as_deref().unwrap_or_default())?;
    (dataset.path, dataset.split) = (path.to_owned(), split);
    Ok(dataset)
}

/// Looks for pictures beside the file and one folder up, in folders of the split's name or of the usual ones.
fn find_pictures(dataset: &mut Dataset, file: &Path, split: &str) -> Result<(), DatasetError> {
    let near = file.parent().unwrap_or(Path::new(""));
    let roots = [near.join("."), near.join("..")];
    let below = [
        PathBuf::from(split),
        Path::new("images").join(split),
        "images".into(),
        "JPEGImages".into(),
        "data".into(),
        "".into(),
    ];
    let folders = Folders::new(roots.iter().flat_map(|root| below.iter().map(|name| root.join(name))))?;
    for (index, image) in dataset.images.iter_mut().enumerate() {
        image.path = folders.find(&image.name);
        if image.path.is_none() {
            dataset.findings.add(Fault::MissingPicture, || place(file, index, Some(&image.name)));
        }
    }
    Ok(())
}
