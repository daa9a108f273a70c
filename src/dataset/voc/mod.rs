//! Pascal VOC (<http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf>): `Annotations` with an XML file for each
//! picture, `ImageSets/Main` with a list of names for each split, `JPEGImages`. Without `ImageSets`, as LabelImg leaves
//! them, all XML files of a folder are the data set.
//!
//! Boxes keep the file's corners: width = xmax − xmin, without the devkit's "+1", which its protocol adds itself. So
//! boxes of equal corners have no area. `difficult` objects are to be ignored. Classes are those of all splits, by name,
//! so that they are the same in each; the twenty of Pascal VOC come in their own order, which is by name too, and are
//! complete.

mod xml;

pub use xml::{Annotation, Object, parse};

use super::build::{self, Builder, place};
use super::pictures::{self, Folders};
use super::{Dataset, DatasetError, Fault, Findings, Format, split, text};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The classes of the VOC challenges.
const VOC_LABELS: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// An XML file: where it is, and what it says.
struct Document {
    path: PathBuf,
    content: Result<Annotation, DatasetError>,
}

/// XML files by their names below the folder of annotations, without extension.
type Documents = BTreeMap<String, Document>;

/// A line of a split's list: the list, and the line's number.
type Line = (PathBuf, usize);

/// The folder of XML files that makes a folder a VOC data set.
fn annotations(folder: &Path) -> Option<PathBuf> {
    let holds_xml = |folder: &PathBuf| pictures::walk(folder, is_xml).is_ok_and(|found| !found.is_empty());
    let directly = |folder: &&Path| pictures::list(folder).is_ok_and(|paths| paths.iter().any(|path| is_xml(path)));
    let below = ["Annotations", "annotations", "xml", "xmls"].map(|name| folder.join(name));
    let found = below.into_iter().filter(|folder| folder.is_dir()).find(holds_xml);
    found.or_else(|| Some(folder).filter(directly).map(Path::to_owned))
}

fn is_xml(path: &Path) -> bool {
    pictures::has_extension(path, "xml")
}

/// Whether a folder is a VOC data set.
pub(super) fn is_here(folder: &Path) -> bool {
    annotations(folder).is_some()
}

/// Opens the data set of a folder.
pub(super) fn open(folder: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    let annotations = annotations(folder).ok_or_else(|| DatasetError::Unrecognised {
        path: folder.to_owned(),
        reason: "no XML file here, nor in `Annotations`".into(),
    })?;
    let documents = read_all(&annotations)?;
    let sets = sets(folder)?;
    let (split, names) = if sets.is_empty() {
        split::refuse(folder, wanted)?;
        (None, documents.keys().map(|name| (None, name.clone())).collect())
    } else {
        let known: Vec<String> = sets.iter().map(|(name, _)| name.clone()).collect();
        let (name, path) = &sets[split::choose(folder, &known, wanted)?];
        (Some(name.clone()), listed(path, &documents)?)
    };
    let labels = labels(&documents);
    let folders = picture_folders(folder, &annotations)?;
    let source = Source { annotations, documents, folders, labels };
    let mut builder = Builder::default();
    for (line, name) in &names {
        source.add(&mut builder, name, line.as_ref());
    }
    Ok(builder.finish(folder, Format::Voc, split, source.labels))
}

/// All XML files of a folder and those below it.
fn read_all(annotations: &Path) -> Result<Documents, DatasetError> {
    let read = |path: PathBuf| {
        let content = text::read(&path)?;
        let name = pictures::name_below(annotations, &path.with_extension(""));
        Ok((name, Document { content: parse(&path, &content), path }))
    };
    pictures::walk(annotations, is_xml)?.into_iter().map(read).collect()
}

/// The splits by name, each with its list. Lists of one class (`cat_val.txt`) are none.
fn sets(folder: &Path) -> Result<Vec<(String, PathBuf)>, DatasetError> {
    let mut found = Vec::new();
    for folder in [folder.join("ImageSets/Main"), folder.join("ImageSets")] {
        if !folder.is_dir() || !found.is_empty() {
            continue;
        }
        for path in pictures::list(&folder)?.into_iter().filter(|path| pictures::has_extension(path, "txt")) {
            let content = text::read(&path)?;
            if !is_class_list(&content) && text::lines(&content).next().is_some() {
                found.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path));
            }
        }
    }
    Ok(found)
}

/// Whether the lines are a name and −1, 0 or 1 each: which pictures show a class.
pub fn is_class_list(content: &str) -> bool {
    let mut lines = text::lines(content).map(|(_, line)| line.rsplit_once(char::is_whitespace)).peekable();
    lines.peek().is_some() && lines.all(|parts| parts.is_some_and(|(_, mark)| matches!(mark, "-1" | "0" | "1")))
}

/// The names in a split's list, as they are known: some lists add extensions, or numbers after the name.
fn listed(path: &Path, documents: &Documents) -> Result<Vec<(Option<Line>, String)>, DatasetError> {
    let content = text::read(path)?;
    let known = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or(line);
        let bare = [line, word].map(|name| match Path::new(name) {
            path if pictures::is_picture(path) => pictures::name_below(Path::new(""), &path.with_extension("")),
            _ => name.to_owned(),
        });
        let candidates = [line, word].map(ToOwned::to_owned).into_iter().chain(bare);
        candidates.into_iter().find(|name| documents.contains_key(name)).unwrap_or_else(|| line.to_owned())
    };
    Ok(text::lines(&content).map(|(number, line)| (Some((path.to_owned(), number)), known(line))).collect())
}

/// The names of the classes that occur.
fn labels(documents: &Documents) -> Vec<String> {
    let annotations = documents.values().filter_map(|document| document.content.as_ref().ok());
    let found: BTreeSet<&str> =
        annotations.flat_map(|annotation| &annotation.objects).map(|object| object.label.as_str()).collect();
    if !found.is_empty() && found.iter().all(|label| VOC_LABELS.contains(label)) {
        return VOC_LABELS.map(ToOwned::to_owned).to_vec();
    }
    found.into_iter().map(ToOwned::to_owned).collect()
}

fn picture_folders(folder: &Path, annotations: &Path) -> Result<Folders, DatasetError> {
    let roots = [Some(folder), (annotations == folder).then(|| folder.parent()).flatten()];
    let below = ["JPEGImages", "images", "Images", "img", ""];
    let near = roots.into_iter().flatten().flat_map(|root| below.iter().map(|name| root.join(name)));
    Folders::new(near.chain([annotations.to_owned()]))
}

/// What pictures are taken from.
struct Source {
    annotations: PathBuf,
    documents: Documents,
    folders: Folders,
    labels: Vec<String>,
}

impl Source {
    /// Adds a picture with its objects.
    fn add(&self, builder: &mut Builder, name: &str, line: Option<&Line>) {
        let document = self.documents.get(name);
        let content = document.and_then(|document| document.content.as_ref().ok());
        let (path, picture) = self.picture(name, content);
        let xml =
            document.map_or_else(|| self.annotations.join(format!("{name}.xml")), |document| document.path.clone());
        let listed = || match line {
            Some((list, number)) => place(list, *number, Some(name)),
            None => place(&xml, 1, Some(&picture)),
        };
        let size = content.and_then(|annotation| annotation.size);
        let Some(image) = builder.image(&picture, path, size, true, listed) else { return };
        match document.map(|document| &document.content) {
            None => builder.findings.add(Fault::MissingLabels, listed),
            Some(Err(error)) => unreadable(&mut builder.findings, &xml, error),
            Some(Ok(annotation)) => {
                for object in &annotation.objects {
                    self.add_object(builder, image, object, &xml);
                }
            }
        }
    }

    /// A picture's file and its name. The devkit goes by the name of the XML file; `filename` is what the picture was
    /// once called.
    fn picture(&self, name: &str, content: Option<&Annotation>) -> (Option<PathBuf>, String) {
        let filename = content.and_then(|annotation| annotation.filename.as_deref());
        let path = self.folders.find_stem(name).or_else(|| self.folders.find(filename?));
        let picture = match &path {
            Some(path) if name.contains('/') => {
                format!("{name}.{}", path.extension().unwrap_or_default().to_string_lossy())
            }
            Some(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            None => filename.map_or_else(|| name.to_owned(), |name| pictures::file_name(name).to_owned()),
        };
        (path, picture)
    }

    fn add_object(&self, builder: &mut Builder, image: usize, object: &Object, xml: &Path) {
        let place = || place(xml, object.line, Some(&object.label));
        let Some([left, top, right, bottom]) = object.corners else {
            builder.findings.add(Fault::MissingBox, place);
            return;
        };
        let Ok(class) = self.labels.binary_search(&object.label) else { return };
        let bbox = [left, top, right - left, bottom - top];
        builder.object(build::Object { image, class, bbox, ignore: object.difficult }, place);
    }
}

/// An XML file that is none, with the reason.
fn unreadable(findings: &mut Findings, xml: &Path, error: &DatasetError) {
    let (line, reason) = match error {
        DatasetError::Malformed { line, reason, .. } => (line.unwrap_or(1), reason.clone()),
        other => (1, other.to_string()),
    };
    findings.add(Fault::UnreadableAnnotation, || place(xml, line, Some(&reason)));
}
