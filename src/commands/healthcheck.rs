//! `ocelli healthcheck`.

use super::config::ready_url;
use anyhow::Context;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

/// Longest time for the answer.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Args)]
#[command(after_help = "Example:\n  ocelli healthcheck --url http://127.0.0.1:8080/health/ready && echo ready")]
pub struct HealthcheckCommand {
    /// What to ask; /health/ready is added to a bare address [default: http://127.0.0.1:$PORT/health/ready]
    #[arg(long)]
    url: Option<String>,
}

impl HealthcheckCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let url = self.url.map_or_else(ready_url, |url| match url.splitn(4, '/').nth(3) {
            // The playground at the bare address answers whether or not the models are loaded.
            None | Some("") => format!("{}/health/ready", url.trim_end_matches('/')),
            Some(_) => url,
        });
        let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None).build().new_agent();
        agent.get(&url).call().with_context(|| format!("{url} is not ready"))?;
        Ok(ExitCode::SUCCESS)
    }
}
