//! Names of classes: COCO's, Pascal VOC's, and what the user says of them.

use super::results::{rows, small};
use ocelli::dataset::classes::{ClassPair, Match};
use ocelli::dataset::{ClassMap, ClassOverrides, DatasetError, results};
use std::path::Path;

/// The twenty classes of Pascal VOC in its order, and COCO's index of each.
const VOC: [(&str, usize); 20] = [
    ("aeroplane", 4),
    ("bicycle", 1),
    ("bird", 14),
    ("boat", 8),
    ("bottle", 39),
    ("bus", 5),
    ("car", 2),
    ("cat", 15),
    ("chair", 56),
    ("cow", 19),
    ("diningtable", 60),
    ("dog", 16),
    ("horse", 17),
    ("motorbike", 3),
    ("person", 0),
    ("pottedplant", 58),
    ("sheep", 18),
    ("sofa", 57),
    ("train", 6),
    ("tvmonitor", 62),
];

const COCO: &str = "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,\
    parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,\
    frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,\
    wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,\
    couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,\
    refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush";

fn names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

fn overrides(text: &str) -> ClassOverrides {
    ClassOverrides::parse(text, Path::new("map.txt")).unwrap()
}

fn map(from: &str, to: &str, lines: &str) -> Result<ClassMap, DatasetError> {
    ClassMap::new(&names(from), &names(to), &overrides(lines))
}

#[test]
fn pascal_vocs_classes_are_found_among_cocos() {
    let from: Vec<_> = VOC.iter().map(|(name, _)| (*name).to_owned()).collect();
    let map = ClassMap::new(&from, &names(COCO), &ClassOverrides::default()).unwrap();
    for (class, (name, index)) in VOC.iter().enumerate() {
        assert_eq!(map.target(class), Some(*index), "{name}");
    }
    assert!(!map.is_identity());
    assert_eq!(map.left_over().count(), 0);
    assert_eq!(map.unmatched().count(), 60);
    let how: Vec<_> =
        map.pairs().filter(|pair| pair.how != Match::Name).map(|pair| (pair.from, pair.to, pair.how)).collect();
    assert_eq!(
        how,
        [
            ("aeroplane", "airplane", Match::Synonym),
            ("diningtable", "dining table", Match::Spelling),
            ("motorbike", "motorcycle", Match::Synonym),
            ("pottedplant", "potted plant", Match::Spelling),
            ("sofa", "couch", Match::Synonym),
            ("tvmonitor", "tv", Match::Synonym),
        ]
    );
}

#[test]
fn the_same_names_are_the_identity_in_whatever_order() {
    let map = map("dog,cat", "cat,dog", "").unwrap();
    assert!(map.is_identity());
    assert_eq!((map.target(0), map.target(1), map.target(2)), (Some(1), Some(0), None));
}

#[test]
fn indices_count_only_where_the_counts_agree_and_no_name_does() {
    let map_of = |from, to| map(from, to, "").unwrap();
    let by_index = map_of("class_0,class_1,class_2", "RBC,WBC,Platelets");
    assert_eq!((0..3).map(|class| by_index.target(class)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    assert!(by_index.pairs().all(|pair| pair.how == Match::Index) && !by_index.is_identity());
    let fewer = map_of("class_0,class_1", "RBC,WBC,Platelets");
    assert_eq!(fewer.left_over().collect::<Vec<_>>(), ["class_0", "class_1"]);
    assert_eq!(fewer.unmatched().count(), 3);
    let partly = map_of("WBC,class_1,class_2", "RBC,WBC,Platelets");
    assert_eq!((0..3).map(|class| partly.target(class)).collect::<Vec<_>>(), [Some(1), None, Some(2)]);
}

#[test]
fn a_class_of_the_data_set_goes_to_the_nearest_name_only() {
    let map = map("sofa,Couch,couch", "couch,x", "").unwrap();
    assert_eq!((0..3).map(|class| map.target(class)).collect::<Vec<_>>(), [None, None, Some(0)]);
}

#[test]
fn overrides_come_first_and_may_join_classes() {
    let text = "# vehicles\n\"car\" = \"vehicle\"  # one\n truck = vehicle\n\n'a = b' = \"c # d\"\n";
    let map = map("car,truck,vehicle,a = b", "vehicle,c # d", text).unwrap();
    assert_eq!((0..4).map(|class| map.target(class)).collect::<Vec<_>>(), [Some(0), Some(0), None, Some(1)]);
    let first = map.pairs().next().unwrap();
    assert_eq!(first, ClassPair { from: "car", to: "vehicle", how: Match::Override });
}

#[test]
fn faulty_overrides_name_file_and_line() {
    for (text, cause) in [
        ("# ok\nsofa couch", "map.txt, line 2: expected"),
        ("= couch", "map.txt, line 1: expected"),
        ("sofa =", "map.txt, line 1: expected"),
        ("\"sofa = couch", "map.txt, line 1: expected"),
        ("sofa = \"couch\" x", "map.txt, line 1: expected"),
        ("sofa = couch\nsofa = bed", "map.txt, line 2: \"sofa\" is mapped twice"),
    ] {
        let error = ClassOverrides::parse(text, Path::new("map.txt")).unwrap_err().to_string();
        assert!(error.contains(cause), "{error:?} does not say {cause:?}");
    }
    let error = map("sofa", "couch", "\nSofa = couch").unwrap_err().to_string();
    assert_eq!(error, "map.txt, line 2: the model has no class \"Sofa\"; did you mean \"sofa\"?");
    let error = map("sofa", "couch", "sofa = bed").unwrap_err().to_string();
    assert_eq!(error, "map.txt, line 1: the data set has no class \"bed\"");
    assert!(matches!(ClassOverrides::read(Path::new("/nowhere")), Err(DatasetError::File { .. })));
}

#[test]
fn overrides_apply_to_results_with_names_and_may_name_what_does_not_occur() {
    let classes = overrides("hound = dog\nnever = cup");
    let csv = b"filename,class,score,xmin,ymin,xmax,ymax\na.jpg,hound,0.5,0,0,16,32\n";
    let read = results::parse_csv(csv, Path::new("dt.csv"), &small(), &classes).unwrap();
    assert_eq!(rows(&read), [(0, 1, [0.0, 0.0, 16.0, 32.0], 0.5)]);
    assert_eq!(read.mapping.unwrap().pairs().next().unwrap().how, Match::Override);
}
