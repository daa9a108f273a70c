//! Comma-separated values, one box a line, with a line of column names. There is no standard; the usual names are
//! known, in small and capital letters:
//!
//! | what | names |
//! |---|---|
//! | picture | `filename`, `file_name`, `file`, `image`, `image_path`, `image_name`, `img`, `path` |
//! | class | `class`, `label`, `name`, `class_name`, `label_name`, `category` |
//! | corners | `xmin ymin xmax ymax`, `x_min y_min x_max y_max`, `x1 y1 x2 y2`, `left top right bottom` |
//! | or corner and sides | `x y width height`, `x y w h`, `bbox_x bbox_y bbox_width bbox_height` |
//! | picture's size | `image_width image_height`, `img_width img_height`; `width height` beside corners |
//!
//! Semicolons and tabs part columns too. A line without class and box is a picture without objects. Classes are those of
//! the file, by name.

use super::build::{Builder, Object, place};
use super::pictures::{self, Folders};
use super::{Dataset, DatasetError, Fault, Format, split, text};
use ::csv::{Reader, ReaderBuilder, StringRecord};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

const PICTURE: [&str; 8] = ["filename", "file_name", "file", "image", "image_path", "image_name", "img", "path"];
const LABEL: [&str; 6] = ["class", "label", "name", "class_name", "label_name", "category"];
const CORNERS: [[&str; 4]; 4] = [
    ["xmin", "ymin", "xmax", "ymax"],
    ["x_min", "y_min", "x_max", "y_max"],
    ["x1", "y1", "x2", "y2"],
    ["left", "top", "right", "bottom"],
];
const SIDES: [[&str; 4]; 3] =
    [["x", "y", "width", "height"], ["x", "y", "w", "h"], ["bbox_x", "bbox_y", "bbox_width", "bbox_height"]];
const SIZE: [[&str; 2]; 3] = [["image_width", "image_height"], ["img_width", "img_height"], ["width", "height"]];

/// A line: a box, or a picture without one.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number, from 1, which the column names have.
    pub line: usize,
    /// The picture, as it is written.
    pub picture: String,
    /// The picture's width and height, where the file has columns for them; 0 for what is no number of pixels.
    pub size: Option<(u32, u32)>,
    /// The object; `None` for a picture without.
    pub object: Option<Labelled>,
}

/// An object of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Its class.
    pub label: String,
    /// x, y, width, height in pixels; NaN where the file has no number.
    pub bbox: [f64; 4],
}

/// Where in a line things are.
struct Columns {
    picture: usize,
    label: usize,
    bbox: [usize; 4],
    /// The box is two corners.
    corners: bool,
    size: Option<[usize; 2]>,
}

impl Columns {
    /// Finds the columns, or says which ones are missing.
    fn find(header: &StringRecord) -> Result<Self, &'static str> {
        let names: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
        let at = |name: &str| names.iter().position(|known| known == name);
        let corners = CORNERS.iter().find_map(|names| all(names, at));
        let bbox = corners.or_else(|| SIDES.iter().find_map(|names| all(names, at)));
        let picture = PICTURE.iter().find_map(|name| at(name));
        let label = LABEL.iter().find_map(|name| at(name));
        let size = SIZE.iter().take(if corners.is_some() { 3 } else { 2 }).find_map(|names| all(names, at));
        Ok(Self {
            picture: picture.ok_or("no column for the picture, such as `filename`")?,
            label: label.ok_or("no column for the class, such as `class` or `label`")?,
            bbox: bbox.ok_or("no columns for the box, such as `xmin,ymin,xmax,ymax` or `x,y,width,height`")?,
            corners: corners.is_some(),
            size,
        })
    }

    /// A line's content; `None` if it names no picture.
    fn row(&self, line: usize, record: &StringRecord) -> Option<Row> {
        let text = |column: usize| record.get(column).map(str::trim).unwrap_or_default();
        let number = |column: usize| text(column).parse().unwrap_or(f64::NAN);
        let side = |column: usize| {
            let side: f64 = number(column);
            if side.fract() == 0.0 { side as u32 } else { 0 }
        };
        let picture = Some(text(self.picture)).filter(|name| !name.is_empty())?.to_owned();
        let label = text(self.label).to_owned();
        let nothing = label.is_empty() && self.bbox.iter().all(|column| text(*column).is_empty());
        let object = (!nothing).then(|| {
            let [x, y, third, fourth] = self.bbox.map(number);
            let bbox = if self.corners { [x, y, third - x, fourth - y] } else { [x, y, third, fourth] };
            Labelled { label, bbox }
        });
        let size = self.size.map(|[width, height]| (side(width), side(height)));
        Some(Row { line, picture, size, object })
    }
}

fn all<const N: usize>(names: &[&str; N], at: impl Fn(&str) -> Option<usize>) -> Option<[usize; N]> {
    let found: Vec<usize> = names.iter().map_while(|name| at(name)).collect();
    found.try_into().ok()
}

/// Lines as columns. What parts them is what the first line has most of.
fn reader(text: &str) -> Reader<&[u8]> {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: char| first.matches(separator).count();
    let separator = [',', ';', '\t'].into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(',');
    ReaderBuilder::new().flexible(true).delimiter(separator as u8).from_reader(text.as_bytes())
}

/// Reads a file's text; `file` is for messages. Lines that name no picture are given by their numbers alone.
///
/// # Errors
/// [`DatasetError::Malformed`]: the first line does not name the columns that are needed.
pub fn parse(file: &Path, text: &str) -> Result<Vec<Result<Row, usize>>, DatasetError> {
    let mut reader = reader(text);
    let refused = |reason: String| DatasetError::malformed(file, Some(1), reason);
    let header = reader.headers().map_err(|error| refused(error.to_string()))?.clone();
    let columns = Columns::find(&header).map_err(|missing| {
        refused(format!(
            "{missing}; the first line is to name the columns, and is `{}`",
            text::beginning(text.lines().next().unwrap_or_default())
        ))
    })?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let line = |position: Option<&::csv::Position>| position.map_or(0, |position| position.line() as usize);
        rows.push(match record {
            Ok(record) => {
                let line = line(record.position());
                columns.row(line, &record).ok_or(line)
            }
            Err(error) => Err(line(error.position())),
        });
    }
    Ok(rows)
}

/// The CSV files of a folder whose columns are those of a data set, by their names without extension.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, DatasetError> {
    let mut found = Vec::new();
    for path in pictures::list(folder)?.into_iter().filter(|path| pictures::has_extension(path, "csv")) {
        let text = text::read(&path)?;
        if reader(&text).headers().is_ok_and(|header| Columns::find(header).is_ok()) {
            found.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path));
        }
    }
    Ok(found)
}

/// Whether a folder is a CSV data set.
pub(super) fn is_here(folder: &Path) -> bool {
    files(folder).is_ok_and(|found| !found.is_empty())
}

/// Opens a file, or the file of a folder: several are its splits.
pub(super) fn open(path: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    if path.is_file() {
        split::refuse(path, wanted)?;
        return build(path, path, None);
    }
    let files = files(path)?;
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        let reason = "no .csv file with columns for picture, class and box".into();
        return Err(DatasetError::Unrecognised { path: path.to_owned(), reason });
    }
    let (name, file) = &files[split::choose(path, &names, wanted)?];
    build(path, file, Some(name.clone()))
}

fn build(path: &Path, file: &Path, split: Option<String>) -> Result<Dataset, DatasetError> {
    let rows = parse(file, &text::read(file)?)?;
    let objects = rows.iter().flatten().filter_map(|row| row.object.as_ref());
    let labels: BTreeSet<&str> =
        objects.map(|object| object.label.as_str()).filter(|label| !label.is_empty()).collect();
    let labels: Vec<String> = labels.into_iter().map(ToOwned::to_owned).collect();
    let near = file.parent().unwrap_or(Path::new(""));
    let folders = ["", "images", "JPEGImages", "../images", "../JPEGImages", ".."].map(|name| near.join(name));
    let folders = Folders::new(folders.map(|folder| if folder.as_os_str().is_empty() { ".".into() } else { folder }))?;
    let (mut builder, mut known) = (Builder::default(), HashMap::new());
    for row in &rows {
        let row = match row {
            Ok(row) => row,
            Err(line) => {
                builder.findings.add(Fault::UnreadableAnnotation, || place(file, *line, None));
                continue;
            }
        };
        let here = || place(file, row.line, Some(&row.picture));
        let image = *known
            .entry(row.picture.as_str())
            .or_insert_with(|| builder.image(&row.picture, folders.find(&row.picture), row.size, true, here));
        let (Some(image), Some(object)) = (image, &row.object) else { continue };
        match labels.binary_search(&object.label) {
            Ok(class) => builder.object(Object { image, class, bbox: object.bbox, ignore: false }, here),
            Err(_) => builder.findings.add(Fault::UnknownLabel, here),
        }
    }
    Ok(builder.finish(path, Format::Csv, split, labels))
}
