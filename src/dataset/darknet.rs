//! Darknet's data sets (<https://pjreddie.com/darknet/yolo/>): a `.data` file names the number of classes, the lists of
//! pictures and the file of names; a list alone will do. Labels are where Darknet looks for them, as `relative.rs` says.
//!
//! Darknet takes paths from the folder in which it is started. Here they are looked for below the folder of the file
//! that has them, that of the `.data` file, the one above (`cfg/coco.data` says `data/coco.names`), and the working
//! directory.

use super::relative::{self, MOST_CLASSES};
use super::{Dataset, DatasetError, Format, pictures, split, text, yolo};
use std::path::{Path, PathBuf};

/// What a `.data` file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataFile {
    /// Number of classes.
    pub classes: Option<usize>,
    /// Lists of pictures by their keys: `train`, `valid`, `test`.
    pub splits: Vec<(String, String)>,
    /// The file of names.
    pub names: Option<String>,
}

/// Reads a `.data` file's text; `file` is for messages. Keys that training alone needs are passed over.
///
/// # Errors
/// [`DatasetError::Malformed`]: a line that is not `key = value`, or a number of classes that is none.
pub fn parse(file: &Path, text: &str) -> Result<DataFile, DatasetError> {
    let mut data = DataFile::default();
    for (number, line) in text::lines(text).filter(|(_, line)| !line.starts_with(['#', ';'])) {
        let refused = |reason: String| DatasetError::malformed(file, Some(number), reason);
        let (key, value) =
            line.split_once('=').ok_or_else(|| refused(format!("`{}` is not `key = value`", text::beginning(line))))?;
        let (key, value) = (key.trim(), value.trim());
        match key {
            "classes" => {
                let classes = value.parse().ok().filter(|classes| (1..=MOST_CLASSES).contains(classes));
                let reason =
                    || refused(format!("classes = {}: not a number from 1 to {MOST_CLASSES}", text::beginning(value)));
                data.classes = Some(classes.ok_or_else(reason)?);
            }
            "names" => data.names = Some(value.to_owned()),
            "train" | "valid" | "val" | "test" if !value.is_empty() => {
                data.splits.push((key.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    Ok(data)
}

/// The only `.data` file of a folder.
fn data_file(folder: &Path) -> Option<PathBuf> {
    let is_data = |path: &PathBuf| pictures::has_extension(path, "data") && path.is_file();
    let mut found = pictures::list(folder).ok()?.into_iter().filter(is_data);
    found.next().filter(|_| found.next().is_none())
}

/// Whether a folder is a Darknet data set.
pub(super) fn is_here(folder: &Path) -> bool {
    data_file(folder).is_some()
}

/// Opens a data set by its `.data` file, the folder of that file, or a list of pictures.
pub(super) fn open(path: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    if path.is_file() {
        return if pictures::has_extension(path, "txt") {
            open_list(path, wanted)
        } else {
            open_data(path, path, wanted)
        };
    }
    let file = data_file(path).ok_or_else(|| {
        let reason = "there is to be one `.data` file in the folder; name the file if there are several".into();
        DatasetError::Unrecognised { path: path.to_owned(), reason }
    })?;
    open_data(path, &file, wanted)
}

fn open_data(path: &Path, file: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    let data = parse(file, &text::read(file)?)?;
    let roots = roots(file);
    let locate = |key: &str, value: &str| {
        let found = roots.iter().map(|root| root.join(value)).find(|path| path.is_file());
        let reason = || format!("`{key} = {value}`: there is no such file in {}", folders(&roots));
        found.ok_or_else(|| DatasetError::malformed(file, None, reason()))
    };
    let known: Vec<String> = data.splits.iter().map(|(name, _)| name.clone()).collect();
    if known.is_empty() {
        return Err(DatasetError::malformed(file, None, "neither `train` nor `valid`, which name lists of pictures"));
    }
    let (split, list) = &data.splits[split::choose(file, &known, wanted)?];
    let list = locate(split, list)?;
    let names = match &data.names {
        Some(names) => Some(relative::parse_names(&text::read(&locate("names", names)?)?)),
        None => data.classes.map(|classes| (0..classes).map(relative::unnamed).collect()),
    };
    if let (Some(names), Some(classes)) = (&names, data.classes)
        && names.len() != classes
    {
        let reason = format!("classes = {classes}, but there are {} names", names.len());
        return Err(DatasetError::malformed(file, None, reason));
    }
    let listed = yolo::in_list(&list, &text::read(&list)?, &[&self::roots(&list)[..1], &roots].concat());
    yolo::build(path, Format::Darknet, Some(split.clone()), &listed, names, false)
}

fn open_list(list: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    split::refuse(list, wanted)?;
    let content = text::read(list)?;
    let first = text::lines(&content).next().map(|(_, line)| line).unwrap_or_default();
    if !pictures::is_picture(Path::new(first)) {
        let first = text::beginning(first);
        let reason =
            format!("a .txt file is read as a list of pictures, one a line, but this one begins with `{first}`");
        return Err(DatasetError::Unrecognised { path: list.to_owned(), reason });
    }
    let roots = roots(list);
    let names = relative::find_names(&roots.iter().take(2).map(PathBuf::as_path).collect::<Vec<_>>())?;
    yolo::build(list, Format::Darknet, None, &yolo::in_list(list, &content, &roots), names, false)
}

/// Where paths in a file may begin.
fn roots(file: &Path) -> Vec<PathBuf> {
    let near = file.parent().unwrap_or(Path::new(""));
    let above = if near.as_os_str().is_empty() { PathBuf::from("..") } else { near.join("..") };
    vec![near.to_owned(), above, PathBuf::new()]
}

fn folders(roots: &[PathBuf]) -> String {
    let name = |root: &PathBuf| if root.as_os_str().is_empty() { ".".to_owned() } else { root.display().to_string() };
    roots.iter().map(name).collect::<Vec<_>>().join(", ")
}
