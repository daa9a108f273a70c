//! Fetches a model's files, verifies them, and makes an ONNX file of them.

use super::manifest::{Checksum, PullableModel, RemoteFile};
use crate::darknet::{DarknetError, ExportOptions, Network};
use crate::onnx::OnnxError;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Why a model could not be pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The server could not be reached, or refused.
    #[error("{url}: {source}")]
    Fetch {
        /// The file's address.
        url: String,
        /// What happened.
        source: Box<ureq::Error>,
    },
    /// A local file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke; what has come is kept, and the next try goes on from there.
    #[error("{url}: {found} of {wanted} bytes came; try again to go on from there")]
    Short {
        /// The file's address.
        url: String,
        /// Bytes that came.
        found: u64,
        /// Bytes that it has.
        wanted: u64,
    },
    /// It is not the file that it should be. It was deleted.
    #[error("{url}: its {algorithm} is {found}, not {wanted}; what came was deleted")]
    Checksum {
        /// The file's address.
        url: String,
        /// The checksum's algorithm.
        algorithm: &'static str,
        /// The checksum of what came.
        found: String,
        /// The checksum that it should have.
        wanted: String,
    },
    /// The files are no network.
    #[error(transparent)]
    Darknet(#[from] DarknetError),
    /// The model could not be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}

/// How much is read at once, and so how often progress is told.
const CHUNK: usize = 1 << 16;

/// Where a model is after a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// It was fetched, verified and converted into this file.
    Fetched(PathBuf),
    /// This file was there already, and nothing was asked for.
    Here(PathBuf),
}

/// Pulls a model into `folder` as `NAME.onnx`, unless there is such a file. Files on their way are `*.part` in the folder,
/// and a later call goes on where this one was cut off. `progress` is told a file's address, the bytes that are here, and
/// the bytes that it has.
///
/// # Errors
/// [`PullError`]; no model file is left that was not verified.
pub fn pull(
    model: &PullableModel,
    folder: &Path,
    mut progress: impl FnMut(&str, u64, u64),
) -> Result<Pulled, PullError> {
    let made = folder.join(format!("{}.onnx", model.name));
    // Models are written whole or not at all: one that is there is the end of an earlier pull, or its owner's affair.
    if made.exists() {
        return Ok(Pulled::Here(made));
    }
    std::fs::create_dir_all(folder).map_err(|source| PullError::File { path: folder.into(), source })?;
    let mut part = |file: &RemoteFile, kind: &str| {
        let path = folder.join(format!("{}.{kind}.part", model.name));
        fetch(file, &path, &mut progress).map(|bytes| (path, bytes))
    };
    let (cfg_path, cfg) = part(&model.cfg, "cfg")?;
    let (names_path, names) = part(&model.names, "names")?;
    let (weights_path, weights) = part(&model.weights, "weights")?;
    let mut network = Network::parse(&String::from_utf8_lossy(&cfg))?;
    network.read_weights(&weights)?;
    let names = String::from_utf8_lossy(&names);
    let labels = names.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let options = ExportOptions {
        labels: Some(labels),
        resize: model.resize,
        license: Some(model.license.clone()),
        source: Some(model.source.clone()),
    };
    network.to_onnx(options)?.write(&made)?;
    for part in [cfg_path, names_path, weights_path] {
        std::fs::remove_file(&part).map_err(|source| PullError::File { path: part, source })?;
    }
    Ok(Pulled::Fetched(made))
}

/// The verified bytes of a file, of which `path` holds what has come.
fn fetch(file: &RemoteFile, path: &Path, progress: &mut impl FnMut(&str, u64, u64)) -> Result<Vec<u8>, PullError> {
    let local = |source| PullError::File { path: path.into(), source };
    let mut part = File::options().create(true).read(true).append(true).open(path).map_err(local)?;
    let mut here = part.metadata().map_err(local)?.len();
    if here > file.bytes {
        part.set_len(0).map_err(local)?;
        here = 0;
    }
    if here < file.bytes {
        here = download(file, &mut part, here, progress).map_err(|failed| {
            if here == 0 {
                // Nothing came: an empty file would only puzzle. That it cannot be removed is the smaller trouble.
                let _ = std::fs::remove_file(path);
            }
            failed.at(&file.url, path)
        })?;
    }
    if here != file.bytes {
        return Err(PullError::Short { url: file.url.clone(), found: here, wanted: file.bytes });
    }
    let mut bytes = Vec::new();
    part.rewind().and_then(|()| part.read_to_end(&mut bytes)).map_err(local)?;
    let (algorithm, found, wanted) = file.checksum.of(&bytes);
    if found != wanted {
        std::fs::remove_file(path).map_err(local)?;
        return Err(PullError::Checksum { url: file.url.clone(), algorithm, found, wanted });
    }
    Ok(bytes)
}

/// What can go wrong on the way.
enum Failed {
    Remote(Box<ureq::Error>),
    Local(io::Error),
}

impl Failed {
    fn at(self, url: &str, path: &Path) -> PullError {
        match self {
            Self::Remote(source) => PullError::Fetch { url: url.into(), source },
            Self::Local(source) => PullError::File { path: path.into(), source },
        }
    }
}

/// Appends to `part`, which holds the first `here` bytes, and returns how many it holds then.
fn download(
    file: &RemoteFile,
    part: &mut File,
    mut here: u64,
    progress: &mut impl FnMut(&str, u64, u64),
) -> Result<u64, Failed> {
    let request = match here {
        0 => ureq::get(&file.url),
        here => ureq::get(&file.url).header("Range", format!("bytes={here}-")),
    };
    let mut response = request.call().map_err(|e| Failed::Remote(Box::new(e)))?;
    const PARTIAL_CONTENT: u16 = 206;
    if response.status().as_u16() != PARTIAL_CONTENT {
        part.set_len(0).map_err(Failed::Local)?;
        here = 0;
    }
    // One byte more than wanted tells a longer file.
    let mut body = response.body_mut().as_reader().take(file.bytes - here + 1);
    let mut chunk = vec![0; CHUNK];
    loop {
        // A connection that breaks leaves what has come; how much that is tells the caller.
        let Ok(read @ 1..) = body.read(&mut chunk) else { return Ok(here) };
        part.write_all(&chunk[..read]).map_err(Failed::Local)?;
        here += read as u64;
        progress(&file.url, here, file.bytes);
    }
}

impl Checksum {
    /// The algorithm, the checksum of `bytes`, and the one wanted.
    fn of(&self, bytes: &[u8]) -> (&'static str, String, String) {
        match self {
            Self::Md5(wanted) => ("MD5", super::hexadecimal(&Md5::digest(bytes)), wanted.clone()),
            Self::Sha1(wanted) => ("SHA-1", super::hexadecimal(&Sha1::digest(bytes)), wanted.clone()),
            Self::Sha256(wanted) => ("SHA-256", super::hexadecimal(&Sha256::digest(bytes)), wanted.clone()),
        }
    }
}
