//! One set of results in each format, and the faults that only text formats have.

use super::results::{SMALL, rows, small, small_rows};
use ocelli::dataset::results::{self, Results};
use ocelli::dataset::{ClassOverrides, DatasetError, Fault, Findings, Id};
use ocelli::detection::{Detection, DetectionReport, ImageInfo, Timings};
use ocelli::geometry::BBox;
use proptest::prelude::{ProptestConfig, proptest};
use std::path::Path;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn read(files: &[(&str, &str)], path: &str) -> Result<Results, DatasetError> {
    let folder = folder(files);
    results::read(&folder.path().join(path), &small(), &ClassOverrides::default())
}

fn report(name: &str, detections: Vec<Detection>) -> String {
    let (name, timings_ms) = (Some(name.into()), Timings::default());
    let image = ImageInfo { name, width: 256, height: 512 };
    let model = "yolo".into();
    let report = DetectionReport { model, image, detections, timings_ms, warnings: Vec::new(), handle: None };
    serde_json::to_string(&report).unwrap() + "\n"
}

fn detection(label: &str, confidence: f32, [x, y, width, height]: [f64; 4]) -> Detection {
    Detection { label: label.into(), class_id: 0, confidence, bbox: BBox::new(x, y, width, height) }
}

fn lines() -> String {
    let dog = detection("dog", 0.75, [64.0, 32.0, 128.5, 16.0]);
    let person = detection("person", 0.5, [0.0, 0.0, 16.0, 32.0]);
    let cup = detection("Cup", 1.0, [8.0, 10.0, 2.0, 4.0]);
    report("b_0.jpg", vec![dog]) + &report("a.jpg", vec![person, cup]) + &report("a2.jpg", Vec::new())
}

const VOC: [(&str, &str); 3] = [
    ("comp4_det_test_dog.txt", "b_0 0.75 64 32 192.5 48\n"),
    ("comp4_det_test_person.txt", "a 0.5 0 0 16 32\r\n\r\n"),
    ("comp4_det_test_cup.txt", "a 1 8.0 1e1\t10 14"),
];

#[test]
fn all_formats_say_the_same() {
    let csv = "Filename;Class;Confidence;xmin;ymin;xmax;ymax\ndeep/b_0.jpg;dog;0.75;64;32;192.5;48\n\
               a.jpg;person;0.5;0;0;16;32\na.jpg; cup ;1;8;10;10;14\n";
    let commas = csv.replace(';', ",");
    let yolo = [
        ("b_0.txt", "1 0.125244140625 0.3125 0.12548828125 0.125 0.75\n"),
        ("a.txt", "0 0.03125 0.03125 0.0625 0.0625 0.5\n2 0.03515625 0.0234375 0.0078125 0.0078125 1\n"),
        ("classes.txt", "person\ndog\ncup\n"),
    ];
    let below = yolo.map(|(name, content)| (format!("labels/{name}"), content));
    let below: Vec<_> = below.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let darknet = VOC.map(|(name, content)| (name.trim_start_matches("comp4_det_test_"), content));
    let salted = VOC.map(|(name, content)| (name.replace("comp4_", "comp3_x-1_"), content));
    let salted: Vec<_> = salted.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let lines = lines();
    let mut expected = small_rows().to_vec();
    expected.sort_by(|one, other| one.3.total_cmp(&other.3));
    for (name, results) in [
        ("coco", read(&[("dt.json", SMALL)], "dt.json")),
        ("lines", read(&[("dt.jsonl", &lines)], "dt.jsonl")),
        ("voc", read(&VOC, "")),
        ("voc with salt", read(&salted, "")),
        ("darknet", read(&darknet, "")),
        ("yolo", read(&yolo, "")),
        ("yolo below", read(&below, "")),
        ("csv with semicolons", read(&[("dt.csv", csv)], "dt.csv")),
        ("reports with line ends", read(&[("dt.jsonl", &lines.replace(',', ",\n"))], "dt.jsonl")),
        ("csv", read(&[("dt.csv", &commas)], "dt.csv")),
    ] {
        let results = results.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(results.findings, Findings::default(), "{name}");
        let mut found = rows(&results);
        found.sort_by(|one, other| one.3.total_cmp(&other.3));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn reports_tell_the_model_and_skip_the_line_of_the_run() {
    let text = format!("{{\"ocelli_run\": {{\"confidence\": 0.001}}, \"detections\": null}}\n\n{}", lines());
    let error = read(&[("dt.jsonl", &text)], "dt.jsonl").unwrap_err().to_string();
    assert!(error.contains("expected a list"), "{error}");
    let text = format!("{{\"ocelli_run\": {{\"confidence\": 0.001}}, \"model\": \"x\"}}\n\n{}", lines());
    let results = read(&[("dt.jsonl", &text)], "dt.jsonl").unwrap();
    assert_eq!(results.model.as_deref(), Some("yolo"));
    let mapping = results.mapping.unwrap();
    assert!(!mapping.is_identity(), "Cup is cup by spelling");
    assert_eq!(results.predictions.len(), 3);
}

/// Faults with count, first index and first picture's name.
fn faults(results: &Results) -> Vec<(Fault, usize, usize, &str)> {
    let row = |(fault, finding)| {
        let finding: &ocelli::dataset::Finding = finding;
        let Some(Id::Name(name)) = &finding.places[0].id else { panic!("no name") };
        (fault, finding.count, finding.places[0].index, name.as_str())
    };
    results.findings.iter().map(row).collect()
}

#[test]
fn faults_of_reports_are_counted_by_line() {
    let sound = lines();
    for (from, to, expected) in [
        ("\"b_0.jpg\"", "\"c.jpg\"", (Fault::UnknownImage, 1, 1, "c.jpg")),
        ("\"confidence\":0.5", "\"confidence\":NaN", (Fault::BadScore, 1, 2, "a.jpg")),
        ("\"confidence\":0.5", "\"confidence\":null", (Fault::MissingScore, 1, 2, "a.jpg")),
        ("\"confidence\":0.5,", "", (Fault::MissingScore, 1, 2, "a.jpg")),
        ("\"width\":16.0", "\"width\":-16.0", (Fault::BadBox, 1, 2, "a.jpg")),
        ("\"x\":8.0,", "", (Fault::BadBox, 1, 2, "a.jpg")),
        ("\"box\":", "\"bbox\":", (Fault::MissingBox, 3, 1, "b_0.jpg")),
        ("\"person\"", "\"zebra\"", (Fault::UnknownClass, 1, 2, "a.jpg")),
        ("a2.jpg", "a.jpg", (Fault::DuplicateImage, 1, 3, "a.jpg")),
    ] {
        let text = sound.replace(from, to);
        assert_ne!(text, sound, "{from}");
        let results = read(&[("dt.jsonl", &text)], "dt.jsonl").unwrap();
        assert_eq!(faults(&results), [expected], "{to}");
    }
}

#[test]
fn broken_reports_are_named_by_line() {
    let sound = lines();
    let cut = sound.trim_end();
    let first = sound.lines().next().unwrap();
    for (text, cause) in [
        (cut[..cut.len() - 4].to_owned(), "line 3: the file ends early"),
        (sound.replace("\"name\":\"a.jpg\",", ""), "line 2: no `image.name`"),
        (sound.replace("\"detections\"", "\"objects\""), "line 1: no `detections`"),
        (sound.replace("\"label\":\"person\",", ""), "line 2: a detection without `label`"),
        (format!("{first}}}{first}"), "line 1: expected an object, found `}`"),
    ] {
        let error = read(&[("dt.jsonl", &text)], "dt.jsonl").unwrap_err().to_string();
        assert!(error.contains(cause), "{error:?} does not say {cause:?}");
    }
}

#[test]
fn faults_of_voc_files_are_counted_by_line() {
    let line = |line: &str| read(&[("comp3_det_test_dog.txt", &format!("\na 0.5 0 0 16 32\n{line}\n"))], "");
    for (text, expected) in [
        ("c 0.5 0 0 16 32", (Fault::UnknownImage, 1, 3, "c")),
        ("a nan 0 0 16 32", (Fault::BadScore, 1, 3, "a")),
        ("a 0.5 0 0 inf 32", (Fault::BadBox, 1, 3, "a")),
        ("a 0.5 16 0 0 32", (Fault::BadBox, 1, 3, "a")),
        ("a -3.5 0 0 16 32", (Fault::ScoreOutOfRange, 1, 3, "a")),
    ] {
        assert_eq!(faults(&line(text).unwrap()), [expected], "{text}");
    }
    for text in ["a 0.5 0 0 16", "a 0.5 0 0 16 32px", "0.5 0 0 16 32"] {
        let error = line(text).unwrap_err().to_string();
        assert!(error.contains("dog.txt, line 3: expected `picture score xmin ymin xmax ymax`"), "{error}");
    }
    let unknown = read(&[("comp3_det_test_dog.txt", "a 1 0 0 16 32"), ("comp3_det_test_elk.txt", "a 1 0 0 1 2")], "");
    assert_eq!(faults(&unknown.unwrap()), [(Fault::UnknownClass, 1, 1, "a")]);
    let twice = read(&[("comp3_det_test_dog.txt", ""), ("comp4_det_test_dog.txt", "")], "");
    assert!(twice.unwrap_err().to_string().contains("the same class as"));
}

#[test]
fn faults_of_yolo_files_are_counted_by_line() {
    let line = |line: &str| read(&[("a.txt", &format!("0 0.5 0.5 0.1 0.1 0.9\n{line}"))], "");
    for (text, expected) in [
        ("0 0.5 0.5 0.1 0.1", (Fault::MissingScore, 1, 2, "a")),
        ("0 0.5 0.5 0.1 0.1 nan", (Fault::BadScore, 1, 2, "a")),
        ("0 0.5 0.5 -0.1 0.1 0.9", (Fault::BadBox, 1, 2, "a")),
        ("3 0.5 0.5 0.1 0.1 0.9", (Fault::UnknownClass, 1, 2, "a")),
        ("-1 0.5 0.5 0.1 0.1 0.9", (Fault::UnknownClass, 1, 2, "a")),
    ] {
        assert_eq!(faults(&line(text).unwrap()), [expected], "{text}");
    }
    for text in ["0 0.5 0.5 0.1", "dog 0.5 0.5 0.1 0.1 0.9", "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7"] {
        let error = line(text).unwrap_err().to_string();
        assert!(error.contains("a.txt, line 2: expected `class cx cy width height confidence`"), "{error}");
    }
    let stray = read(&[("a.txt", ""), ("zz.txt", "0 0.5 0.5 0.1 0.1 0.9")], "").unwrap();
    assert_eq!(faults(&stray), [(Fault::UnknownImage, 1, 1, "zz")]);
    let mut dataset = small();
    dataset.images[0].size = None;
    let error = results::parse_yolo(b"", Path::new("a.txt"), &dataset).unwrap_err().to_string();
    assert!(error.contains("size of a.jpg, which is not known"), "{error}");
}

#[test]
fn the_size_that_yolo_boxes_need_is_read_from_the_picture() {
    let mut dataset = small();
    dataset.images[0].size = None;
    dataset.images[0].path = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/files/dog.jpg"));
    let results = results::parse_yolo(b"0 0.5 0.5 1 1 0.9", Path::new("a.txt"), &dataset).unwrap();
    let (width, height) = image::image_dimensions(dataset.images[0].path.as_ref().unwrap()).unwrap();
    assert_eq!(rows(&results)[0].2, [0.0, 0.0, f64::from(width), f64::from(height)]);
}

#[test]
fn faults_of_comma_separated_values_are_counted_by_line() {
    let line = |line: &str| {
        let text = format!("filename,class,score,xmin,ymin,xmax,ymax\na.jpg,dog,0.5,0,0,16,32\n{line}\n");
        read(&[("dt.csv", &text)], "dt.csv")
    };
    for (text, expected) in [
        ("c.jpg,dog,0.5,0,0,16,32", (Fault::UnknownImage, 1, 3, "c.jpg")),
        ("a.jpg,dog,,0,0,16,32", (Fault::MissingScore, 1, 3, "a.jpg")),
        ("a.jpg,dog,NaN,0,0,16,32", (Fault::BadScore, 1, 3, "a.jpg")),
        ("a.jpg,dog,high,0,0,16,32", (Fault::BadScore, 1, 3, "a.jpg")),
        ("a.jpg,dog,0.5,0,0,16", (Fault::MissingBox, 1, 3, "a.jpg")),
        ("a.jpg,dog,0.5,0,0,-16,32", (Fault::BadBox, 1, 3, "a.jpg")),
        ("a.jpg,elk,0.5,0,0,16,32", (Fault::UnknownClass, 1, 3, "a.jpg")),
    ] {
        assert_eq!(faults(&line(text).unwrap()), [expected], "{text}");
    }
    let error = line(",dog,0.5,0,0,16,32").unwrap_err().to_string();
    assert!(error.contains("line 3: no picture or no class"), "{error}");
    let error = read(&[("dt.csv", "filename,class,xmin,ymin,xmax,ymax\n")], "dt.csv").unwrap_err().to_string();
    assert!(error.contains("no column called score, confidence, conf; there are: filename, class, xmin"), "{error}");
}

#[test]
fn a_folder_without_results_says_what_was_looked_for() {
    for files in [&[][..], &[("readme.txt", "hello")], &[("a.xml", "")]] {
        let error = read(files, "").unwrap_err();
        assert!(matches!(error, DatasetError::Unrecognised { .. }), "{error}");
        assert!(error.to_string().contains("CLASS.txt"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damaged_text_is_read_or_refused(at in 0..200_usize, byte: u8, format in 0..4_u8) {
        let (dataset, classes) = (small(), ClassOverrides::default());
        let text = match format {
            0 => lines(),
            1 => "a 0.5 0 0 16 32\nb_0 1e-1 0 0 16.5 32\n".into(),
            2 => "0 0.5 0.5 0.1 0.1 0.9\n1 0.5 0.5 0.1 0.1\n".into(),
            _ => "filename,class,score,xmin,ymin,xmax,ymax\na.jpg,\"dog\",0.5,0,0,16,32\n".into(),
        };
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = match format {
            0 => results::parse_lines(&bytes, Path::new("dt.jsonl"), &dataset, &classes),
            1 => results::parse_voc(&bytes, Path::new("comp4_det_test_dog.txt"), &dataset, &classes),
            2 => results::parse_yolo(&bytes, Path::new("a.txt"), &dataset),
            _ => results::parse_csv(&bytes, Path::new("dt.csv"), &dataset, &classes),
        };
    }
}
