//! `ocelli serve`.

use super::config::ServeArgs;
use super::start_logging;
use anyhow::Context;
use clap::Args;
use ocelli::catalog::Entry;
use ocelli::serve::connection::{self, Stop};
use ocelli::serve::{App, ServedModel};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args)]
#[command(after_help = "Examples:\n  ocelli serve\n  ocelli serve --model yolo.onnx\n  \
    OCELLI_PORT=9000 ocelli serve --models-dir /models --host 0.0.0.0\n  \
    curl --data-binary @dog.jpg -H 'Content-Type: image/jpeg' http://127.0.0.1:8080/api/v1/detect")]
pub struct ServeCommand {
    #[command(flatten)]
    options: ServeArgs,
}

impl ServeCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let options = self.options.over_file()?;
        start_logging(options.log.as_deref().unwrap_or("info"));
        let entries = entries(&options)?;
        options.models.check(&entries)?;
        let app = Arc::new(App::new(options.options()?)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ended = runtime.block_on(serve(options, entries, app));
        // What still runs has had its time: dropping the runtime would wait for it.
        runtime.shutdown_background();
        ended
    }
}

/// The models to serve, the default one first.
fn entries(options: &ServeArgs) -> anyhow::Result<Vec<Entry>> {
    let catalog = options.catalog();
    if !options.model.is_empty() {
        return options.model.iter().map(|name| catalog.find(name)).collect();
    }
    let entries = catalog.unnamed()?;
    if let [shipped] = &entries[..]
        && shipped.is_embedded()
    {
        let folder = catalog.folder();
        tracing::info!(folder = %folder.display(), "no model in the folder, serving the one that ships with the program");
    }
    Ok(entries)
}

async fn serve(options: ServeArgs, entries: Vec<Entry>, app: Arc<App>) -> anyhow::Result<ExitCode> {
    let address = options.address();
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("cannot listen on {}:{}", address.0, address.1))?;
    let at = listener.local_addr()?;
    let shutdown = shutdown(options.stop())?;
    let server = tokio::spawn(connection::serve(listener, Arc::clone(&app), shutdown));
    let loading = tokio::task::spawn_blocking(move || load(&options, &entries, &app));
    // A server that cannot load its models ends; one that is told to stop while it loads, too.
    let abort = server.abort_handle();
    let load = tokio::spawn(async move {
        let loaded = loading.await.map_err(anyhow::Error::from).and_then(|loaded| loaded);
        match &loaded {
            Ok(()) => {
                tracing::info!(playground = %format!("http://{at}/"), docs = %format!("http://{at}/docs"), "ready");
            }
            Err(_) => abort.abort(),
        }
        loaded
    });
    match server.await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(_) => load.await?.map(|()| ExitCode::FAILURE),
    }
}

fn load(options: &ServeArgs, entries: &[Entry], app: &App) -> anyhow::Result<()> {
    let runtime = options.runtime();
    let mut models = Vec::with_capacity(entries.len());
    for entry in entries {
        let began = Instant::now();
        let model = options.models.apply(ServedModel::load(entry, &runtime)?, entry)?;
        let seconds = began.elapsed().as_secs_f64();
        match model.detector() {
            Ok(detector) => {
                let engine = detector.engine();
                let (precision, why) = (engine.precision().name(), engine.choice());
                tracing::info!(model = entry.name, from = %entry, engine = engine.name(), why, precision, seconds, "loaded and warm");
            }
            Err(_) => tracing::info!(model = entry.name, from = %entry, seconds, "a raw model: loaded, and not run"),
        }
        models.push(model);
    }
    app.set_models(models);
    Ok(())
}

/// Resolves when the process is told to stop. An interrupt from a terminal does not wait for load balancers.
fn shutdown(stop: Stop) -> std::io::Result<impl Future<Output = Stop>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => stop,
            _ = interrupt.recv() => Stop { drain_delay: Duration::ZERO, ..stop },
        }
    })
}
