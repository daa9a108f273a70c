//! Pictures on disk: which files are some, where they are, how large they are.

use super::DatasetError;
use image::metadata::Orientation;
use image::{ImageDecoder, ImageReader};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// Extensions of pictures, in lower case.
const EXTENSIONS: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp"];

/// How deep folders are looked into: enough for all that people do, and an end to links that go round.
const DEEPEST: usize = 8;

/// How much of a file is read for its header, at first.
const HEADER_BYTES: u64 = 256 << 10;

/// Whether a file's name says that it is a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    EXTENSIONS.iter().any(|extension| has_extension(path, extension))
}

/// Whether a path ends in a dot and that extension, in small or capital letters.
pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// What is in a folder, sorted by name, without hidden files.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let failed = |error| DatasetError::file(folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// All files that `wanted` takes in a folder and those below it, sorted.
pub(super) fn walk(folder: &Path, wanted: fn(&Path) -> bool) -> Result<Vec<PathBuf>, DatasetError> {
    fn go(
        folder: &Path,
        wanted: fn(&Path) -> bool,
        depth: usize,
        found: &mut Vec<PathBuf>,
    ) -> Result<(), DatasetError> {
        for path in list(folder)? {
            if path.is_dir() {
                if depth < DEEPEST {
                    go(&path, wanted, depth + 1, found)?;
                }
            } else if wanted(&path) {
                found.push(path);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    go(folder, wanted, 0, &mut found)?;
    Ok(found)
}

/// A path below a folder as text with `/` between its parts; the whole path where it is not below.
pub(super) fn name_below(folder: &Path, path: &Path) -> String {
    let parts: Vec<_> = path.strip_prefix(folder).unwrap_or(path).iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// A file's name without its folders, whichever way its slashes lean.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Folders that may hold a data set's pictures.
#[derive(Debug, Default)]
pub(super) struct Folders {
    folders: Vec<Folder>,
}

/// A folder with its pictures, so that a data set's names are looked up without asking the system for each.
#[derive(Debug, Default)]
struct Folder {
    path: PathBuf,
    names: HashMap<String, PathBuf>,
    /// By their names without extension.
    stems: HashMap<String, PathBuf>,
}

impl Folder {
    fn read(path: PathBuf) -> Result<Self, DatasetError> {
        let mut folder = Self { path, ..Self::default() };
        for picture in list(&folder.path)?.into_iter().filter(|path| is_picture(path)) {
            let text =
                |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
            folder.names.insert(text(picture.file_name()), picture.clone());
            folder.stems.entry(text(picture.file_stem())).or_insert(picture);
        }
        Ok(folder)
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        if name.contains(['/', '\\']) || !is_picture(Path::new(name)) {
            return Some(self.path.join(name)).filter(|path| path.is_file());
        }
        self.names.get(name).cloned()
    }
}

impl Folders {
    /// Those of `candidates` that exist.
    pub fn new(candidates: impl IntoIterator<Item = PathBuf>) -> Result<Self, DatasetError> {
        let mut folders: Vec<Folder> = Vec::new();
        for path in candidates {
            if path.is_dir() && folders.iter().all(|known| known.path != path) {
                folders.push(Folder::read(path)?);
            }
        }
        Ok(Self { folders })
    }

    /// The file of that name, which may have folders in it; else one whose extension alone differs; else that of its
    /// last part, since other people's absolute paths say no more.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        if name.is_empty() {
            return None;
        }
        let exact = |name: &str| self.folders.iter().find_map(|folder| folder.find(name));
        let short = file_name(name);
        let stem = Path::new(short).file_stem().map(|stem| stem.to_string_lossy());
        exact(name).or_else(|| exact(short)).or_else(|| self.find_stem(&stem?))
    }

    /// The first picture of that name, whatever its extension.
    pub fn find_stem(&self, stem: &str) -> Option<PathBuf> {
        self.folders.iter().find_map(|folder| match stem.contains('/') {
            true => EXTENSIONS.iter().map(|e| folder.path.join(format!("{stem}.{e}"))).find(|path| path.is_file()),
            false => folder.stems.get(stem).cloned(),
        })
    }
}

/// Width and height of a picture as a person sees it, EXIF orientation applied, from its header; `None` if that cannot
/// be read.
pub(super) fn size(path: &Path) -> Option<(u32, u32)> {
    let mut file = File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.by_ref().take(HEADER_BYTES).read_to_end(&mut bytes).ok()?;
    // Some formats have their header at the end, and some cameras long notes before it.
    header_size(&bytes).or_else(|| match file.read_to_end(&mut bytes) {
        Ok(more) if more > 0 => header_size(&bytes),
        _ => None,
    })
}

fn header_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut decoder = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let turned = matches!(
        decoder.orientation(),
        Ok(Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH)
    );
    let size = if turned { (height, width) } else { (width, height) };
    (width > 0 && height > 0).then_some(size)
}
