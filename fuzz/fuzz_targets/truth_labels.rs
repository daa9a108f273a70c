//! YOLO's and Darknet's text file of one picture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::yolo;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for (line, row) in yolo::parse_labels(&text) {
        assert!(line > 0 && row.map_or(true, |row| row.edges.iter().all(|edge| edge.is_finite())));
    }
});
