//! `ocelli infer`.

use super::Usage;
use super::config::EngineArgs;
use anyhow::{Context, ensure};
use clap::Args;
use ocelli::catalog::Catalog;
use ocelli::tensor::{NamedTensors, Tensor, write_npz};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "Example:\n  ocelli infer face.onnx --input input=picture.npy -o boxes.npz")]
pub struct InferCommand {
    /// Any ONNX model
    #[arg(value_name = "FILE.onnx")]
    model: String,
    /// An input's tensor, from a .npy file; its shape becomes the network's
    #[arg(long, value_name = "NAME=FILE.npy", required = true)]
    input: Vec<String>,
    /// Write the outputs: all of them to .npz, or the only one to .npy
    #[arg(short, long, value_name = "FILE.npz")]
    output: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
}

impl InferCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let file = Catalog::default().find(&self.model)?.open()?;
        let mut inputs: NamedTensors = self.input.iter().map(|input| read_input(input)).collect::<Result<_, _>>()?;
        let shapes: Vec<_> = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape().to_vec())).collect();
        let engine = file.prepare(&self.engine.runtime(), &shapes)?;
        let take = |name: &String| inputs.iter().position(|(n, _)| n == name).map(|index| inputs.swap_remove(index).1);
        let names: Vec<String> = engine.inputs().iter().map(|port| port.name.clone()).collect();
        let tensors: Option<Vec<Tensor>> = names.iter().map(take).collect();
        let tensors =
            tensors.ok_or_else(|| Usage(format!("--input: the network has the inputs {}", names.join(", "))))?;
        let outputs = engine.run(tensors)?;
        let mut out = std::io::stdout().lock();
        for (name, tensor) in &outputs {
            writeln!(out, "{name}: {} {:?}{}", tensor.dtype(), tensor.shape(), range(tensor))?;
        }
        self.write(&outputs)?;
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, outputs: &NamedTensors) -> anyhow::Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        if path.extension().is_some_and(|extension| extension == "npy") {
            ensure!(
                outputs.len() == 1,
                Usage(format!(
                    "a .npy file holds one tensor, and the network has {} outputs: name a .npz file",
                    outputs.len()
                ))
            );
            outputs[0].1.write_npy(path)?;
        } else {
            write_npz(path, outputs)?;
        }
        Ok(())
    }
}

fn read_input(argument: &str) -> anyhow::Result<(String, Tensor)> {
    let (name, path) =
        argument.split_once('=').ok_or_else(|| Usage(format!("--input {argument}: not NAME=FILE.npy")))?;
    Ok((name.into(), Tensor::read_npy(path.as_ref()).context("--input")?))
}

/// Least, mean and largest element, of floats.
fn range(tensor: &Tensor) -> String {
    let Some(values) = tensor.as_f32().filter(|values| !values.is_empty()) else { return String::new() };
    let (least, largest) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    format!(" in {least:.4} … {largest:.4}, mean {:.4}", values.mean().unwrap_or_default())
}
