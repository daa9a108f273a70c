//! temp
use super::*;
use crate::onnx::{Model, TensorValue};
use std::collections::HashMap;
#[derive(Debug)]
pub(crate) enum ImportError {
    Input { name: String, reason: String },
    Unsupported(Unsupported),
}
fn floats(t: &TensorValue) -> Vec<f32> {
    if t.raw_data.is_empty() {
        t.float_data.clone()
    } else {
        t.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }
}
pub(crate) fn import(model: &Model, shapes: &[(String, Vec<usize>)]) -> Result<Graph, ImportError> {
    let g = model.graph.as_ref().unwrap();
    let mut out = Graph::default();
    let mut ids: HashMap<String, ValueId> = HashMap::new();
    let init: HashMap<&str, &TensorValue> = g.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
    let mut add = |out: &mut Graph, name: &str, shape: Vec<usize>| {
        out.values.push(Value { name: name.into(), shape, constant: None, grid: None });
        ids.insert(name.into(), out.values.len() - 1);
        out.values.len() - 1
    };
    for i in &g.input {
        if init.contains_key(i.name.as_str()) {
            continue;
        }
        let s = shapes
            .iter()
            .find(|s| s.0 == i.name)
            .map(|s| s.1.clone())
            .unwrap_or_else(|| i.axes().unwrap().into_iter().map(|a| a.unwrap_or(1)).collect());
        let v = add(&mut out, &i.name, s);
        out.inputs.push(v);
    }
    drop(add);
    for n in &g.node {
        let ints = |name: &str, d: [i64; 4]| -> Vec<usize> {
            n.attribute
                .iter()
                .find(|a| a.name == name)
                .map(|a| a.ints.clone())
                .unwrap_or(d.to_vec())
                .into_iter()
                .map(|x| x as usize)
                .collect()
        };
        let f = |name: &str, d: f32| n.attribute.iter().find(|a| a.name == name).map(|a| a.f).unwrap_or(d);
        let rt: Vec<ValueId> = n.input.iter().filter_map(|i| ids.get(i).copied()).collect();
        let sh = out.values[rt[0]].shape.clone();
        if n.op_type == "Identity" {
            ids.insert(n.output[0].clone(), rt[0]);
            continue;
        }
        let (op, shape) = match n.op_type.as_str() {
            "Conv" => {
                let w = init[n.input[1].as_str()];
                let ws: Vec<usize> = w.dims.iter().map(|d| *d as usize).collect();
                let (st, pd, dl) = (ints("strides", [1; 4]), ints("pads", [0; 4]), ints("dilations", [1; 4]));
                let o = |a: usize| (sh[a + 2] + pd[a] + pd[a + 2] - (ws[a + 2] - 1) * dl[a] - 1) / st[a] + 1;
                let groups = n.attribute.iter().find(|a| a.name == "group").map(|a| a.i as usize).unwrap_or(1);
                (
                    Operation::Convolution(Box::new(Convolution {
                        weights: Weights {
                            name: w.name.clone(),
                            shape: [ws[0], ws[1], ws[2], ws[3]],
                            elements: Elements::F32(w.raw_data.clone()),
                        },
                        scale: vec![],
                        bias: n.input.get(2).map(|b| floats(init[b.as_str()])).unwrap_or(vec![0.; ws[0]]),
                        stride: [st[0], st[1]],
                        dilation: [dl[0], dl[1]],
                        padding: [pd[0], pd[1], pd[2], pd[3]],
                        groups,
                        activation: Activation::Linear,
                        residual: None,
                    })),
                    vec![sh[0], ws[0], o(0), o(1)],
                )
            }
            "LeakyRelu" => (Operation::Activation(Activation::Leaky(f("alpha", 0.01))), sh),
            "Relu" => (Operation::Activation(Activation::Relu), sh),
            "Add" => (Operation::Binary(Binary::Add), sh),
            "Concat" => {
                let mut s = sh.clone();
                s[1] = rt.iter().map(|v| out.values[*v].shape[1]).sum();
                (Operation::Concat { axis: 1 }, s)
            }
            "Resize" => {
                let sc = floats(init[n.input[2].as_str()]);
                let k = [sc[2] as usize, sc[3] as usize];
                (Operation::Upsample { factor: k }, vec![sh[0], sh[1], sh[2] * k[0], sh[3] * k[1]])
            }
            "MaxPool" => {
                let (k, st, pd) = (ints("kernel_shape", [1; 4]), ints("strides", [1; 4]), ints("pads", [0; 4]));
                let o = |a: usize| (sh[a + 2] + pd[a] + pd[a + 2] - k[a]) / st[a] + 1;
                (
                    Operation::Pool(Pool {
                        kind: PoolKind::Max,
                        kernel: [k[0], k[1]],
                        stride: [st[0], st[1]],
                        dilation: [1, 1],
                        padding: [pd[0], pd[1], pd[2], pd[3]],
                    }),
                    vec![sh[0], sh[1], o(0), o(1)],
                )
            }
            o => return Err(ImportError::Unsupported(Unsupported(o.into()))),
        };
        out.values.push(Value { name: n.output[0].clone(), shape, constant: None, grid: None });
        let id = out.values.len() - 1;
        ids.insert(n.output[0].clone(), id);
        out.nodes.push(Node { name: n.name.clone(), operation: op, inputs: rt, output: id });
    }
    out.outputs = g.output.iter().map(|o| ids[&o.name]).collect();
    Ok(out)
}
