//! A data set in another format: annotations are written, pictures are linked or copied, so that the folder opens as the
//! same data set.

mod coco;
mod voc;
mod yolo;

use super::{Dataset, DatasetError, Format, pictures};
use crate::average_precision::Truth;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A format that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `annotations/instances_SPLIT.json`, pictures in `SPLIT`.
    Coco,
    /// `Annotations`, `ImageSets/Main/SPLIT.txt`, `JPEGImages`.
    Voc,
    /// `data.yaml`, `images/SPLIT`, `labels/SPLIT`.
    Yolo,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Pictures that the new data set lists.
    pub images: usize,
    /// Objects in it.
    pub truths: usize,
    /// What the format cannot hold, a sentence each.
    pub losses: Vec<String>,
}

/// A picture of the new data set.
struct Placed<'a> {
    /// Its file name: plain, and unlike all others even without extension.
    name: String,
    /// Where it is.
    path: Option<&'a Path>,
    /// Its width and height.
    size: Option<(u32, u32)>,
    /// Its objects.
    truths: Vec<&'a Truth>,
}

impl Placed<'_> {
    /// The name without extension.
    fn stem(&self) -> &str {
        stem(&self.name)
    }
}

/// What is to be written, and where.
struct Plan<'a> {
    dataset: &'a Dataset,
    folder: &'a Path,
    split: String,
    images: Vec<Placed<'a>>,
}

/// Writes a data set into a new or empty folder. Pictures are hard links where the file system allows it, and copies
/// elsewhere. `progress` is told the number of pictures done.
///
/// # Errors
/// [`DatasetError::Occupied`], or [`DatasetError::File`] where something cannot be written or a picture not be read.
pub fn convert(
    dataset: &Dataset,
    target: Target,
    folder: &Path,
    progress: &dyn Fn(usize),
) -> Result<Written, DatasetError> {
    create(folder)?;
    if std::fs::read_dir(folder).map_err(|error| DatasetError::file(folder, error))?.next().is_some() {
        return Err(DatasetError::Occupied(folder.to_owned()));
    }
    let mut plan = Plan::new(dataset, target, folder);
    let mut losses = plan.losses(target);
    let mut written = match target {
        Target::Coco => coco::write(&plan, progress)?,
        Target::Voc => voc::write(&plan, progress)?,
        Target::Yolo => yolo::write(&mut plan, progress)?,
    };
    losses.append(&mut written.losses);
    Ok(Written { losses, ..written })
}

impl<'a> Plan<'a> {
    fn new(dataset: &'a Dataset, target: Target, folder: &'a Path) -> Self {
        let mut truths: HashMap<u32, Vec<&Truth>> = HashMap::new();
        for truth in &dataset.truths {
            truths.entry(truth.image).or_default().push(truth);
        }
        let mut taken = HashSet::new();
        let images = dataset.images.iter().enumerate().map(|(index, image)| {
            let path = image.path.as_deref();
            // YOLO is read again with the picture's own size, whatever was said of it.
            let own = || path.and_then(pictures::size);
            let size = if target == Target::Yolo { own() } else { image.size.or_else(own) };
            let name = unique(plain(&image.name, path), &mut taken);
            Placed { name, path, size, truths: truths.remove(&(index as u32)).unwrap_or_default() }
        });
        let images = images.collect();
        let split = dataset.split.as_deref().map_or_else(|| "all".to_owned(), |split| plain(split, None));
        Self { dataset, folder, split, images }
    }

    /// What is lost, as far as the format alone decides.
    fn losses(&self, target: Target) -> Vec<String> {
        let dataset = self.dataset;
        let truths = |lost: fn(&Truth) -> bool| dataset.truths.iter().filter(|truth| lost(truth)).count();
        let crowds = truths(|truth| truth.crowd);
        let renamed =
            self.images.iter().zip(&dataset.images).filter(|(placed, image)| placed.name != image.name).count();
        let missing = dataset.images.iter().filter(|image| image.path.is_none()).count();
        let mut told = vec![(renamed, "pictures have other names")];
        if target != Target::Yolo {
            told.push((missing, "pictures have no file; their annotations alone are written"));
        }
        if target != Target::Coco {
            told.push((truths(|truth| truth.area != truth.bbox.area()), "areas are the boxes' now, not the masks'"));
            let numbered = if dataset.format == Format::Coco { dataset.truths.len() } else { 0 };
            told.push((numbered, "annotations lose COCO's ids, and so do pictures and categories"));
        }
        match target {
            Target::Coco => {}
            Target::Voc => told.push((crowds, "crowds are `difficult` objects now")),
            Target::Yolo => {
                let ignored = truths(|truth| truth.ignore && !truth.crowd);
                told.push((crowds, "crowds are left out: nothing marks them"));
                told.push((ignored, "objects to be ignored (`difficult`) are left out: nothing marks them"));
            }
        }
        told.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }

    /// The name of a truth's class.
    fn label(&self, truth: &Truth) -> &str {
        self.dataset.labels.get(truth.class as usize).map_or("", String::as_str)
    }

    /// A folder of the new data set, made where it is missing.
    fn folder(&self, below: &str) -> Result<PathBuf, DatasetError> {
        let folder = self.folder.join(below);
        create(&folder)?;
        Ok(folder)
    }
}

fn create(folder: &Path) -> Result<(), DatasetError> {
    std::fs::create_dir_all(folder).map_err(|error| DatasetError::file(folder, error))
}

fn write_file(path: &Path, content: &str) -> Result<(), DatasetError> {
    std::fs::write(path, content).map_err(|error| DatasetError::file(path, error))
}

/// Puts a picture into a folder, if there is one.
fn place_picture(image: &Placed, folder: &Path) -> Result<(), DatasetError> {
    let Some(path) = image.path else { return Ok(()) };
    // A link to a symbolic link would lead nowhere from its new place.
    let source = path.canonicalize().map_err(|error| DatasetError::file(path, error))?;
    let new = folder.join(&image.name);
    if std::fs::hard_link(&source, &new).is_err() {
        std::fs::copy(&source, &new).map_err(|error| DatasetError::file(&new, error))?;
    }
    Ok(())
}

/// A name without folders, blanks, and dots in front; with the extension of the picture's file, if it has none of its
/// own.
fn plain(name: &str, path: Option<&Path>) -> String {
    let parts = name.split(['/', '\\']).map(|part| part.trim_start_matches('.')).filter(|part| !part.is_empty());
    let joined = parts.collect::<Vec<_>>().join("_");
    let mut plain: String = joined.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).collect();
    if plain.is_empty() {
        plain.push_str("picture");
    }
    match path.and_then(Path::extension) {
        Some(extension) if !pictures::is_picture(Path::new(&plain)) => {
            format!("{plain}.{}", extension.to_string_lossy())
        }
        _ => plain,
    }
}

fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if pictures::is_picture(Path::new(name)) => stem,
        _ => name,
    }
}

/// The name, with a number where its stem is taken: file systems may take capital letters for small ones.
fn unique(name: String, taken: &mut HashSet<String>) -> String {
    let own = stem(&name).to_owned();
    if taken.insert(own.to_lowercase()) {
        return name;
    }
    let extension = name.strip_prefix(&own).unwrap_or_default();
    let numbered = (2_usize..).map(|number| format!("{own}-{number}")).find(|stem| taken.insert(stem.to_lowercase()));
    format!("{}{extension}", numbered.unwrap_or(own))
}
