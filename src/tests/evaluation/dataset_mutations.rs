//! Whatever bytes a reader of labels is given, it answers with a value.

use ocelli::dataset::{csv, darknet, voc, yolo};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::{collection, proptest};
use std::path::Path;

const SEEDS: [&str; 5] = [
    "<?xml version=\"1.0\"?>\n<annotation verified=\"yes\"><filename>a.jpg</filename><size><width>10</width><height>20</height>\
     </size><object><name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>\
     </bndbox></object></annotation>",
    "path: ../data\ntrain: [a, b.txt]\nval: images/val # here\nnc: 2\nnames:\n  0: cat\n  1: 'dog: big'\n",
    "0 0.5 0.5 0.2 0.5\n1 0.1 0.25 0.5 0.25 0.3 0.75\n\n2 1e300 nan inf -0\n",
    "# data\nclasses= 80\ntrain  = a.txt\nvalid = b.txt\nnames = data/coco.names\n",
    "filename,width,height,class,xmin,ymin,xmax,ymax\n\"a, \"\"b\"\".jpg\",650,417,cat,81,88,522,408\nb.jpg,,,,,,,\n",
];

/// Replaced, inserted and removed bytes, and parts said twice.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), prop_oneof![Just(None), any::<u8>().prop_map(Some)], 0..40_usize);
    (0..SEEDS.len(), collection::vec(change, 0..12)).prop_map(|(seed, changes)| {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (place, byte, length) in changes {
            let at = place.index(bytes.len() + 1);
            let end = (at + length).min(bytes.len());
            match byte {
                Some(byte) if length % 2 == 0 => bytes.insert(at, byte),
                Some(byte) => bytes.get_mut(at).into_iter().for_each(|old| *old = byte),
                None if length % 2 == 0 => drop(bytes.drain(at..end)),
                None => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn no_file_of_labels_makes_a_reader_panic(text in mutated()) {
        let file = Path::new("file");
        drop(voc::parse(file, &text));
        drop(yolo::parse_config(file, &text));
        drop(yolo::parse_labels(&text));
        drop(darknet::parse(file, &text));
        drop(csv::parse(file, &text));
        voc::is_class_list(&text);
    }
}

#[test]
fn entities_and_depth_do_not_exhaust_a_reader_of_xml() {
    let file = Path::new("file");
    let laughs =
        "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;&b;\">]><annotation><filename>&c;</filename></annotation>";
    let error = voc::parse(file, laughs).expect_err("refused").to_string();
    assert!(error.contains("DTD"), "{error}");
    drop(voc::parse(file, &"<annotation>".repeat(200_000)));
    let deep = "<annotation>".to_owned() + &"<part>".repeat(100_000) + &"</part>".repeat(100_000) + "</annotation>";
    drop(voc::parse(file, &deep));
}

#[test]
fn depth_and_aliases_do_not_exhaust_a_reader_of_yaml() {
    let file = Path::new("file");
    drop(yolo::parse_config(file, &"[".repeat(200_000)));
    drop(yolo::parse_config(file, &format!("other: {}", "{a: ".repeat(100_000))));
    let mut laughs = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        laughs += &format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1);
    }
    drop(yolo::parse_config(file, &(laughs + "train: *a39\n")));
}
