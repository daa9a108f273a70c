//! Models that need no files.

use super::{entry, load};
use ocelli::darknet::{ExportOptions, Network};
use ocelli::metadata::Resize;
use ocelli::serve::ServedModel;
use std::path::{Path, PathBuf};

const CONVOLUTION: &str = "[convolutional]\nsize=3\npad=1\nactivation=leaky\n";

fn head(classes: usize) -> String {
    let filters = 2 * (5 + classes);
    format!(
        "[convolutional]\nsize=1\nfilters={filters}\nactivation=linear\n\
         [yolo]\nmask=0,1\nanchors=8,8, 16,20\nnum=2\nclasses={classes}\n"
    )
}

/// Two convolutions and a head of two classes on 32 × 32 pixels.
pub(crate) fn tiny_cfg() -> String {
    let body = format!("{CONVOLUTION}stride=2\nfilters=8\n");
    format!("[net]\nwidth=32\nheight=32\nchannels=3\n{body}{body}{}", head(2))
}

/// Writes the model of a cfg with random weights, always the same.
pub(crate) fn write(cfg: &str, labels: Option<&[&str]>, path: &Path) {
    let mut network = Network::parse(cfg).expect("a good cfg");
    network.randomize(3, 0);
    let labels = labels.map(|labels| labels.iter().map(|label| (*label).to_owned()).collect());
    let options = ExportOptions { labels, resize: Resize::Stretch, license: Some("MIT".into()), source: None };
    network.to_onnx(options).expect("a model").write(path).expect("a written model");
}

fn served(name: &str, cfg: &str, labels: Option<&[&str]>) -> ServedModel {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("{name}.onnx"));
    write(cfg, labels, &path);
    load(&entry(&path))
}

/// Writes the file of [`tiny`].
pub(super) fn tiny_file(folder: &Path) -> PathBuf {
    let path = folder.join("tiny.onnx");
    write(&tiny_cfg(), Some(&["cat", "dog"]), &path);
    path
}

/// A detector of random weights that finds cats and dogs everywhere, within a fraction of a millisecond.
pub(super) fn tiny() -> ServedModel {
    served("tiny", &tiny_cfg(), Some(&["cat", "dog"]))
}

/// A detector that takes a tenth of a second or more.
pub(super) fn slow() -> ServedModel {
    let body = format!("{CONVOLUTION}stride=1\nfilters=64\n").repeat(2);
    served("slow", &format!("[net]\nwidth=320\nheight=320\nchannels=3\n{body}{}", head(2)), Some(&["cat", "dog"]))
}

/// A network that is no detector.
pub(super) fn raw() -> ServedModel {
    served("raw", &format!("[net]\nwidth=8\nheight=8\nchannels=3\n{CONVOLUTION}stride=2\nfilters=4\n"), None)
}
