//! YOLO data sets as ultralytics has them (<https://docs.ultralytics.com/datasets/detect/>): `data.yaml` names the
//! classes and, for each split, folders or lists of pictures; labels are as `relative.rs` says. Without `data.yaml`, a
//! folder with `images` and `labels`, each perhaps with a folder for each split.

pub use super::relative::{Row, parse as parse_labels};

use super::build::{Builder, place};
use super::relative::{self, Listed, MOST_CLASSES};
use super::{Dataset, DatasetError, Fault, Format, pictures, split, text};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What `data.yaml` says.
#[derive(Debug, Default, Deserialize)]
pub struct Config {
    path: Option<String>,
    train: Option<Entries>,
    #[serde(alias = "valid")]
    val: Option<Entries>,
    test: Option<Entries>,
    names: Option<Names>,
    nc: Option<usize>,
    kpt_shape: Option<IgnoredAny>,
}

/// Folders of pictures, or lists.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Entries {
    One(String),
    Several(Vec<String>),
}

impl Entries {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(entry) => std::slice::from_ref(entry),
            Self::Several(entries) => entries,
        }
    }
}

/// Names of classes by index: a list, or a map whose keys may have gaps.
#[derive(Debug)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// By hand, since `no`, `5` and `null` are names here: people write them without quotes.
struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("names of classes: a list, or a map from index to name")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element::<String>()? {
            names.push(name);
        }
        Ok(Names(names))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some((index, name)) = map.next_entry::<usize, String>()? {
            if index >= MOST_CLASSES {
                return Err(serde::de::Error::custom(format!("class {index} is beyond the {MOST_CLASSES} allowed")));
            }
            while names.len() <= index {
                names.push(relative::unnamed(names.len()));
            }
            names[index] = name;
        }
        Ok(Names(names))
    }
}

/// Reads the text of `data.yaml`; `file` is for messages.
///
/// # Errors
/// [`DatasetError::Malformed`]: no YAML, keys of another kind, `nc` that contradicts `names`, or a pose data set, whose
/// label files have other columns.
pub fn parse_config(file: &Path, text: &str) -> Result<Config, DatasetError> {
    let refused = |reason: String| DatasetError::malformed(file, None, reason);
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    options.null_as_string = true;
    let config: Config = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map(|location| location.line() as usize).filter(|line| *line > 0);
        DatasetError::malformed(file, line, error.to_string())
    })?;
    if config.kpt_shape.is_some() {
        return Err(refused("`kpt_shape` tells of a pose data set, whose labels are not read".into()));
    }
    let nc = config.nc.unwrap_or(0);
    if nc > MOST_CLASSES {
        return Err(refused(format!("nc: {nc} is more than the {MOST_CLASSES} classes allowed")));
    }
    match &config.names {
        Some(Names(names)) if config.nc.is_some_and(|nc| nc != names.len()) => {
            Err(refused(format!("nc: {nc}, but there are {} names", names.len())))
        }
        _ => Ok(config),
    }
}

impl Config {
    /// The splits that are named, with their folders and lists.
    fn splits(&self) -> Vec<(String, &[String])> {
        let splits = [("train", &self.train), ("val", &self.val), ("test", &self.test)];
        splits
            .into_iter()
            .filter_map(|(name, entries)| Some((name.to_owned(), entries.as_ref()?.as_slice())))
            .filter(|(_, entries)| entries.iter().any(|entry| !entry.trim().is_empty()))
            .collect()
    }
}

/// The file that describes a folder's data set: `data.yaml`, or the only other YAML file that names splits.
fn config_file(folder: &Path) -> Option<PathBuf> {
    let usual = folder.join("data.yaml");
    if usual.is_file() {
        return Some(usual);
    }
    let is_yaml = |path: &PathBuf| ["yaml", "yml"].iter().any(|e| pictures::has_extension(path, e));
    let describes = |path: &PathBuf| {
        let config = text::read(path).and_then(|text| parse_config(path, &text));
        config.is_ok_and(|config| config.names.is_some() && !config.splits().is_empty())
    };
    let mut found = pictures::list(folder).ok()?.into_iter().filter(is_yaml).filter(describes);
    found.next().filter(|_| found.next().is_none())
}

/// Whether a folder is a YOLO data set.
pub(super) fn is_here(folder: &Path) -> bool {
    let has_labels = || pictures::walk(&folder.join("labels"), is_text).is_ok_and(|found| !found.is_empty());
    config_file(folder).is_some() || (folder.join("images").is_dir() && has_labels())
}

fn is_text(path: &Path) -> bool {
    pictures::has_extension(path, "txt")
}

/// Opens a data set by its `data.yaml`, or its folder.
pub(super) fn open(path: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    let config = if path.is_file() { Some(path.to_owned()) } else { config_file(path) };
    match config {
        Some(config) => open_config(path, &config, wanted),
        None => open_folder(path, wanted),
    }
}

fn open_config(path: &Path, file: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    let config = parse_config(file, &text::read(file)?)?;
    let splits = config.splits();
    let known: Vec<String> = splits.iter().map(|(name, _)| name.clone()).collect();
    if known.is_empty() {
        return Err(DatasetError::malformed(
            file,
            None,
            "none of the keys `train`, `val` and `test`, which say where pictures are",
        ));
    }
    let (split, entries) = &splits[split::choose(file, &known, wanted)?];
    let near = file.parent().unwrap_or(Path::new(""));
    let roots: Vec<PathBuf> = config.path.iter().map(|root| near.join(root)).chain([near.to_owned()]).collect();
    let (mut listed, mut whole) = (Vec::new(), true);
    for entry in entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
        let found = locate(&roots, entry).ok_or_else(|| {
            let reason = format!("`{split}: {entry}` is neither a folder nor a file in {}", roots[0].display());
            DatasetError::malformed(file, None, reason)
        })?;
        if found.is_dir() {
            listed.extend(in_folder(&found)?);
        } else {
            whole = false;
            let near = found.parent().unwrap_or(Path::new("")).to_owned();
            listed.extend(in_list(&found, &text::read(&found)?, &[&[near], &roots[..]].concat()));
        }
    }
    let unnamed = || config.nc.map(|nc| (0..nc).map(relative::unnamed).collect());
    let names = config.names.as_ref().map(|Names(names)| names.clone()).or_else(unnamed);
    build(path, Format::Yolo, Some(split.clone()), &listed, names, whole)
}

/// Where an entry is: below `path`, or below the file's folder. A leading `../` that leads nowhere is left out, since
/// exporters write it for another place of the file.
fn locate(roots: &[PathBuf], entry: &str) -> Option<PathBuf> {
    let spellings = [Some(entry), entry.strip_prefix("../")];
    let below = |entry: &str| roots.iter().map(|root| root.join(entry)).find(|path| path.exists());
    spellings.into_iter().flatten().find_map(below)
}

/// The pictures in a folder and those below it.
fn in_folder(folder: &Path) -> Result<Vec<Listed>, DatasetError> {
    let found = pictures::walk(folder, pictures::is_picture)?;
    let listed = |path: PathBuf| Listed {
        written: pictures::name_below(folder, &path),
        place: (path.clone(), 1),
        path: Some(path),
    };
    Ok(found.into_iter().map(listed).collect())
}

/// The pictures of a list, each below the first of `roots` that has it.
pub(super) fn in_list(list: &Path, text: &str, roots: &[PathBuf]) -> Vec<Listed> {
    let listed = |(number, line): (usize, &str)| {
        let path = roots.iter().map(|root| root.join(line)).find(|path| path.is_file());
        Listed { written: line.to_owned(), path, place: (list.to_owned(), number) }
    };
    text::lines(text).map(listed).collect()
}

/// `images` and `labels`, without `data.yaml`.
fn open_folder(folder: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    let images = folder.join("images");
    if !images.is_dir() {
        let reason = "no `data.yaml`, and no folders `images` and `labels`".into();
        return Err(DatasetError::Unrecognised { path: folder.to_owned(), reason });
    }
    let below: Vec<PathBuf> = pictures::list(&images)?.into_iter().filter(|path| path.is_dir()).collect();
    let names: Vec<String> = below.iter().map(|path| pictures::name_below(&images, path)).collect();
    let is_split = !names.is_empty() && names.iter().all(|name| name == "trainval" || split::family(name).is_some());
    let (split, images) = if is_split {
        let chosen = split::choose(folder, &names, wanted)?;
        (Some(names[chosen].clone()), below[chosen].clone())
    } else {
        split::refuse(folder, wanted)?;
        (None, images)
    };
    let parent = folder.parent().unwrap_or(folder);
    let names = relative::find_names(&[folder, &folder.join("labels"), &images, parent])?;
    build(folder, Format::Yolo, split, &in_folder(&images)?, names, true)
}

/// The data set of these pictures. `whole`: its folders of labels belong to no other split, so that every file in them
/// should belong to a picture.
pub(super) fn build(
    path: &Path,
    format: Format,
    split: Option<String>,
    listed: &[Listed],
    names: Option<Vec<String>>,
    whole: bool,
) -> Result<Dataset, DatasetError> {
    let mut builder = Builder::default();
    let (labels, files) = relative::add(&mut builder, listed, names)?;
    if whole {
        let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        // Beside pictures there may be text of all kinds.
        for folder in folders.into_iter().filter(|folder| folder.iter().any(|part| part == "labels")) {
            for stray in pictures::list(folder)?.into_iter().filter(|path| is_text(path) && !files.contains(path)) {
                if stray.file_name().is_some_and(|name| name != "classes.txt" && name != "labels.txt") {
                    builder.findings.add(Fault::StrayAnnotation, || place(&stray, 1, None));
                }
            }
        }
    }
    Ok(builder.finish(path, format, split, labels))
}
