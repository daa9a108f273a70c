//! Flags, environment and file become the options that the modules own: flag > environment > file > default. The only
//! reader of the environment.

pub use super::engine::EngineArgs;
use super::engine::{EngineName, KernelsName, MemoryName, PrecisionName};
use super::thresholds::ModelTables;
use super::{Usage, tell};
use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use ocelli::catalog::manifest::Manifest;
use ocelli::catalog::{Catalog, CatalogError, Entry, shipped};
use ocelli::dataset::Format;
use ocelli::engine::Runtime;
use ocelli::nms::{NmsOptions, Suppression};
use ocelli::picture::Limits;
use ocelli::serve::connection::Stop;
use ocelli::serve::{ApiKeys, ServeOptions};
use serde::Deserialize;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Where models are looked for by name, unless told otherwise.
const MODELS_DIR: &str = "models";

/// The port served on, unless told otherwise.
const PORT: u16 = 8080;

/// Where models are found.
#[derive(Debug, Clone, Default, Args, Deserialize)]
pub struct CatalogArgs {
    /// Folder of NAME.onnx files [default: models]
    #[arg(long, value_name = "DIR", env = "OCELLI_MODELS_DIR")]
    pub models_dir: Option<PathBuf>,
}

impl CatalogArgs {
    pub fn folder(&self) -> PathBuf {
        self.models_dir.clone().unwrap_or_else(|| MODELS_DIR.into())
    }

    pub fn catalog(&self) -> Catalog {
        Catalog { folders: vec![self.folder()], embedded: vec![shipped::entry()] }
    }

    /// The models that are meant where none is named: those in the folder by name, of which one called like the shipped
    /// one comes last; the shipped one where there are none.
    pub fn unnamed(&self) -> anyhow::Result<Vec<Entry>> {
        let mut entries = self.catalog().list()?;
        entries.sort_by_key(|entry| entry.name == shipped::NAME);
        if entries.is_empty() {
            entries.push(shipped::entry());
        }
        Ok(entries)
    }

    /// The model called `name`. Without a name, which is told: the only one in the folder, or else the shipped one.
    pub fn choose(&self, name: Option<&str>) -> anyhow::Result<Entry> {
        if let Some(name) = name {
            return self.find(name);
        }
        let mut entries = self.unnamed()?;
        // A file of the shipped one's name is no choice of somebody's: the repository's own folder holds it.
        if entries.iter().filter(|entry| entry.name != shipped::NAME).count() > 1 {
            let names = entries.iter().map(|entry| entry.name.as_str()).filter(|name| *name != shipped::NAME);
            let names: Vec<_> = names.chain([shipped::NAME]).collect();
            bail!(Usage(format!("which model? name one with --model: {}", names.join(", "))));
        }
        let chosen = entries.swap_remove(0);
        let domain = if chosen.is_embedded() {
            format!(" and finds {}; --model names another", shipped::DOMAIN)
        } else {
            String::new()
        };
        tell(&format!("model: {chosen}{domain}"));
        Ok(chosen)
    }

    /// The model called `name`, or where to get it.
    pub fn find(&self, name: &str) -> anyhow::Result<Entry> {
        let hint = |error: CatalogError| {
            let known =
                Manifest::embedded().is_ok_and(|manifest| manifest.models.iter().any(|model| model.name == name));
            let hint = if known { format!("\n`ocelli models pull {name}` fetches it") } else { String::new() };
            anyhow!("{error}{hint}")
        };
        self.catalog().find(name).map_err(hint)
    }
}

/// A format, or the one that is found.
#[derive(Debug, Clone, Copy)]
pub struct FormatChoice(pub Option<Format>);

pub fn format(name: &str) -> Result<FormatChoice, String> {
    if name == "auto" {
        return Ok(FormatChoice(None));
    }
    let known = Format::ALL.into_iter().find(|format| format.name() == name);
    known
        .map(|format| FormatChoice(Some(format)))
        .ok_or_else(|| "there are auto, coco, voc, yolo, darknet and csv".into())
}

/// Which detections are told.
#[derive(Debug, Clone, Args)]
pub struct DetectionArgs {
    /// Leave out detections of at most this confidence
    #[arg(long, value_name = "0..1", default_value_t = NmsOptions::default().confidence, value_parser = fraction)]
    pub confidence: f32,
    /// Overlap (IoU) from which two boxes are the same object
    #[arg(long, value_name = "0..1", default_value_t = NmsOptions::default().iou, value_parser = fraction)]
    pub iou: f32,
    /// Most detections a picture
    #[arg(long, value_name = "N", default_value_t = NmsOptions::default().max_detections)]
    pub max_detections: usize,
    /// Labels looked for, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Compare boxes of different classes too
    #[arg(long)]
    pub class_agnostic: bool,
    /// What happens to a box that overlaps a surer one
    #[arg(long, value_enum, default_value = "hard")]
    pub nms: NmsName,
}

/// A way of suppression, as it is named on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum NmsName {
    /// It is dropped.
    Hard,
    /// Its confidence falls by their overlap.
    SoftLinear,
    /// Its confidence falls by a Gaussian of their overlap.
    SoftGaussian,
}

impl DetectionArgs {
    /// The options, for a model of these labels.
    pub fn options(&self, labels: &[String]) -> anyhow::Result<NmsOptions> {
        let id = |name: &String| {
            let found = labels.iter().position(|label| label == name);
            found.ok_or_else(|| {
                Usage(format!("--classes: the model knows no class `{name}` (`ocelli models show` lists them)"))
            })
        };
        let classes = self.classes.iter().map(id).collect::<Result<Vec<_>, _>>()?;
        Ok(NmsOptions {
            confidence: self.confidence,
            iou: self.iou,
            max_detections: self.max_detections,
            class_agnostic: self.class_agnostic,
            suppression: match self.nms {
                NmsName::Hard => Suppression::Hard,
                NmsName::SoftLinear => Suppression::SoftLinear,
                NmsName::SoftGaussian => Suppression::SoftGaussian,
            },
            classes: (!classes.is_empty()).then_some(classes),
            ..NmsOptions::default()
        })
    }
}

pub fn fraction(text: &str) -> Result<f32, String> {
    match text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "scores are no finer than this")]
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction as f32),
        _ => Err("not a number in 0..1".into()),
    }
}

/// Every option of `serve`: as a flag, an environment variable or a key of the file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeArgs {
    /// TOML file with any of the options below, such as `port = 9000`
    #[arg(long, value_name = "FILE", env = "OCELLI_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Model to serve, by name or file; repeatable, the first detector is the default [default: all in the models folder, or the one that ships]
    #[arg(long, value_name = "NAME|FILE", env = "OCELLI_MODEL", value_delimiter = ',')]
    #[serde(default)]
    pub model: Vec<String>,
    /// Folder of NAME.onnx files [default: models]
    #[arg(long, value_name = "DIR", env = "OCELLI_MODELS_DIR")]
    pub models_dir: Option<PathBuf>,
    /// Address to listen on; 0.0.0.0 for all of the machine's [default: 127.0.0.1]
    #[arg(long, value_name = "IP", env = "OCELLI_HOST")]
    pub host: Option<IpAddr>,
    /// Port to listen on; 0 for any free one; the variable PORT is read too [default: 8080]
    #[arg(long, value_name = "N", env = "OCELLI_PORT")]
    pub port: Option<u16>,
    /// Requests that may wait; more are answered 429 [default: 64]
    #[arg(long, value_name = "N", env = "OCELLI_QUEUE")]
    pub queue: Option<usize>,
    /// Requests worked on at once [default: 2]
    #[arg(long, value_name = "N", env = "OCELLI_WORKERS")]
    pub workers: Option<NonZeroUsize>,
    /// Longest time of a request [default: 30]
    #[arg(long, value_name = "SECONDS", env = "OCELLI_REQUEST_TIMEOUT")]
    pub request_timeout: Option<u64>,
    /// After SIGTERM, how long requests are still accepted while readiness says 503 [default: 2]
    #[arg(long, value_name = "SECONDS", env = "OCELLI_DRAIN_DELAY")]
    pub drain_delay: Option<u64>,
    /// Largest body, in MiB [default: 16]
    #[arg(long, value_name = "MIB", env = "OCELLI_MAX_BODY_MB")]
    pub max_body_mb: Option<NonZeroUsize>,
    /// Largest picture, in pixels [default: 67108864]
    #[arg(long, value_name = "N", env = "OCELLI_MAX_PIXELS")]
    pub max_pixels: Option<u64>,
    /// Key that opens the API; repeatable [default: open to all]
    #[arg(long, value_name = "KEY", env = "OCELLI_API_KEY", hide_env_values = true, value_delimiter = ',')]
    #[serde(default)]
    pub api_key: Vec<String>,
    /// File of such keys, one a line
    #[arg(long, value_name = "FILE", env = "OCELLI_API_KEY_FILE")]
    pub api_key_file: Option<PathBuf>,
    /// Origin whose pages may use the API; repeatable, * for all [default: none]
    #[arg(long, value_name = "ORIGIN", env = "OCELLI_CORS_ORIGIN", value_delimiter = ',')]
    #[serde(default)]
    pub cors_origin: Vec<String>,
    /// Engine that runs the networks [default: auto]
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
    /// What is logged, such as `debug` or `ocelli=debug,info` [default: info]
    #[arg(long, value_name = "FILTER", env = "OCELLI_LOG")]
    pub log: Option<String>,
    /// What single models are served with: in the file alone.
    #[arg(skip)]
    #[serde(default)]
    pub models: ModelTables,
}

impl ServeArgs {
    /// With what flags and environment leave open from the TOML file.
    pub fn over_file(self) -> anyhow::Result<Self> {
        let mut file: Self = match &self.config {
            None => Self::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                // The whole error would quote the line, which may hold a key.
                toml::from_str(&text).map_err(|error| {
                    let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
                    // Up to the colon, behind which the value itself is quoted.
                    let what = error.message().split(": ").next().unwrap_or_default();
                    anyhow!("{}, near line {line}: {what}", path.display())
                })?
            }
        };
        if let Some(port) = std::env::var_os("PORT").filter(|_| self.port.is_none()) {
            let port = port.to_string_lossy();
            file.port =
                Some(port.parse().map_err(|_| Usage(format!("the variable PORT is `{port}`, which is no port")))?);
        }
        let listed = |ours: Vec<String>, file: Vec<String>| if ours.is_empty() { file } else { ours };
        Ok(Self {
            model: listed(self.model, file.model),
            models_dir: self.models_dir.or(file.models_dir),
            host: self.host.or(file.host),
            port: self.port.or(file.port),
            queue: self.queue.or(file.queue),
            workers: self.workers.or(file.workers),
            request_timeout: self.request_timeout.or(file.request_timeout),
            drain_delay: self.drain_delay.or(file.drain_delay),
            max_body_mb: self.max_body_mb.or(file.max_body_mb),
            max_pixels: self.max_pixels.or(file.max_pixels),
            api_key: listed(self.api_key, file.api_key),
            api_key_file: self.api_key_file.or(file.api_key_file),
            cors_origin: listed(self.cors_origin, file.cors_origin),
            engine: self.engine.or(file.engine),
            precision: self.precision.or(file.precision),
            threads: self.threads.or(file.threads),
            pin_threads: self.pin_threads.or(file.pin_threads),
            memory: self.memory.or(file.memory),
            kernels: self.kernels.or(file.kernels),
            log: self.log.or(file.log),
            models: file.models.of_file(self.config.as_deref()),
            config: self.config,
        })
    }

    pub fn catalog(&self) -> CatalogArgs {
        CatalogArgs { models_dir: self.models_dir.clone() }
    }

    pub fn runtime(&self) -> Runtime {
        let Self { engine, precision, threads, pin_threads, memory, kernels, .. } = *self;
        EngineArgs { engine, precision, threads, pin_threads, memory, kernels }.runtime()
    }

    pub fn address(&self) -> (IpAddr, u16) {
        (self.host.unwrap_or(IpAddr::from([127, 0, 0, 1])), self.port.unwrap_or(PORT))
    }

    pub fn stop(&self) -> Stop {
        Stop { drain_delay: Duration::from_secs(self.drain_delay.unwrap_or(2)), grace: self.timeout() }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout.unwrap_or(30))
    }

    /// Refuses numbers that no server could mean, wherever they were given.
    fn check(&self) -> Result<(), Usage> {
        let queue = self.queue.map(|queue| queue as u64);
        let workers = self.workers.map(|workers| workers.get() as u64);
        let megabytes = self.max_body_mb.map(|megabytes| megabytes.get() as u64);
        for (option, value, least, most) in [
            ("queue", queue, 0, 1_000_000),
            ("workers", workers, 1, 10_000),
            ("request-timeout", self.request_timeout, 1, 86_400),
            ("drain-delay", self.drain_delay, 0, 86_400),
            ("max-body-mb", megabytes, 1, 4096),
            ("max-pixels", self.max_pixels, 1, 1 << 32),
        ] {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                return Err(Usage(format!("{option}: {value} is not in {least}..={most}")));
            }
        }
        Ok(())
    }

    pub fn options(&self) -> anyhow::Result<ServeOptions> {
        self.check()?;
        let mut keys: Vec<String> = self.api_key.iter().map(|key| key.trim().to_owned()).collect();
        // An empty key would open the API to whoever sends an empty header.
        anyhow::ensure!(keys.iter().all(|key| !key.is_empty()), Usage("an API key is empty".into()));
        if let Some(path) = &self.api_key_file {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            keys.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
            // An empty file must not open the API to all.
            anyhow::ensure!(!keys.is_empty(), "{}: no key in it", path.display());
        }
        let origin =
            |origin: &String| origin.parse().map_err(|_| Usage(format!("--cors-origin: `{origin}` is no origin")));
        Ok(ServeOptions {
            queue: self.queue.unwrap_or(64),
            workers: self.workers.map_or(2, NonZeroUsize::get),
            request_timeout: self.timeout(),
            max_body: self.max_body_mb.map_or(16, NonZeroUsize::get) << 20,
            limits: self.max_pixels.map_or_else(Limits::default, |max_pixels| Limits { max_pixels }),
            api_keys: ApiKeys::new(keys.iter().map(String::as_str)),
            cors_origins: self.cors_origin.iter().map(origin).collect::<Result<_, _>>()?,
        })
    }
}

/// The URL that a health check asks, for a server that was told its port by the environment.
pub fn ready_url() -> String {
    let port = ["OCELLI_PORT", "PORT"].iter().find_map(|name| std::env::var(name).ok());
    format!("http://127.0.0.1:{}/health/ready", port.unwrap_or_else(|| PORT.to_string()))
}

/// Whether colours are wanted: not where the variable NO_COLOR says anything (<https://no-color.org>).
pub fn color_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
