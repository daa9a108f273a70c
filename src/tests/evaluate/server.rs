//! `ocelli serve` beside `ocelli evaluate`: as what is evaluated, and as what is configured with the thresholds.

use super::ocelli;
use super::sample::{evaluate_pets, pets, save};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A server process that is ended with the test.
pub(super) struct Serving {
    process: Child,
    /// Where it listens, with a slash at the end.
    pub url: String,
}

impl Serving {
    /// `ocelli serve` in a folder, on any free port, once it is ready.
    pub fn start(folder: &TempDir, arguments: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
        command.args(["serve", "--host", "127.0.0.1", "--port", "0"]).args(arguments.split_whitespace());
        command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("ocelli runs");
        let log = process.stderr.take().expect("a log");
        let mut serving = Self { process, url: String::new() };
        let (mut reader, mut said) = (BufReader::new(log), String::new());
        while !said.lines().last().is_some_and(|line| line.contains("\"ready\"")) {
            let read = reader.read_line(&mut said).expect("a line");
            assert!(read > 0, "the server ended: {said}");
        }
        let ready: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("a line of JSON");
        ready["playground"].as_str().expect("an address").clone_into(&mut serving.url);
        // What else it says is of no interest, but must be taken.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The part of an evaluation that is for the server's configuration.
fn thresholds(printed: &str) -> String {
    let lines = printed.lines().map(str::trim).skip_while(|line| !line.starts_with("[models."));
    lines.take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_printed_thresholds_configure_a_server_by_the_names_of_its_model() {
    let folder = pets();
    let evaluated = evaluate_pets(&folder, "");
    evaluated.assert(0, &["motorbike → motorcycle (by synonym)"]);
    let config = thresholds(&evaluated.out);
    save(&folder, "ocelli.toml", &config);
    let serving = Serving::start(&folder, "--config ocelli.toml --model tiny.onnx");
    let mut answer = ureq::get(format!("{}api/v1/models/tiny", serving.url)).call().expect("an answer");
    let told: Value = serde_json::from_str(&answer.body_mut().read_to_string().expect("a body")).expect("JSON");
    let found = evaluate_pets(&folder, "--json -").json();
    for (index, label) in ["motorbike", r#"a "dog" \ cat"#].into_iter().enumerate() {
        let best = found["classes"][index]["best_confidence"].as_f64().expect("a number");
        let set = told["thresholds"][label].as_f64().unwrap_or_else(|| panic!("{label}: {told} from {config}"));
        // The server keeps it as an f32.
        assert!((set - best).abs() < 1e-6, "{label}: {set} for {best}");
    }
}

#[test]
fn without_classes_there_are_no_thresholds_of_classes() {
    let folder = pets();
    let evaluated = evaluate_pets(&folder, "--class-agnostic");
    evaluated.assert(0, &[]);
    assert_eq!(thresholds(&evaluated.out), "", "{}", evaluated.out);
}

#[test]
fn a_server_that_cannot_be_asked_ends_the_run_with_its_reason() {
    let folder = pets();
    let evaluate = |arguments: &str| ocelli(&folder, &format!("evaluate --data pets {arguments}"));
    // A port that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let sentence = format!("error: http://{nobody}: there is no answer: ");
    evaluate(&format!("--endpoint http://{nobody}")).assert(1, &[&sentence, "Connection refused"]);
    evaluate("--endpoint nonsense").assert(1, &["error: nonsense: there is no answer: "]);
    let serving = Serving::start(&folder, "--model tiny.onnx --api-key secret");
    let endpoint = format!("--endpoint {}", serving.url);
    evaluate(&endpoint).assert(1, &["error: http://127.0.0.1:", "401"]);
    evaluate(&format!("{endpoint} --api-key wrong")).assert(1, &["401"]);
    evaluate(&format!("{endpoint} --api-key secret")).assert(0, &[]);
    let other = evaluate(&format!("{endpoint} --api-key secret --model huge"));
    other.assert(1, &["it serves no such model, but tiny"]);
}
