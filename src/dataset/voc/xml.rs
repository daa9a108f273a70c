//! The XML file of one picture.

use crate::dataset::DatasetError;
use roxmltree::{Document, Node, ParsingOptions};
use std::path::Path;

/// Most elements and texts in a file: a bound on memory. A picture with ten thousand objects has fewer.
const MOST_NODES: u32 = 1_000_000;

/// What an XML file says of its picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// The picture's file name.
    pub filename: Option<String>,
    /// Width and height in pixels; 0 where they are no numbers of pixels; `None` without `size`.
    pub size: Option<(u32, u32)>,
    /// The objects, in the file's order.
    pub objects: Vec<Object>,
}

/// An object of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its class.
    pub label: String,
    /// xmin, ymin, xmax, ymax; NaN where the file has no number; `None` without `bndbox`.
    pub corners: Option<[f64; 4]>,
    /// `difficult` is 1.
    pub difficult: bool,
    /// The line where it begins, from 1.
    pub line: usize,
}

/// Reads an XML file's text; `file` is for messages. Entities other than XML's own five are refused, and so is a document
/// type, which could define more.
///
/// # Errors
/// [`DatasetError::Malformed`]: no well-formed XML, no `annotation` in it, or an `object` without `name`.
pub fn parse(file: &Path, text: &str) -> Result<Annotation, DatasetError> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let line = error.pos().row as usize;
        DatasetError::malformed(file, Some(line), format!("no well-formed XML: {error}"))
    })?;
    let root = document.root_element();
    if !root.has_tag_name("annotation") {
        let reason = format!("the root is <{}>; a Pascal VOC file has <annotation>", root.tag_name().name());
        return Err(DatasetError::malformed(file, None, reason));
    }
    let size = child(root, "size").map(|size| (side(size, "width"), side(size, "height")));
    let filename = content(root, "filename").map(ToOwned::to_owned);
    let (mut objects, mut lines) = (Vec::new(), Lines { text, at: 0, line: 1 });
    for node in root.children().filter(|node| node.has_tag_name("object")) {
        let line = lines.of(node.range().start);
        let Some(label) = content(node, "name") else {
            return Err(DatasetError::malformed(file, Some(line), "an <object> without <name>"));
        };
        let corners =
            child(node, "bndbox").map(|bndbox| ["xmin", "ymin", "xmax", "ymax"].map(|key| number(bndbox, key)));
        let difficult = content(node, "difficult").is_some_and(|text| text == "1" || text.eq_ignore_ascii_case("true"));
        objects.push(Object { label: label.to_owned(), corners, difficult, line });
    }
    Ok(Annotation { filename, size, objects })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The text of a child, trimmed; `None` where it is missing or empty.
fn content<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim).filter(|text| !text.is_empty())
}

fn number(node: Node, name: &str) -> f64 {
    content(node, name).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// A side in pixels; 0 for what is none.
fn side(node: Node, name: &str) -> u32 {
    let side = number(node, name);
    if side.fract() == 0.0 { side as u32 } else { 0 }
}

/// Counts lines as it goes, so that each text is read through once.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of a place that is not before the last one.
    fn of(&mut self, place: usize) -> usize {
        let passed = self.text.as_bytes().get(self.at..place).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = place;
        self.line
    }
}
