//! Which format a data set has, by what is there.

use super::{Dataset, DatasetError, Format, coco_folder, csv, darknet, pictures, split, voc, yolo};
use std::path::{Path, PathBuf};

/// What to take for what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The format; by what is there if `None`.
    pub format: Option<Format>,
    /// The split: by its name, or by what it is for (`val` finds `val2017`, if that is the only one). Without it the
    /// validation split is taken, or the only one.
    pub split: Option<String>,
}

/// Opens a data set by its folder, or the file that describes it. The formats are tried in the order of [`Format::ALL`]:
/// in the folder, then in folders called `train`, `valid`, `test` and the like, which are splits, then in all folders
/// in it. Pictures are not decoded; from some the header is read.
///
/// # Errors
/// [`DatasetError`]: nothing fits, several things do, there is no such split, or a file that the whole depends on cannot
/// be read. Faults of single records are counted in [`Dataset::findings`], and most of those records left out.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Dataset, DatasetError> {
    let metadata = std::fs::metadata(path).map_err(|error| DatasetError::file(path, error))?;
    let wanted = options.split.as_deref();
    if metadata.is_file() {
        return as_format(options.format.map_or_else(|| of_file(path), Ok)?, path, wanted);
    }
    if let Some(format) = here(path, options.format) {
        return as_format(format, path, wanted);
    }
    let folders: Vec<PathBuf> = pictures::list(path)?
        .into_iter()
        .filter(|path| path.is_dir() && here(path, options.format).is_some())
        .collect();
    let names: Vec<String> = folders.iter().map(|folder| pictures::name_below(path, folder)).collect();
    if !names.is_empty() && names.iter().all(|name| split::family(name).is_some()) {
        let chosen = split::choose(path, &names, wanted)?;
        let mut dataset = open(&folders[chosen], &OpenOptions { format: options.format, split: None })?;
        (dataset.path, dataset.split) = (path.to_owned(), Some(names[chosen].clone()));
        return Ok(dataset);
    }
    match folders.as_slice() {
        [only] => Ok(Dataset { path: path.to_owned(), ..open(only, options)? }),
        [] => Err(unrecognised(path, nothing(options.format))),
        _ => Err(unrecognised(path, format!("several data sets are in this folder; open one of {}", names.join(", ")))),
    }
}

fn unrecognised(path: &Path, reason: String) -> DatasetError {
    DatasetError::Unrecognised { path: path.to_owned(), reason }
}

/// The first format that fits a folder.
fn here(folder: &Path, format: Option<Format>) -> Option<Format> {
    let fits = |format: &Format| match format {
        Format::Coco => coco_folder::is_here(folder),
        Format::Voc => voc::is_here(folder),
        Format::Yolo => yolo::is_here(folder),
        Format::Darknet => darknet::is_here(folder),
        Format::Csv => csv::is_here(folder),
    };
    Format::ALL.into_iter().filter(|known| format.is_none_or(|format| format == *known)).find(fits)
}

/// The format that a file's extension tells.
fn of_file(path: &Path) -> Result<Format, DatasetError> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "json" => Ok(Format::Coco),
        "yaml" | "yml" => Ok(Format::Yolo),
        "data" | "txt" => Ok(Format::Darknet),
        "csv" => Ok(Format::Csv),
        "xml" => Err(unrecognised(path, "this is one picture's annotation; open the folder".into())),
        _ => Err(unrecognised(
            path,
            "no data set has such a file; give a folder, COCO .json, data.yaml, Darknet .data, list .txt or .csv"
                .into(),
        )),
    }
}

fn as_format(format: Format, path: &Path, wanted: Option<&str>) -> Result<Dataset, DatasetError> {
    match format {
        Format::Coco => coco_folder::open(path, wanted),
        Format::Voc => voc::open(path, wanted),
        Format::Yolo => yolo::open(path, wanted),
        Format::Darknet => darknet::open(path, wanted),
        Format::Csv => csv::open(path, wanted),
    }
}

/// What was looked for and not found.
fn nothing(format: Option<Format>) -> String {
    let traces = |format: Format| match format {
        Format::Coco => "COCO (annotations/instances_*.json, or a .json file with images, annotations and categories)",
        Format::Voc => "Pascal VOC (.xml files here or in Annotations/)",
        Format::Yolo => "YOLO (data.yaml, or images/ and labels/)",
        Format::Darknet => "Darknet (one .data file)",
        Format::Csv => "CSV (a .csv file with columns for picture, class and box)",
    };
    let looked: Vec<_> =
        Format::ALL.into_iter().filter(|known| format.is_none_or(|format| format == *known)).map(traces).collect();
    format!("no data set is in this folder, nor in one of its folders; looked for {}", looked.join(", "))
}
