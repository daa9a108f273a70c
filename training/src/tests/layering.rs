//! The house's rules, read off the sources.

use std::path::{Path, PathBuf};

/// Modules of the library by row; a module uses only those of rows above its own, and of its own row what is listed there.
const ROWS: [&[&str]; 6] = [
    &["ops", "weights", "average", "optimizer", "schedule"],
    &["data", "models"],
    &["losses", "anchors"],
    &["export", "gradient_check"],
    &["train"],
    &["recipes"],
];
/// What may look sideways or up, and why.
const ALLOWED: [(&str, &str, &str); 2] =
    [("optimizer", "weights", "moments are saved as weights are"), ("average", "weights", "it averages them")];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn library() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
        first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    let outside = ["lib", "main", "commands", "tests"];
    let files = sources(&root).into_iter().map(|path| (module(&path), path));
    let files = files.filter(|(module, _)| !outside.contains(&module.as_str()));
    files.map(|(module, path)| (module, path.clone(), std::fs::read_to_string(&path).unwrap())).collect()
}

fn row(module: &str) -> usize {
    ROWS.iter().position(|row| row.contains(&module)).unwrap_or_else(|| panic!("{module} has no row"))
}

/// Modules that a source names after `crate::`.
fn used(text: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    text.split("crate::").skip(1).map(word).filter(|name| !name.is_empty()).collect()
}

#[test]
fn a_module_uses_only_rows_above_its_own() {
    let files = library();
    assert!(files.len() > 40, "the sources are not where they are looked for");
    let mut wrong = Vec::new();
    for (module, path, text) in &files {
        for other in used(text) {
            let allowed = ALLOWED.iter().any(|(from, to, _)| from == module && *to == other);
            if other != *module && row(&other) >= row(module) && !allowed {
                wrong.push(format!("{}: {module} uses {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_trunk_knows_no_network_by_name() {
    let names = ["Nano", "nano", "Yolo", "yolo", "Darknet", "darknet", "Detector"];
    let trunk = ["train", "optimizer", "schedule", "average", "weights"];
    let files = library().into_iter().filter(|(module, _, _)| trunk.contains(&module.as_str()));
    for (_, path, text) in files {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let named = names.iter().find(|name| line.contains(**name));
            assert!(named.is_none(), "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_server_knows_nothing_of_training() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    for path in sources(&root) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display();
        assert!(!text.contains("ocelli_training") && !text.contains("burn::"), "{name} uses the training crate");
    }
    let manifest = std::fs::read_to_string(root.join("../Cargo.toml")).unwrap();
    assert!(!manifest.contains("burn"));
}
