//! What the user says of classes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::{ClassMap, ClassOverrides};
use std::path::Path;

fuzz_target!(|text: &str| {
    if let Ok(overrides) = ClassOverrides::parse(text, Path::new("map.txt")) {
        let names = |names: [&str; 3]| names.map(str::to_owned);
        let _ = ClassMap::new(&names(["sofa", "dog", "b"]), &names(["couch", "hound", "c"]), &overrides);
    }
});
