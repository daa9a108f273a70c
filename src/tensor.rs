//! Tensors as they go in and out of an engine, and the NumPy files that hold them.

use half::f16;
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{NpzWriter, ReadNpyError, ReadNpyExt, WriteNpyExt};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

/// Why a NumPy file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct TensorFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Writes the enum, and everything that must treat each element type alike, from one list of them.
macro_rules! tensor {
    ($($variant:ident $element:ty, $name:literal, $npy:tt;)*) => {
        /// A dense array of numbers of any shape.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Tensor {
            $(#[doc = concat!("Elements of type ", $name, ".")] $variant(ArrayD<$element>),)*
        }

        $(impl From<ArrayD<$element>> for Tensor {
            fn from(array: ArrayD<$element>) -> Self {
                Self::$variant(array)
            }
        })*

        impl Tensor {
            /// Name of the element type, as NumPy spells it.
            pub fn dtype(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Lengths of the axes.
            pub fn shape(&self) -> &[usize] {
                match self {
                    $(Self::$variant(array) => array.shape(),)*
                }
            }

            fn from_npy(path: &Path) -> Result<Self, TensorFileError> {
                $(tensor!(@read $npy path, $variant, $element);)*
                Err(failed(path, "its element type is not supported"))
            }

            fn add_to_npz(&self, name: &str, npz: &mut NpzWriter<File>) -> Result<(), String> {
                match self {
                    $(Self::$variant(array) => tensor!(@add $npy npz, name, array),)*
                }
            }

            fn to_npy(&self, writer: BufWriter<File>) -> Result<(), String> {
                match self {
                    $(Self::$variant(array) => tensor!(@write $npy writer, array),)*
                }
            }
        }
    };
    (@read npy $path:ident, $variant:ident, $element:ty) => {
        match ArrayD::<$element>::read_npy(open($path)?) {
            Ok(array) => return Ok(Self::$variant(array)),
            Err(ReadNpyError::WrongDescriptor(_)) => {}
            Err(error) => return Err(failed($path, error)),
        }
    };
    (@read convert $path:ident, $variant:ident, $element:ty) => {};
    (@add npy $npz:ident, $name:ident, $array:ident) => { $npz.add_array($name, $array).map_err(|e| e.to_string()) };
    (@add convert $npz:ident, $name:ident, $array:ident) => {
        $npz.add_array($name, &$array.mapv(f32::from)).map_err(|e| e.to_string())
    };
    (@write npy $writer:ident, $array:ident) => { $array.write_npy($writer).map_err(|e| e.to_string()) };
    (@write convert $writer:ident, $array:ident) => { $array.mapv(f32::from).write_npy($writer).map_err(|e| e.to_string()) };
}

// Half floats have no NumPy file here: they are written as float32, which holds each of them exactly.
tensor! {
    F32 f32, "float32", npy;
    F64 f64, "float64", npy;
    F16 f16, "float16", convert;
    I8 i8, "int8", npy;
    I16 i16, "int16", npy;
    I32 i32, "int32", npy;
    I64 i64, "int64", npy;
    U8 u8, "uint8", npy;
    U16 u16, "uint16", npy;
    U32 u32, "uint32", npy;
    U64 u64, "uint64", npy;
    Bool bool, "bool", npy;
}

/// Tensors with the names of a network's inputs or outputs, in its order.
pub type NamedTensors = Vec<(String, Tensor)>;

impl Tensor {
    /// A float tensor of `shape`, every element `value`.
    pub fn filled(shape: &[usize], value: f32) -> Self {
        Self::F32(ArrayD::from_elem(IxDyn(shape), value))
    }

    /// The floats, if these are 32-bit floats.
    pub fn as_f32(&self) -> Option<&ArrayD<f32>> {
        match self {
            Self::F32(array) => Some(array),
            _ => None,
        }
    }

    /// Reads a `.npy` file.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read_npy(path: &Path) -> Result<Self, TensorFileError> {
        Self::from_npy(path)
    }

    /// Writes a `.npy` file.
    ///
    /// # Errors
    /// Names the file and what is wrong.
    pub fn write_npy(&self, path: &Path) -> Result<(), TensorFileError> {
        let file = File::create(path).map_err(|e| failed(path, e))?;
        self.to_npy(BufWriter::new(file)).map_err(|e| failed(path, e))
    }
}

/// Writes named tensors into one uncompressed `.npz` file.
///
/// # Errors
/// Names the file and what is wrong.
pub fn write_npz(path: &Path, tensors: &NamedTensors) -> Result<(), TensorFileError> {
    let mut npz = NpzWriter::new(File::create(path).map_err(|e| failed(path, e))?);
    for (name, tensor) in tensors {
        tensor.add_to_npz(name, &mut npz).map_err(|e| failed(path, e))?;
    }
    npz.finish().map_err(|e| failed(path, e)).map(drop)
}

fn open(path: &Path) -> Result<BufReader<File>, TensorFileError> {
    File::open(path).map(BufReader::new).map_err(|e| failed(path, e))
}

fn failed(path: &Path, reason: impl std::fmt::Display) -> TensorFileError {
    TensorFileError { path: path.into(), reason: reason.to_string() }
}
