//! The pictures that a command is given.

use anyhow::{Context, anyhow, bail};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Extensions of the pictures that are taken from a folder.
const EXTENSIONS: [&str; 8] = ["bmp", "gif", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// A picture to look at.
pub struct Source {
    /// What is told of it: the file's name, or its path below the folder that was named.
    pub name: String,
    /// Where it is; standard input if `None`.
    path: Option<PathBuf>,
}

impl Source {
    /// The bytes of its file, or of standard input.
    pub fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match &self.path {
            Some(path) => bytes = std::fs::read(path).map_err(|e| anyhow!("{e}"))?,
            None => drop(std::io::stdin().read_to_end(&mut bytes).map_err(|e| anyhow!("{e}"))?),
        }
        Ok(bytes)
    }
}

/// The pictures named, and those in the folders named and below them, in order; `-` is standard input.
pub fn sources(arguments: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for argument in arguments {
        if argument == Path::new("-") {
            sources.push(Source { name: "-".into(), path: None });
        } else if argument.is_dir() {
            let before = sources.len();
            walk(argument, argument, &mut sources)?;
            if sources.len() == before {
                bail!("{}: no picture in this folder ({})", argument.display(), EXTENSIONS.join(", "));
            }
        } else {
            let name = argument.file_name().unwrap_or(argument.as_os_str()).to_string_lossy().into_owned();
            sources.push(Source { name, path: Some(argument.clone()) });
        }
    }
    Ok(sources)
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let list = || std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = list().with_context(|| folder.display().to_string())?;
    paths.sort();
    for path in paths {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        if path.is_dir() {
            walk(root, &path, sources)?;
        } else if extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str())) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            sources.push(Source { name, path: Some(path) });
        }
    }
    Ok(())
}
