//! The numbers of a network by name, apart from the network: what is saved, loaded, averaged and compared.
//!
//! A name is the path of fields to the parameter, such as `stem.conv.weight`. Running statistics of batch normalisation
//! are among them.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why weights could not be read, written or taken over.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no safetensors file, or holds something else than floats.
    #[error("{path}: no weights in the safetensors format: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The weights are those of another architecture.
    #[error("the weights do not fit the network: {0}")]
    Mismatch(String),
}

/// Tensors of 32-bit floats by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(pub BTreeMap<String, TensorData>);

impl Weights {
    /// The weights of a network, running statistics included, as they are now.
    pub fn of<M: Module>(module: &M) -> Self {
        let mut collector = Collector { path: Vec::new(), weights: Self::default() };
        // Running statistics are brought up to date by the transition alone.
        module.valid().visit(&mut collector);
        collector.weights
    }

    /// A network of the same architecture with these weights in place of its own.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`] unless names and shapes are exactly those of the network.
    pub fn load_into<M: Module>(&self, module: M) -> Result<M, WeightsError> {
        let own = Self::of(&module);
        for (name, data) in &own.0 {
            match self.0.get(name) {
                None => return Err(WeightsError::Mismatch(format!("{name} is missing"))),
                Some(other) if other.shape() != data.shape() => {
                    let shapes = format!(
                        "{name} has shape {:?}, the network's {:?}",
                        other.shape().to_vec(),
                        data.shape().to_vec()
                    );
                    return Err(WeightsError::Mismatch(shapes));
                }
                Some(_) => {}
            }
        }
        if let Some(name) = self.0.keys().find(|name| !own.0.contains_key(*name)) {
            return Err(WeightsError::Mismatch(format!("the network has no {name}")));
        }
        Ok(module.map(&mut Loader { path: Vec::new(), weights: self }))
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.0.values().map(|data| data.shape().num_elements()).sum()
    }

    /// Reads a safetensors file and the texts beside its tensors.
    ///
    /// # Errors
    /// [`WeightsError::File`] or [`WeightsError::Malformed`].
    pub fn read(path: &Path) -> Result<(Self, HashMap<String, String>), WeightsError> {
        let bytes = std::fs::read(path).map_err(|source| WeightsError::File { path: path.into(), source })?;
        Self::parse(&bytes, path)
    }

    /// Reads the bytes of a safetensors file; `path` is for messages.
    ///
    /// # Errors
    /// [`WeightsError::Malformed`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<(Self, HashMap<String, String>), WeightsError> {
        let malformed = |reason: String| WeightsError::Malformed { path: path.into(), reason };
        let broken = |error: SafeTensorError| match error {
            SafeTensorError::MetadataIncompleteBuffer | SafeTensorError::InvalidHeaderLength => {
                malformed(format!("it is cut short, or longer than it says ({error})"))
            }
            _ => malformed(error.to_string()),
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut weights = Self::default();
        for (name, view) in tensors.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(malformed(format!("{name} is of type {:?} in place of F32", view.dtype())));
            }
            let numbers: Vec<f32> =
                view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            weights.0.insert(name.into(), TensorData::new(numbers, view.shape().to_vec()));
        }
        Ok((weights, metadata.metadata().clone().unwrap_or_default()))
    }

    /// Writes a safetensors file, by way of a temporary one beside it that reaches the disk first: a crash leaves the old
    /// file or the new one.
    ///
    /// # Errors
    /// [`WeightsError::File`], [`WeightsError::Malformed`] if a tensor does not hold 32-bit floats.
    pub fn write(&self, path: &Path, texts: &HashMap<String, String>) -> Result<(), WeightsError> {
        let malformed = |reason: String| WeightsError::Malformed { path: path.into(), reason };
        let mut views = Vec::new();
        for (name, data) in &self.0 {
            if data.dtype() != DType::F32 {
                return Err(malformed(format!("{name} is of type {:?} in place of F32", data.dtype())));
            }
            let view = TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes());
            views.push((name, view.map_err(|e| malformed(e.to_string()))?));
        }
        let bytes = safetensors::serialize(views, Some(texts.clone())).map_err(|e| malformed(e.to_string()))?;
        write_whole(path, &bytes).map_err(|source| WeightsError::File { path: path.into(), source })
    }
}

/// Writes a file so that a crash at any moment leaves the old one or the new one, whole.
///
/// # Errors
/// What the system says, such as a full disk; the old file is untouched then and the temporary one is gone.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = PathBuf::from(temporary);
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&temporary, path)).inspect_err(|_| {
        // The first error is the one to tell of.
        let _ = std::fs::remove_file(&temporary);
    })
}

/// Reads the parameters of a network into [`Weights`].
struct Collector {
    path: Vec<String>,
    weights: Weights,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.weights.0.insert(self.path.join("."), param.val().into_data().convert::<f32>());
    }
}

/// Puts [`Weights`] into a network that they fit.
struct Loader<'a> {
    path: Vec<String>,
    weights: &'a Weights,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(data) = self.weights.0.get(&self.path.join(".")) else { return param };
        param.map(|old| {
            let tracked = old.is_require_grad();
            Tensor::from_data(data.clone(), (&old.device(), old.dtype())).set_require_grad(tracked)
        })
    }
}
