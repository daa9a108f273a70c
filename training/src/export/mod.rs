//! A captured `forward` becomes an ONNX file.
