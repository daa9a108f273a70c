//! `ocelli openapi`.

use super::config::ServeArgs;
use anyhow::anyhow;
use std::io::Write;
use std::process::ExitCode;

/// Prints the specification.
pub fn run() -> anyhow::Result<ExitCode> {
    let specification = ocelli::serve::specification(ServeArgs::default().options()?).map_err(|e| anyhow!(e))?;
    std::io::stdout().write_all(specification.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
