//! The one-way rule of ARCHITECTURE.md, held by reading the sources.

use std::path::{Path, PathBuf};

/// Modules by layer: each uses only those of lower rows, or of its own where `within` says so.
const LAYERS: [&[&str]; 6] = [
    &["causes", "geometry", "tensor", "detection", "picture", "onnx", "ordered", "plot", "mapped"],
    &["metadata", "letterbox", "head", "nms", "average_precision"],
    &["engine", "darknet", "dataset", "draw"],
    &["catalog", "detector"],
    &["evaluate", "serve"],
    &["commands", "main"],
];

/// Pairs of one layer that may use one another, in this order: the user first.
const WITHIN: [(&str, &str); 6] = [
    ("detection", "geometry"),
    ("letterbox", "metadata"),
    ("head", "metadata"),
    ("head", "letterbox"),
    ("nms", "head"),
    ("catalog", "detector"),
];

/// Libraries that only one module may name.
const DOORS: [(&str, &str); 4] =
    [("tract_", "engine"), ("axum", "serve"), ("utoipa_axum", "serve"), ("clap", "commands")];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules of this crate that a line of code names.
fn named_modules(line: &str) -> impl Iterator<Item = &str> {
    ["crate::", "ocelli::"]
        .into_iter()
        .flat_map(move |root| line.split(root).skip(1))
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default())
}

#[test]
fn modules_use_only_lower_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources are not where this test looks");
    let mut faults = Vec::new();
    for path in files {
        let inner = path.strip_prefix(&root).expect("a path below src").with_extension("");
        let module = inner.iter().next().expect("a module").to_string_lossy().into_owned();
        if module == "lib" {
            continue;
        }
        let own = layer(&module).unwrap_or_else(|| panic!("{module} stands in no layer of this test"));
        let text = std::fs::read_to_string(&path).expect("a source");
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for used in named_modules(line).filter(|used| *used != module) {
                let within = WITHIN.contains(&(module.as_str(), used));
                if layer(used).is_some_and(|layer| layer > own || (layer == own && !within)) {
                    faults.push(format!("{} uses {used}", path.display()));
                }
            }
            for (library, door) in DOORS {
                let names =
                    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word.starts_with(library));
                if names && module != door && !line.contains("cfg_attr") {
                    faults.push(format!(
                        "{} names {library}, which belongs to {door}: {}",
                        path.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
