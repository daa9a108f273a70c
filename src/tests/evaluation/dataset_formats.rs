//! Formats, splits and spellings that people use.

use crate::dataset_files::{Files, voc};
use ocelli::dataset::{Format, OpenOptions, open, voc as voc_format};

const SOUND: [f64; 4] = [10.0, 20.0, 40.0, 60.0];

#[test]
fn lists_of_one_class_are_no_splits() {
    assert!(voc_format::is_class_list("2008_000015  1\n2008_000019 -1\n2008_000023  0\n"));
    assert!(!voc_format::is_class_list("2008_000015\n2008_000019\n"));
    let files = Files::new();
    for name in ["a", "b"] {
        files.picture(&format!("JPEGImages/{name}.jpg"), 100, 80);
        files.write(&format!("Annotations/{name}.xml"), voc(&[("cat", SOUND, "")]));
    }
    files.write("ImageSets/Main/cat_val.txt", "a 1\n");
    files.write("ImageSets/Main/val.txt", "a\n");
    files.write("ImageSets/Main/train.txt", "b\n");
    let dataset = files.dataset();
    assert_eq!((dataset.split.as_deref(), dataset.images.len()), (Some("val"), 1));
    let error = files.open("", Some("cat_val")).expect_err("no split").to_string();
    assert!(error.contains("no split `cat_val`; there are train, val"), "{error}");
}

#[test]
fn the_classes_of_pascal_voc_come_in_their_order_and_complete() {
    let files = Files::new();
    files.write("Annotations/a.xml", voc(&[("person", SOUND, ""), ("dog", SOUND, "")]));
    assert_eq!(files.dataset().labels.len(), 20);
    files.write("Annotations/b.xml", voc(&[("ape", SOUND, "")]));
    assert_eq!(files.dataset().labels, ["ape", "dog", "person"]);
}

#[test]
fn a_split_is_chosen_by_name_or_by_what_it_is_for() {
    let files = Files::new();
    for split in ["train", "valid", "test"] {
        files.picture(&format!("{split}/{split}.jpg"), 100, 80);
        files.write(&format!("{split}/{split}.xml"), voc(&[("cat", SOUND, "")]));
    }
    let name = |split| files.open("", split).map(|dataset| (dataset.split, dataset.images[0].name.clone()));
    assert_eq!(name(None).expect("the validation"), (Some("valid".into()), "valid.jpg".into()));
    assert_eq!(name(Some("val")).expect("by what it is for"), (Some("valid".into()), "valid.jpg".into()));
    assert_eq!(name(Some("test")).expect("by name"), (Some("test".into()), "test.jpg".into()));
    let error = name(Some("extra")).expect_err("no such split").to_string();
    assert!(error.contains("no split `extra`; there are test, train, valid"), "{error}");
}

#[test]
fn several_splits_without_validation_are_not_guessed_between() {
    let files = Files::new();
    files.picture("images/a.jpg", 100, 80);
    files.write("data.yaml", "train: images\ntest: images\nnames: [cat]\n");
    let error = files.open("", None).expect_err("which one?").to_string();
    assert!(error.contains("choose one (--split): train, test"), "{error}");
}

#[test]
fn byte_order_marks_carriage_returns_and_other_encodings_are_read() {
    let files = Files::new();
    files.picture("JPEGImages/a.jpg", 100, 80);
    let xml = voc(&[("Bär", SOUND, "")]).replace('\n', "\r\n");
    let latin: Vec<u8> = xml.chars().map(|c| c as u8).collect();
    let wide: Vec<u8> = std::iter::once(0xfeff).chain(xml.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for bytes in [["\u{feff}", &xml].concat().into_bytes(), latin, wide] {
        files.write("Annotations/a.xml", bytes);
        let dataset = files.dataset();
        assert!(dataset.findings.is_empty(), "{:?}", dataset.findings);
        assert_eq!((dataset.labels, dataset.truths.len()), (vec!["Bär".to_owned()], 1));
    }
    let csv = "\u{feff}Filename;Class;Xmin;Ymin;Xmax;Ymax\r\na.jpg;cat;10;20;40;60\r\n";
    let dataset = open(&files.write("a.csv", csv), &OpenOptions::default()).expect("a data set");
    assert_eq!((dataset.truths.len(), dataset.images[0].size), (1, Some((100, 80))));
    files.write("labels/a.txt", "\u{feff}0 0.5 0.5 0.2 0.5\r\n");
    files.picture("images/a.jpg", 100, 80);
    let yaml = files.write("b.yaml", "\u{feff}path: .\r\nval: images\r\nnames:\r\n  0: cat\r\n");
    let dataset = open(&yaml, &OpenOptions::default()).expect("a data set");
    assert_eq!((dataset.truths.len(), dataset.findings.is_empty()), (1, true));
}

#[test]
fn names_in_yaml_may_be_a_list_or_a_map_and_look_like_other_things() {
    let files = Files::new();
    files.picture("images/a.jpg", 100, 80);
    let labels = |names: &str| {
        let yaml = files.write("data.yaml", format!("train: images\nval:\ntest: # none\n{names}"));
        open(&yaml, &OpenOptions::default()).map(|dataset| dataset.labels)
    };
    assert_eq!(labels("names: [no, 5, 'a b', null]\n").expect("a list"), ["no", "5", "a b", "null"]);
    assert_eq!(labels("names:\n  2: cat\n  '0': on\n").expect("a map"), ["on", "class_1", "cat"]);
    assert_eq!(labels("nc: 2\n").expect("a number"), ["class_0", "class_1"]);
    let error = labels("nc: 3\nnames: [cat]\n").expect_err("a contradiction").to_string();
    assert!(error.contains("nc: 3, but there are 1 names"), "{error}");
    let error = labels("names:\n  99999999999: cat\n").expect_err("too many").to_string();
    assert!(error.contains("beyond the 65536 allowed"), "{error}");
}

#[test]
fn yolo_finds_folders_lists_and_what_exporters_write() {
    let files = Files::new();
    for name in ["train/images/a.png", "valid/images/b.png", "valid/images/c.png"] {
        files.picture(name, 100, 80);
        files.write(&name.replace("images", "labels").replace("png", "txt"), "1 0.5 0.5 0.2 0.5\n");
    }
    files.write("list.txt", "./valid/images/b.png\nvalid/images/c.png\n");
    let opened = |yaml: &str, split: &str| {
        files.write("data.yaml", yaml.to_owned() + "\nnames: [cat, dog]\n");
        files.open("", Some(split)).unwrap_or_else(|error| panic!("{error}"))
    };
    let exported = "train: ../train/images\nval: ../valid/images";
    assert_eq!(opened(exported, "train").truths.len(), 1);
    assert_eq!(opened(exported, "val").truths.len(), 2);
    assert_eq!(opened("val: list.txt", "val").truths.len(), 2);
    assert_eq!(opened("val: [train/images, list.txt]", "val").truths.len(), 3);
    std::fs::remove_file(files.path().join("data.yaml")).expect("removed");
    let dataset = files.dataset();
    assert_eq!((dataset.format, dataset.split.as_deref()), (Format::Yolo, Some("valid")));
    assert_eq!(dataset.labels, ["class_0", "class_1"], "classes without names");
}

#[test]
fn sizes_are_those_that_a_person_sees() {
    let files = Files::new();
    let jpeg = std::fs::read(files.picture("plain.jpg", 100, 80)).expect("the picture");
    // EXIF with one entry: orientation 6, a quarter turn.
    let exif: [u8; 36] = [
        0xff, 0xe1, 0, 34, b'E', b'x', b'i', b'f', 0, 0, b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0,
        1, 0, 6, 0, 0, 0, 0, 0, 0,
    ];
    files.write("images/a.jpg", [&jpeg[..2], &exif, &jpeg[2..]].concat());
    files.write("labels/a.txt", "0 0.5 0.5 1 0.5");
    let dataset = files.dataset();
    assert_eq!(dataset.images[0].size, Some((80, 100)));
    assert_eq!((dataset.truths[0].bbox.width, dataset.truths[0].bbox.height), (80.0, 50.0));
}

#[test]
fn what_is_no_data_set_is_refused_with_what_was_looked_for() {
    let files = Files::new();
    files.write("notes.txt", "hello");
    let refused = |below: &str| files.open(below, None).expect_err("no data set").to_string();
    for format in ["COCO", "Pascal VOC", "YOLO", "Darknet", "CSV"] {
        assert!(refused("").contains(format), "{}", refused(""));
    }
    assert!(refused("notes.txt").contains("begins with `hello`"), "{}", refused("notes.txt"));
    assert!(refused("gone").contains("No such file"), "{}", refused("gone"));
    files.write("a.csv", "a,b\n1,2\n");
    assert!(refused("a.csv").contains("no column for the picture"), "{}", refused("a.csv"));
    files.write("a.xml", "<annotation/>");
    assert!(refused("a.xml").contains("open the folder"), "{}", refused("a.xml"));
}

#[test]
fn darknet_finds_labels_where_darknet_looks_for_them() {
    let files = Files::new();
    for (picture, labels) in [
        ("data/images/a.png", "data/labels/a.txt"),
        ("data/JPEGImages/b.png", "data/labels/b.txt"),
        ("data/obj/c.png", "data/obj/c.txt"),
    ] {
        files.picture(picture, 100, 80);
        files.write(labels, "1 0.5 0.5 0.2 0.5\n");
    }
    files.write("data/train.txt", "data/images/a.png\ndata/JPEGImages/b.png\ndata/obj/c.png\n");
    files.write("data/obj.names", "cat\ndog\n\n");
    files.write("cfg/obj.data", "classes=2\ntrain=data/train.txt\nnames=data/obj.names\n");
    for path in ["cfg/obj.data", "cfg", "data/train.txt"] {
        let dataset = files.open(path, None).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(dataset.findings.is_empty(), "{path}: {:?}", dataset.findings);
        assert_eq!(
            (dataset.format, dataset.truths.len(), dataset.labels),
            (Format::Darknet, 3, vec!["cat".into(), "dog".into()])
        );
    }
    files.write("cfg/obj.data", "classes=3\ntrain=data/train.txt\nnames=data/obj.names\n");
    let error = files.open("cfg", None).expect_err("a contradiction").to_string();
    assert!(error.contains("classes = 3, but there are 2 names"), "{error}");
}
