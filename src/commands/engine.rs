//! The options of engines, as they are given on the command line, in the environment and in the file of `serve`.

use clap::{Args, ValueEnum};
use ocelli::engine::{EngineKind, EngineOptions, KernelSet, Memory, Precision, Runtime};
use serde::Deserialize;
use std::num::NonZeroUsize;

/// How networks are run.
#[derive(Debug, Clone, Default, Args)]
pub struct EngineArgs {
    /// Engine that runs the network [default: auto]
    #[arg(long, value_enum, env = "OCELLI_ENGINE")]
    pub engine: Option<EngineName>,
    /// Numbers that convolutions compute with [default: those of the file: int8 if it is quantised, else f32]
    #[arg(long, value_enum, env = "OCELLI_PRECISION")]
    pub precision: Option<PrecisionName>,
    /// Threads that share the work of one run [default: one a processor]
    #[arg(long, value_name = "N", env = "OCELLI_THREADS")]
    pub threads: Option<NonZeroUsize>,
    /// Keep each thread on a processor of its own: steadier times on a machine that does nothing else [default: false]
    #[arg(long, value_name = "BOOL", env = "OCELLI_PIN_THREADS", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub pin_threads: Option<bool>,
    /// What matters more, time or memory [default: normal]
    #[arg(long, value_enum, env = "OCELLI_MEMORY")]
    pub memory: Option<MemoryName>,
    /// Instructions of the native engine's inner loops, for a diagnosis [default: auto]
    #[arg(long, value_enum, env = "OCELLI_KERNELS")]
    pub kernels: Option<KernelsName>,
}

/// An engine.
#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// Native if it knows every operation of the network, else tract.
    Auto,
    /// The program's own, for convolutional networks.
    Native,
    /// tract, for every network.
    Tract,
}

/// A precision.
#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionName {
    /// 32-bit floats.
    F32,
    /// bfloat16: quicker, exact to 2 to 3 digits.
    Bf16,
    /// 8-bit integers: needs a file of `ocelli quantize`, or one like it.
    Int8,
}

/// A way to use memory.
#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryName {
    /// Time: weights may be kept in a larger form that is quicker.
    Normal,
    /// Memory: weights are kept in their smallest form.
    Low,
}

/// An instruction set, or the best.
#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelsName {
    /// The best that the machine has.
    Auto,
    /// Intel AMX.
    Amx,
    /// AVX-512.
    Avx512,
    /// AVX2 and FMA.
    Avx2,
    /// No vector instructions.
    Scalar,
}

impl EngineArgs {
    /// The options of the engines.
    pub fn options(&self) -> EngineOptions {
        let default = EngineOptions::default();
        EngineOptions {
            kind: match self.engine {
                None | Some(EngineName::Auto) => EngineKind::Auto,
                Some(EngineName::Native) => EngineKind::Native,
                Some(EngineName::Tract) => EngineKind::Tract,
            },
            threads: self.threads.unwrap_or(default.threads),
            precision: self.precision.map(|name| match name {
                PrecisionName::F32 => Precision::F32,
                PrecisionName::Bf16 => Precision::Bf16,
                PrecisionName::Int8 => Precision::Int8,
            }),
            kernels: self.kernels.and_then(|name| match name {
                KernelsName::Auto => None,
                KernelsName::Amx => Some(KernelSet::Amx),
                KernelsName::Avx512 => Some(KernelSet::Avx512),
                KernelsName::Avx2 => Some(KernelSet::Avx2),
                KernelsName::Scalar => Some(KernelSet::Scalar),
            }),
            memory: match self.memory {
                None | Some(MemoryName::Normal) => Memory::Normal,
                Some(MemoryName::Low) => Memory::Low,
            },
            pin: self.pin_threads.unwrap_or(default.pin),
        }
    }

    /// Engines of these options, with their threads.
    pub fn runtime(&self) -> Runtime {
        Runtime::new(self.options())
    }
}
