//! Which engine runs a network, at which precision: as it is asked for, and as it is told.

use crate::http::models::{tiny_cfg, write};
use crate::program::Ended;
use ocelli::onnx::{Extent, Graph, Model, Node, ValueInfo};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A folder with `tiny.onnx`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(&tiny_cfg(), Some(&["cat", "dog"]), &folder.path().join("tiny.onnx"));
    folder
}

fn command(folder: &TempDir, arguments: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    command.args(arguments.split_whitespace()).envs(variables.iter().copied()).current_dir(folder);
    command
}

fn run(folder: &TempDir, arguments: &str, variables: &[(&str, &str)]) -> Ended {
    let output = command(folder, arguments, variables).output().expect("ocelli runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) }
}

#[test]
fn a_flag_of_the_engine_wins_over_its_variable() {
    let folder = folder();
    let bench = "bench --model tiny.onnx --runs 1 --json";
    let asked = [("OCELLI_ENGINE", "tract"), ("OCELLI_THREADS", "2"), ("OCELLI_PIN_THREADS", "false")];
    let by_variable = run(&folder, bench, &asked).json();
    assert_eq!((&by_variable["engine"], &by_variable["threads"]), (&"tract".into(), &2.into()));
    let flags = format!("{bench} --engine tract --threads 1 --memory low --kernels auto --pin-threads");
    let asked = [("OCELLI_ENGINE", "native"), ("OCELLI_THREADS", "2")];
    let by_flag = run(&folder, &flags, &asked).json();
    assert_eq!((&by_flag["engine"], &by_flag["threads"]), (&"tract".into(), &1.into()));
    assert_eq!(by_flag["precision"], "f32");
}

#[test]
fn an_engine_option_that_does_not_exist_is_wrong_usage_and_the_others_are_named() {
    let folder = folder();
    for (option, others) in [
        ("--engine onnx", "auto, native, tract"),
        ("--precision f16", "f32, bf16, int8"),
        ("--memory none", "normal, low"),
        ("--kernels neon", "auto, amx, avx512, avx2, scalar"),
        ("--pin-threads=2", "true, false"),
    ] {
        run(&folder, &format!("bench --model tiny.onnx {option}"), &[]).assert(2, &[others]);
        let variable = option.trim_start_matches('-').replace('-', "_").to_uppercase();
        let (name, value) = variable.split_once([' ', '=']).expect("a name and a value");
        let asked = [(format!("OCELLI_{name}"), value.to_lowercase())];
        let asked = asked.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        run(&folder, "bench --model tiny.onnx", &asked).assert(2, &[others]);
    }
}

#[test]
fn tract_refuses_a_precision_that_it_does_not_have() {
    let folder = folder();
    for precision in ["bf16", "int8"] {
        let reason = format!("it computes in f32 alone, and {precision} was asked for");
        let bench = format!("bench --model tiny.onnx --engine tract --precision {precision}");
        run(&folder, &bench, &[]).assert(1, &[&reason]);
    }
}

#[test]
fn layers_are_told_by_an_engine_that_knows_them_and_drawn_only_with_them() {
    let folder = folder();
    let bench = "bench --model tiny.onnx --runs 1";
    run(&folder, &format!("{bench} --plot layers.svg"), &[]).assert(2, &["--layers"]);
    let reason = "the tract engine failed: it does not tell how long each layer takes";
    run(&folder, &format!("{bench} --engine tract --layers --plot layers.svg"), &[]).assert(1, &[reason]);
    assert!(!folder.path().join("layers.svg").exists());
}

#[test]
fn a_shown_model_says_which_engine_runs_it_and_why() {
    let folder = folder();
    let shown = run(&folder, "models show tiny.onnx --engine tract", &[]).out;
    assert!(shown.contains("\nengine     tract, f32: asked for\n"), "{shown}");
    // A network that cannot run is shown all the same, with the reason.
    std::fs::write(folder.path().join("odd.onnx"), odd()).expect("a written file");
    let ended = run(&folder, "models show odd.onnx --engine tract", &[]);
    ended.assert(0, &[]);
    assert!(ended.out.contains("\nengine     none: "), "{}", ended.out);
}

/// A network of one operation that no engine has.
fn odd() -> Vec<u8> {
    let node = Node::new("Juggle", vec!["x".into()], "y", Vec::new());
    let port = |name: &str| ValueInfo::floats(name, &[1, 3, 8, 8].map(Extent::Fixed));
    let graph = Graph { node: vec![node], input: vec![port("x")], output: vec![port("y")], ..Graph::default() };
    Model::new(graph).to_bytes().to_vec()
}

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the log says once the model is loaded, and what `GET /api/v1/models/tiny` says.
fn served(folder: &TempDir, file: &str, flags: &str, variables: &[(&str, &str)]) -> (Value, Value) {
    std::fs::write(folder.path().join("ocelli.toml"), file).expect("a written file");
    let arguments = format!("serve --host 127.0.0.1 --port 0 --config ocelli.toml --model tiny.onnx {flags}");
    let mut command = command(folder, &arguments, variables);
    let mut running = Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("ocelli runs"));
    let log = BufReader::new(running.0.stderr.take().expect("a log")).lines().map(|line| line.expect("a line"));
    let mut log = log.map(|line| serde_json::from_str::<Value>(&line).expect("a line of JSON"));
    let mut line = |message: &str| log.by_ref().find(|line| line["message"] == message).expect("the line");
    let (loaded, ready) = (line("loaded and warm"), line("ready"));
    let address = format!("{}api/v1/models/tiny", ready["playground"].as_str().expect("an address"));
    let mut answer = ureq::get(address).call().expect("an answer");
    (loaded, serde_json::from_str(&answer.body_mut().read_to_string().expect("a body")).expect("JSON"))
}

#[test]
fn a_server_says_which_engine_runs_a_model_and_why() {
    let folder = folder();
    let file = "engine = \"tract\"\nprecision = \"f32\"\nthreads = 1\npin_threads = false\nmemory = \"low\"\nkernels = \"auto\"";
    let over = "engine = \"native\"\nprecision = \"int8\"\nkernels = \"scalar\"";
    let asked = [("OCELLI_ENGINE", "tract"), ("OCELLI_PRECISION", "f32"), ("OCELLI_KERNELS", "auto")];
    let flags = "--engine tract --precision f32 --kernels auto";
    let native = [("OCELLI_ENGINE", "native"), ("OCELLI_PRECISION", "int8"), ("OCELLI_KERNELS", "scalar")];
    for (file, flags, variables) in [(file, "", &[][..]), (over, "", &asked), (over, flags, &native)] {
        let (loaded, told) = served(&folder, file, flags, variables);
        assert_eq!((&loaded["engine"], &loaded["precision"]), (&"tract".into(), &"f32".into()), "{loaded}");
        assert_eq!(loaded["why"], "asked for");
        assert_eq!((&told["engine"], &told["precision"]), (&"tract".into(), &"f32".into()), "{told}");
    }
}

#[test]
fn an_engine_option_of_the_file_that_does_not_exist_is_named_with_its_line() {
    let folder = folder();
    for line in ["engine = \"onnx\"", "precision = \"f16\"", "memory = 3", "kernels = \"neon\"", "pin_threads = \"on\""]
    {
        std::fs::write(folder.path().join("ocelli.toml"), format!("queue = 4\n{line}\n")).expect("a written file");
        let ended = run(&folder, "serve --port 0 --config ocelli.toml --model tiny.onnx", &[]);
        ended.assert(1, &["ocelli.toml, near line 2"]);
    }
}

#[test]
fn the_specification_names_every_precision() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let specification: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("the file")).expect("JSON");
    assert_eq!(specification["components"]["schemas"]["Precision"]["enum"], serde_json::json!(["f32", "bf16", "int8"]));
}
