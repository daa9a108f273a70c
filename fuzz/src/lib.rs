//! What the fuzz targets of results share.

use ocelli::dataset::{ClassOverrides, Dataset, coco};
use std::path::Path;
use std::sync::LazyLock;

/// Two pictures and three classes, whose names and ids the seeds use.
pub static DATASET: LazyLock<Dataset> = LazyLock::new(|| {
    let text = br#"{"images": [{"id": 4, "file_name": "a.jpg", "width": 256, "height": 512},
                               {"id": 9, "file_name": "deep/b_0.jpg", "width": 1024, "height": 128}],
                    "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}, {"id": 47, "name": "cup"}],
                    "annotations": []}"#;
    coco::parse(text, Path::new("gt.json")).expect("a sound data set")
});

/// No overrides.
pub static CLASSES: LazyLock<ClassOverrides> = LazyLock::new(ClassOverrides::default);
