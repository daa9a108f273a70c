//! What YOLO and Darknet share: a text file for each picture, with a line for each object, `class cx cy width height`,
//! where the box is relative to the picture's size (Darknet: <https://pjreddie.com/darknet/yolo/>, YOLO:
//! <https://docs.ultralytics.com/datasets/detect/>). Outlines, `class x1 y1 x2 y2 x3 y3 …`, count as the boxes around
//! them.

use super::build::{Builder, Object, place};
use super::{DatasetError, Fault, pictures, text};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Relative coordinates may leave 0..=1 by this much: outlines are drawn, and numbers rounded.
const SLACK: f64 = 0.01;

/// Most classes: indices above are no classes but mistakes.
pub(super) const MOST_CLASSES: usize = 1 << 16;

/// An object as the file has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Index of its class.
    pub class: usize,
    /// Left, top, right and bottom edge, relative to the picture's size.
    pub edges: [f64; 4],
}

/// Reads a label file's text: the number of each line that is not empty, from 1, with its object or what is wrong with
/// it.
pub fn parse(text: &str) -> Vec<(usize, Result<Row, Fault>)> {
    text::lines(text).map(|(number, line)| (number, row(line))).collect()
}

fn row(line: &str) -> Result<Row, Fault> {
    let columns: Option<Vec<f64>> = line.split_whitespace().map(|column| column.parse().ok()).collect();
    let columns = columns.ok_or(Fault::UnreadableAnnotation)?;
    let (class, numbers) = columns.split_first().ok_or(Fault::UnreadableAnnotation)?;
    if class.fract() != 0.0 || *class < 0.0 || *class >= MOST_CLASSES as f64 {
        return Err(Fault::UnreadableAnnotation);
    }
    let edges = match numbers {
        [_, _, width, height] if *width < 0.0 || *height < 0.0 => return Err(Fault::BadBox),
        [cx, cy, width, height] => [cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0],
        outline if outline.len() >= 6 && outline.len() % 2 == 0 => around(outline),
        _ => return Err(Fault::UnreadableAnnotation),
    };
    if numbers.iter().any(|number| !number.is_finite()) {
        return Err(Fault::BadBox);
    }
    if numbers.iter().any(|number| !(-SLACK..=1.0 + SLACK).contains(number)) {
        return Err(Fault::NotNormalised);
    }
    Ok(Row { class: *class as usize, edges })
}

/// The edges of the box around an outline, x and y by turns.
fn around(outline: &[f64]) -> [f64; 4] {
    let nothing = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    outline.chunks_exact(2).fold(nothing, |[left, top, right, bottom], point| {
        [left.min(point[0]), top.min(point[1]), right.max(point[0]), bottom.max(point[1])]
    })
}

/// A picture that a data set lists.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its path as it is written, or its path if it was found in a folder.
    pub written: String,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// The list and the line's number, or the picture itself and 1.
    pub place: (PathBuf, usize),
}

/// Where a picture's labels may be: in `labels` in place of the last `images` or `JPEGImages` of its path, or beside it.
fn candidates(picture: &Path) -> impl Iterator<Item = PathBuf> {
    let labels = picture.with_extension("txt");
    let swapped = ["images", "JPEGImages"].map(|name| {
        let at = labels.iter().collect::<Vec<_>>().iter().rposition(|part| *part == OsStr::new(name))?;
        let swap = |(index, part)| if index == at { OsStr::new("labels") } else { part };
        Some(labels.iter().enumerate().map(swap).collect())
    });
    swapped.into_iter().flatten().chain([labels])
}

/// Adds pictures with their labels, and gives the names of the classes: `names`, or `class_0` and so on up to the last
/// one that occurs.
pub(super) fn add(
    builder: &mut Builder,
    pictures: &[Listed],
    names: Option<Vec<String>>,
) -> Result<(Vec<String>, BTreeSet<PathBuf>), DatasetError> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for listed in pictures {
        *uses.entry(pictures::file_name(&listed.written)).or_default() += 1;
    }
    let (mut most, mut files) = (0, BTreeSet::new());
    for listed in pictures {
        let short = pictures::file_name(&listed.written);
        let unique = uses.get(short) == Some(&1);
        let name = if unique { short } else { &listed.written };
        let here = || place(&listed.place.0, listed.place.1, Some(name));
        let labels = listed.path.as_deref().and_then(|path| candidates(path).find(|path| path.is_file()));
        let rows = labels.as_deref().map(text::read).transpose()?.map(|text| parse(&text));
        let measure = rows.as_ref().is_some_and(|rows| !rows.is_empty());
        let Some(image) = builder.image(name, listed.path.clone(), None, measure, here) else { continue };
        let Some((file, rows)) = labels.zip(rows) else {
            if listed.path.is_some() {
                builder.findings.add(Fault::MissingLabels, here);
            }
            continue;
        };
        most = most.max(objects(builder, image, &file, &rows, names.as_ref().map(Vec::len)));
        files.insert(file);
    }
    Ok((names.unwrap_or_else(|| (0..most).map(unnamed).collect()), files))
}

/// What a class without name is called.
pub(super) fn unnamed(index: usize) -> String {
    format!("class_{index}")
}

/// Adds the objects of a label file, and gives the number of classes that it needs.
fn objects(
    builder: &mut Builder,
    image: usize,
    file: &Path,
    rows: &[(usize, Result<Row, Fault>)],
    classes: Option<usize>,
) -> usize {
    let mut most = 0;
    let size = builder.images.get(image).and_then(|image| image.size);
    if size.is_none() && !rows.is_empty() {
        builder.findings.add(Fault::UnreadablePicture, || place(file, 1, Some("its labels need the picture's size")));
    }
    for (line, row) in rows {
        let line = *line;
        let row = match row {
            Ok(row) if classes.is_none_or(|classes| row.class < classes) => row,
            Ok(row) => {
                builder.findings.add(Fault::UnknownLabel, || place(file, line, Some(&unnamed(row.class))));
                continue;
            }
            Err(fault) => {
                builder.findings.add(*fault, || place(file, line, None));
                continue;
            }
        };
        most = most.max(row.class + 1);
        let Some((width, height)) = size.map(|(width, height)| (f64::from(width), f64::from(height))) else { continue };
        let [left, top, right, bottom] = row.edges;
        let bbox = [left * width, top * height, (right - left) * width, (bottom - top) * height];
        builder.object(Object { image, class: row.class, bbox, ignore: false }, || place(file, line, None));
    }
    most
}

/// The names in a file, one a line. An empty line in between is a class without name.
pub(super) fn parse_names(text: &str) -> Vec<String> {
    let name = |(index, line): (usize, &str)| if line.trim().is_empty() { unnamed(index) } else { line.trim().into() };
    text.trim_end().lines().enumerate().map(name).collect()
}

/// The names of classes in a file of one of the usual names, in one of these folders.
pub(super) fn find_names(folders: &[&Path]) -> Result<Option<Vec<String>>, DatasetError> {
    for folder in folders {
        for name in ["classes.txt", "obj.names", "classes.names", "labels.txt"] {
            let path = folder.join(name);
            if path.is_file() {
                return text::read(&path).map(|text| Some(parse_names(&text)));
            }
        }
    }
    Ok(None)
}
