//! Pulling a model from a server of the test's own: whole, cut off and resumed, and forged.

use crate::{data, models};
use ocelli::catalog::manifest::{Checksum, Manifest, PullableModel, RemoteFile};
use ocelli::catalog::pull::{PullError, Pulled, pull};
use ocelli::metadata::Resize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Serves files with byte ranges; a file in `cut` ends after so many bytes, once.
struct Site {
    files: HashMap<String, Vec<u8>>,
    cut: Mutex<HashMap<String, usize>>,
    ranges: Mutex<Vec<String>>,
}

impl Site {
    fn open(self) -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (site, at) = (Arc::new(self), listener.local_addr().expect("an address"));
        let serving = Arc::clone(&site);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serving.answer(stream)));
        (site, at)
    }

    fn answer(&self, mut stream: TcpStream) {
        let lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
        let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let path = head[0].split(' ').nth(1).expect("a path").trim_start_matches('/').to_owned();
        let Some(bytes) = self.files.get(&path) else {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            return;
        };
        let range = head.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let from = range.as_ref().map_or(0, |range| range.trim_end_matches('-').parse().expect("a range"));
        self.ranges.lock().expect("ranges").extend(range.iter().cloned());
        let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
        let body = &bytes[from..];
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        let sent = self.cut.lock().expect("cuts").remove(&path).unwrap_or(length);
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..sent]));
    }
}

fn site() -> Option<(Site, HashMap<String, Vec<u8>>)> {
    let data = data::folder()?;
    let (_, stem, _) = models::MODELS[1];
    let read = |path: String| std::fs::read(data.join(path)).expect("a file");
    let files: HashMap<String, Vec<u8>> = [
        ("cfg".to_owned(), read(format!("{stem}.cfg"))),
        ("weights".to_owned(), read(format!("{stem}.weights"))),
        ("names".to_owned(), read("darknet/data/coco.names".into())),
    ]
    .into();
    Some((Site { files: files.clone(), cut: Mutex::default(), ranges: Mutex::default() }, files))
}

fn model(at: SocketAddr, files: &HashMap<String, Vec<u8>>) -> PullableModel {
    let file = |name: &str| RemoteFile {
        url: format!("http://{at}/{name}"),
        bytes: files[name].len() as u64,
        checksum: Checksum::Sha256(Sha256::digest(&files[name]).iter().map(|byte| format!("{byte:02x}")).collect()),
    };
    PullableModel {
        name: "fastest".into(),
        summary: "a test".into(),
        resize: Resize::Stretch,
        license: "YOLO".into(),
        source: "here".into(),
        cfg: file("cfg"),
        weights: file("weights"),
        names: file("names"),
    }
}

#[test]
fn a_pull_that_was_cut_off_goes_on_where_it_stopped() {
    let Some((site, files)) = site() else { return };
    site.cut.lock().expect("cuts").insert("weights".into(), 100_000);
    let (site, at) = site.open();
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(at, &files);
    let first = pull(&model, folder.path(), |_, _, _| ());
    assert!(matches!(first, Err(PullError::Short { found: 100_000, .. })), "{first:?}");
    let mut told = 0;
    let pulled = pull(&model, folder.path(), |_, here, bytes| told = here.max(told).min(bytes)).expect("a model");
    let path = folder.path().join("fastest.onnx");
    assert_eq!(pulled, Pulled::Fetched(path.clone()));
    assert_eq!(*site.ranges.lock().expect("ranges"), ["100000-"]);
    assert_eq!(told, model.weights.bytes);
    let direct = tempfile::tempdir().expect("a folder");
    let converted = models::convert("yolo-fastest-1.1", direct.path()).expect("the model");
    let weights = |path| ocelli::onnx::Model::read(path).expect("a model").graph.expect("a graph").initializer;
    assert_eq!(weights(&path), weights(&converted));
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 1, "only the model remains: {left:?}");
}

#[test]
fn a_model_that_is_here_is_not_fetched_again() {
    let Some((site, files)) = site() else { return };
    let (_, at) = site.open();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fastest.onnx");
    let model = model(at, &files);
    assert_eq!(pull(&model, folder.path(), |_, _, _| ()).expect("a model"), Pulled::Fetched(path.clone()));
    let made = std::fs::read(&path).expect("the model");
    let asked = |url: &str, _, _| panic!("{url} was asked for");
    assert_eq!(pull(&model, folder.path(), asked).expect("the same model"), Pulled::Here(path.clone()));
    assert_eq!(std::fs::read(&path).expect("the model"), made);
}

#[test]
fn a_forged_file_is_deleted_and_no_model_made() {
    let Some((site, files)) = site() else { return };
    let (_, at) = site.open();
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = model(at, &files);
    model.weights.checksum = Checksum::Md5("00000000000000000000000000000000".into());
    let refused = pull(&model, folder.path(), |_, _, _| ());
    assert!(matches!(refused, Err(PullError::Checksum { algorithm: "MD5", .. })), "{refused:?}");
    assert!(!folder.path().join("fastest.onnx").exists());
    assert!(!folder.path().join("fastest.weights.part").exists());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let Some((site, files)) = site() else { return };
    let (_, at) = site.open();
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = model(at, &files);
    model.weights.url = format!("http://{at}/elsewhere");
    let refused = pull(&model, folder.path(), |_, _, _| ()).expect_err("no such file");
    assert!(refused.to_string().contains("/elsewhere"), "{refused}");
}

#[test]
fn the_manifest_in_the_binary_is_readable_and_names_what_the_files_are() {
    let models = Manifest::embedded().expect("the manifest").models;
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["yolov3", "yolov3-tiny", "yolov3-spp"]);
    let Some(data) = data::folder() else { return };
    for model in models {
        let cfg = std::fs::read(data.join(format!("darknet/cfg/{}.cfg", model.name))).expect("the cfg");
        let Checksum::Sha256(wanted) = &model.cfg.checksum else { panic!("a SHA-256 of the cfg") };
        let found: String = Sha256::digest(&cfg).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&found, cfg.len() as u64), (wanted, model.cfg.bytes), "{}", model.name);
        let network = ocelli::darknet::Network::parse(&String::from_utf8_lossy(&cfg)).expect("a network");
        // A header of 20 bytes (8 for the pictures seen) or 16, and 4 bytes a float.
        let floats = network.stored_floats() as u64 * 4;
        assert!([floats + 16, floats + 20].contains(&model.weights.bytes), "{}", model.name);
    }
}
