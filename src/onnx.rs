//! The ONNX file as structs: reading and writing, nothing of what the graph means.
//!
//! Field numbers are those of [`onnx.proto`](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) (IR version 10).
//! Functions, training info and sparse tensors are left out: no model here uses them, and a file that holds them is
//! still read, without them. Weights stay slices of the one buffer that the file was read into.

use bytes::Bytes;
use prost::Message;
use std::path::{Path, PathBuf};

/// The operator set that [`Model::new`] declares.
pub const OPSET: i64 = 17;

/// `TensorProto.DataType` of 32-bit floats.
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType` of 8-bit unsigned integers.
pub const UINT8: i32 = 2;
/// `TensorProto.DataType` of 8-bit signed integers.
pub const INT8: i32 = 3;
/// `TensorProto.DataType` of 32-bit integers.
pub const INT32: i32 = 6;
/// `TensorProto.DataType` of 64-bit integers.
pub const INT64: i32 = 7;
/// `TensorProto.DataType` of truth values, one byte each.
pub const BOOL: i32 = 9;
/// `TensorProto.DataType` of 16-bit floats.
pub const FLOAT16: i32 = 10;
/// `TensorProto.DataType` of 64-bit floats.
pub const DOUBLE: i32 = 11;

/// Why an ONNX file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no ONNX model.
    #[error("{path}: not an ONNX model: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// `ModelProto`: a graph and what is said about it.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// Version of the file format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// The tool that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// Reverse-DNS name of the model's origin.
    #[prost(string, tag = "4")]
    pub domain: String,
    /// The model's own version.
    #[prost(int64, tag = "5")]
    pub model_version: i64,
    /// For people.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    /// Operator sets that the graph needs.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    /// Free key-value pairs; `ocelli.*` are this project's (see [`crate::metadata`]).
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringEntry>,
}

/// `OperatorSetIdProto`.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSet {
    /// Empty for the standard operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Its version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// `StringStringEntryProto`.
#[derive(Clone, PartialEq, Message)]
pub struct StringEntry {
    /// Key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `GraphProto`: nodes in topological order.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// The operations.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants: the weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorValue>,
    /// For people.
    #[prost(string, tag = "10")]
    pub doc_string: String,
    /// What the caller supplies; old files list the initializers here too.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    /// What the caller gets.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
    /// Shapes of values in between, where known.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfo>,
}

/// `NodeProto`: one operation.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Names of the operands; an empty one stands for an operand left out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the results.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Its own name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Its attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    /// For people.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// The operator's domain.
    #[prost(string, tag = "7")]
    pub domain: String,
}

/// `AttributeProto`: one field is set, as `kind` says.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value of kind 1.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// Value of kind 2.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// Value of kind 3, UTF-8.
    #[prost(bytes = "bytes", tag = "4")]
    pub s: Bytes,
    /// Value of kind 4.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorValue>,
    /// Value of kind 5.
    #[prost(message, optional, tag = "6")]
    pub g: Option<Graph>,
    /// Value of kind 6.
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    /// Value of kind 7.
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    /// Value of kind 8.
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    /// `AttributeProto.AttributeType`.
    #[prost(int32, tag = "20")]
    pub kind: i32,
}

/// `TensorProto`: a constant. Its numbers are in `raw_data` (little-endian) or in the field of their type.
#[derive(Clone, PartialEq, Message)]
pub struct TensorValue {
    /// Shape.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// `TensorProto.DataType`, such as [`FLOAT`].
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Numbers of type float.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Numbers of the integer types up to 32 bits, and of half floats.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Strings.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub string_data: Vec<Bytes>,
    /// Numbers of type int64.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Its name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// All numbers, little-endian.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    /// Numbers of type double.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Numbers of types uint32 and uint64.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// Where the numbers are, if in another file.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringEntry>,
    /// 1 if they are.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// `ValueInfoProto`: name and type of a value.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<ValueType>,
    /// For people.
    #[prost(string, tag = "3")]
    pub doc_string: String,
}

/// `TypeProto`, of which tensors alone are read.
#[derive(Clone, PartialEq, Message)]
pub struct ValueType {
    /// A tensor's type.
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// `TypeProto.Tensor`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    /// `TensorProto.DataType`.
    #[prost(int32, tag = "1")]
    pub element: i32,
    /// Its shape, if known.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// `TensorShapeProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    /// The axes.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// `TensorShapeProto.Dimension`: a size, a name, or unknown.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    /// What is known.
    #[prost(oneof = "Extent", tags = "1, 2")]
    pub extent: Option<Extent>,
}

/// How long an axis is.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Extent {
    /// A fixed size.
    #[prost(int64, tag = "1")]
    Fixed(i64),
    /// Any size; axes of one name are of one size.
    #[prost(string, tag = "2")]
    Symbol(String),
}

impl Model {
    /// A model of this project's making around a graph.
    pub fn new(graph: Graph) -> Self {
        Self {
            ir_version: 8,
            producer_name: "ocelli".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(graph),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
            ..Self::default()
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`OnnxError::File`] if it cannot be read, [`OnnxError::Malformed`] if it holds no graph.
    pub fn read(path: &Path) -> Result<Self, OnnxError> {
        let bytes = std::fs::read(path).map_err(|source| OnnxError::File { path: path.into(), source })?;
        Self::from_bytes(bytes.into(), path)
    }

    /// Reads the bytes of a file; `path` is for messages.
    ///
    /// # Errors
    /// [`OnnxError::Malformed`] if they hold no graph.
    pub fn from_bytes(bytes: Bytes, path: &Path) -> Result<Self, OnnxError> {
        let malformed = |reason: String| OnnxError::Malformed { path: path.into(), reason };
        if bytes.is_empty() {
            return Err(malformed("the file is empty".into()));
        }
        let model = Self::decode(bytes).map_err(|e| malformed(e.to_string()))?;
        match &model.graph {
            Some(graph) if !graph.output.is_empty() => Ok(model),
            _ => Err(malformed("it holds no graph with an output".into())),
        }
    }

    /// The bytes of a file.
    pub fn to_bytes(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// Writes a file, by way of a temporary one beside it, so that a failure leaves no broken model.
    ///
    /// # Errors
    /// [`OnnxError::File`].
    pub fn write(&self, path: &Path) -> Result<(), OnnxError> {
        let failed = |source| OnnxError::File { path: path.into(), source };
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".part");
        std::fs::write(&temporary, self.encode_to_vec()).map_err(failed)?;
        std::fs::rename(&temporary, path).map_err(failed)
    }

    /// The value of a metadata key.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// Sets a metadata key.
    pub fn set_property(&mut self, key: &str, value: impl Into<String>) {
        self.metadata_props.retain(|entry| entry.key != key);
        self.metadata_props.push(StringEntry { key: key.into(), value: value.into() });
    }
}

impl Node {
    /// An operation of the standard operators, named after its first result.
    pub fn new(op_type: &str, input: Vec<String>, output: &str, attribute: Vec<Attribute>) -> Self {
        Self {
            input,
            output: vec![output.into()],
            name: output.into(),
            op_type: op_type.into(),
            attribute,
            ..Self::default()
        }
    }
}

impl Attribute {
    /// A float.
    pub fn float(name: &str, f: f32) -> Self {
        Self { name: name.into(), f, kind: 1, ..Self::default() }
    }

    /// An integer.
    pub fn int(name: &str, i: i64) -> Self {
        Self { name: name.into(), i, kind: 2, ..Self::default() }
    }

    /// A string.
    pub fn string(name: &str, s: &'static str) -> Self {
        Self { name: name.into(), s: Bytes::from_static(s.as_bytes()), kind: 3, ..Self::default() }
    }

    /// A constant tensor.
    pub fn tensor(name: &str, t: TensorValue) -> Self {
        Self { name: name.into(), t: Some(t), kind: 4, ..Self::default() }
    }

    /// A list of integers.
    pub fn ints(name: &str, ints: Vec<i64>) -> Self {
        Self { name: name.into(), ints, kind: 7, ..Self::default() }
    }
}

impl TensorValue {
    /// A constant of floats.
    pub fn floats(name: &str, dims: Vec<i64>, values: &[f32]) -> Self {
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into();
        Self { name: name.into(), dims, data_type: FLOAT, raw_data, ..Self::default() }
    }

    /// A constant of any type; its numbers little-endian.
    pub fn raw(name: &str, dims: Vec<i64>, data_type: i32, numbers: impl Into<Bytes>) -> Self {
        Self { name: name.into(), dims, data_type, raw_data: numbers.into(), ..Self::default() }
    }

    /// A one-dimensional constant of 64-bit integers.
    pub fn int64s(name: &str, values: &[i64]) -> Self {
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into();
        Self { name: name.into(), dims: vec![values.len() as i64], data_type: INT64, raw_data, ..Self::default() }
    }
}

impl ValueInfo {
    /// A tensor of floats with these axes.
    pub fn floats(name: &str, axes: &[Extent]) -> Self {
        Self::of(name, FLOAT, axes.iter().cloned().map(Some).collect())
    }

    /// A tensor of a `TensorProto.DataType` with these axes; `None` is one of unknown size.
    pub fn of(name: &str, element: i32, axes: Vec<Option<Extent>>) -> Self {
        let dim = axes.into_iter().map(|extent| Dimension { extent }).collect();
        let tensor = TensorType { element, shape: Some(Shape { dim }) };
        Self { name: name.into(), r#type: Some(ValueType { tensor: Some(tensor) }), ..Self::default() }
    }

    /// The axes, if the file gives them; `None` for one of any size.
    pub fn axes(&self) -> Option<Vec<Option<usize>>> {
        let shape = self.r#type.as_ref()?.tensor.as_ref()?.shape.as_ref()?;
        Some(shape.dim.iter().map(Dimension::fixed).collect())
    }
}

impl Dimension {
    /// The size, if it is fixed and positive.
    pub fn fixed(&self) -> Option<usize> {
        match self.extent {
            Some(Extent::Fixed(size)) => usize::try_from(size).ok().filter(|size| *size > 0),
            _ => None,
        }
    }
}
