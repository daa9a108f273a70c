//! Names become models: files in the models folders, where [`pull`] puts published ones, and the one in the program,
//! [`shipped`].

#[cfg(feature = "server")]
pub mod manifest;
#[cfg(feature = "server")]
pub mod pull;
#[cfg(feature = "server")]
pub mod shipped;

use crate::detector::{Detector, DetectorError};
use crate::engine::{Engine, EngineError, Runtime};
use crate::mapped;
use crate::metadata::{Metadata, MetadataError};
use crate::onnx::{Model, OnnxError};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a model could not be found or opened.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No file and no known name.
    #[error("no model `{name}`: it is neither a file nor in {places}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        places: String,
    },
    /// A folder cannot be read.
    #[error("{path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// Its metadata cannot be used.
    #[error("{path}: {source}")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: MetadataError,
    },
    /// No engine can run it.
    #[error("{path}: {source}")]
    Engine {
        /// The file.
        path: PathBuf,
        /// Why.
        source: EngineError,
    },
    /// It is no detector.
    #[error("{path}: {source}")]
    Detector {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DetectorError,
    },
}

/// Where models are looked for by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Folders of `NAME.onnx` files, the first one first.
    pub folders: Vec<PathBuf>,
    /// Models without a file, for names that no folder has.
    pub embedded: Vec<Entry>,
}

/// A model's name, and where its bytes are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Name: the file's, without its extension.
    pub name: String,
    place: Place,
}

/// Where the bytes of a model are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In an ONNX file.
    File(PathBuf),
    /// In the program.
    Program(&'static [u8]),
}

impl Catalog {
    /// The model called `name`: a file by that path, `name.onnx` in one of the folders, or an embedded one.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] says where it was looked for.
    pub fn find(&self, name: &str) -> Result<Entry, CatalogError> {
        let in_folder = |folder: &PathBuf| folder.join(format!("{name}.onnx"));
        // A name holds no path separator: only an explicit path may leave the folders.
        let is_name = Path::new(name).components().count() == 1 && name != "..";
        let candidates = self.folders.iter().filter(|_| is_name).map(in_folder);
        let found = std::iter::once(PathBuf::from(name)).chain(candidates).find(|path| path.is_file());
        let embedded = || self.embedded.iter().find(|entry| entry.name == name).cloned();
        found.map(Entry::file).or_else(embedded).ok_or_else(|| {
            let folders: Vec<_> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
            let places = if folders.is_empty() { "a models folder".into() } else { folders.join(" or ") };
            CatalogError::Unknown { name: name.into(), places }
        })
    }

    /// All model files in the folders, by name; of several with one name, the one that [`Self::find`] would take.
    ///
    /// # Errors
    /// [`CatalogError::Folder`]; a folder that does not exist holds no models.
    pub fn list(&self) -> Result<Vec<Entry>, CatalogError> {
        let mut entries: Vec<Entry> = Vec::new();
        for folder in self.folders.iter().filter(|folder| folder.exists()) {
            let failed = |source| CatalogError::Folder { path: folder.clone(), source };
            for file in std::fs::read_dir(folder).map_err(failed)? {
                let path = file.map_err(failed)?.path();
                if path.extension().is_some_and(|extension| extension == "onnx") && path.is_file() {
                    let entry = Entry::file(path);
                    if entries.iter().all(|known| known.name != entry.name) {
                        entries.push(entry);
                    }
                }
            }
        }
        entries.sort();
        Ok(entries)
    }
}

impl Entry {
    /// A model file, under the name that it has without its extension.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self { name, place: Place::File(path) }
    }

    /// A model file's bytes in the program.
    pub fn embedded(name: impl Into<String>, bytes: &'static [u8]) -> Self {
        Self { name: name.into(), place: Place::Program(bytes) }
    }

    /// Whether the model is in the program.
    pub fn is_embedded(&self) -> bool {
        matches!(self.place, Place::Program(_))
    }

    /// What finds the model again: its file, or its name if it is in the program.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::File(path) => path,
            Place::Program(_) => Path::new(&self.name),
        }
    }

    /// Reads the model and what it says of itself. One in the program is not copied.
    ///
    /// # Errors
    /// [`CatalogError::Onnx`] or [`CatalogError::Metadata`].
    pub fn open(&self) -> Result<ModelFile, CatalogError> {
        let path = self.path();
        let failed = |source| CatalogError::Onnx(OnnxError::File { path: path.into(), source });
        let bytes = match &self.place {
            Place::File(path) => mapped::map(path).map_err(failed)?,
            Place::Program(bytes) => Bytes::from_static(bytes),
        };
        let model = Model::from_bytes(bytes.clone(), path)?;
        let metadata = Metadata::read(&model).map_err(|source| CatalogError::Metadata { path: path.into(), source })?;
        let sha256 = hexadecimal(&Sha256::digest(&bytes));
        let inputs = named_axes(&model);
        Ok(ModelFile { entry: self.clone(), metadata, sha256, inputs, bytes })
    }
}

/// As in a sentence: the file, or the name and that it ships with the program.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Program(_) => write!(f, "{}, which ships with the program", self.name),
        }
    }
}

/// Without the bytes.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({self})")
    }
}

/// Two lower-case digits a byte.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Inputs that are no weights, with their axes.
fn named_axes(model: &Model) -> Vec<(String, Vec<Option<usize>>)> {
    let graph = model.graph.iter();
    let inputs = graph.flat_map(|graph| {
        let is_weight = |name: &str| graph.initializer.iter().any(|weight| weight.name == name);
        graph.input.iter().filter(move |input| !is_weight(&input.name))
    });
    inputs.map(|input| (input.name.clone(), input.axes().unwrap_or_default())).collect()
}

/// A model file that has been read, and not yet prepared to run.
pub struct ModelFile {
    /// Its name and place.
    pub entry: Entry,
    /// What it says of itself.
    pub metadata: Metadata,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// Name and axes of each input; `None` for an axis of any size.
    pub inputs: Vec<(String, Vec<Option<usize>>)>,
    bytes: Bytes,
}

impl ModelFile {
    /// Bytes of the file.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: an empty file is no model.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What the file holds.
    ///
    /// # Errors
    /// [`CatalogError::Onnx`].
    pub fn model(&self) -> Result<Model, CatalogError> {
        Ok(Model::from_bytes(self.bytes.clone(), self.entry.path())?)
    }

    /// The shapes that make the first input a batch of `batch` pictures of `size` pixels a side (the file's own size if
    /// `None`). Inputs that are no pictures keep the file's shape.
    pub fn picture_shapes(&self, batch: usize, size: Option<usize>) -> Vec<(String, Vec<usize>)> {
        let shape = |axes: &[Option<usize>]| match *axes {
            [_, channels, height, width] => Some(vec![batch, channels?, size.or(height)?, size.or(width)?]),
            _ => None,
        };
        self.inputs.iter().take(1).filter_map(|(name, axes)| Some((name.clone(), shape(axes)?))).collect()
    }

    /// Prepares the network for inputs of these shapes.
    ///
    /// # Errors
    /// [`CatalogError::Engine`].
    pub fn prepare(&self, runtime: &Runtime, shapes: &[(String, Vec<usize>)]) -> Result<Box<dyn Engine>, CatalogError> {
        let failed = |source| CatalogError::Engine { path: self.entry.path().into(), source };
        runtime.load(&self.bytes, shapes).map_err(failed)
    }

    /// Prepares the network as a detector, for square pictures of `size` pixels a side, or the file's own size.
    ///
    /// # Errors
    /// [`CatalogError::Engine`], or [`CatalogError::Detector`] if it is a raw model or unfit.
    pub fn into_detector(self, runtime: &Runtime, size: Option<usize>) -> Result<Detector, CatalogError> {
        let engine = self.prepare(runtime, &self.picture_shapes(1, size))?;
        let raw = || DetectorError::Unfit {
            reason: "its file has no detection metadata (`ocelli models show` tells)".into(),
        };
        let Entry { name, .. } = &self.entry;
        let metadata = self.metadata.detection.ok_or_else(raw);
        metadata
            .and_then(|metadata| Detector::new(name.clone(), engine, metadata))
            .map_err(|source| CatalogError::Detector { path: self.entry.path().into(), source })
    }
}
