//! Every fault of a data set is counted, and its place named.

use crate::dataset_files::{Files, faults, first, voc};
use ocelli::dataset::{Fault, check};
use ocelli::geometry::BBox;

const SOUND: [f64; 4] = [10.0, 20.0, 40.0, 60.0];

#[test]
fn faulty_boxes_of_voc_are_found_at_their_lines() {
    let files = Files::new();
    files.picture("JPEGImages/a.png", 100, 80);
    let boxes = [
        ("cat", SOUND, ""),
        ("cat", SOUND, ""),
        ("dog", SOUND, "<difficult>1</difficult>"),
        ("cat", [40.0, 20.0, 10.0, 60.0], ""),
        ("cat", [5.0, 5.0, 5.0, 5.0], ""),
        ("cat", [50.0, 20.0, 150.0, 60.0], ""),
        ("cat", [f64::NAN, 20.0, 30.0, 60.0], ""),
    ];
    let without_box = "<object><name>cat</name></object></annotation>";
    files.write("Annotations/a.xml", voc(&boxes).replace("</annotation>", without_box));
    let dataset = files.dataset();
    let expected = [
        (Fault::MissingBox, 1),
        (Fault::BadBox, 2),
        (Fault::ZeroAreaBox, 1),
        (Fault::DuplicateBox, 1),
        (Fault::BoxOutside, 1),
    ];
    assert_eq!(faults(&dataset), expected);
    assert_eq!(first(&files, &dataset, Fault::DuplicateBox), ("Annotations/a.xml".into(), 5));
    assert_eq!(first(&files, &dataset, Fault::BadBox), ("Annotations/a.xml".into(), 9));
    assert_eq!(dataset.truths.len(), 5, "what is no box is left out");
    assert_eq!(dataset.truths[0].bbox, BBox::new(10.0, 20.0, 30.0, 40.0));
    let ignored: Vec<_> = dataset.truths.iter().map(|truth| truth.ignore).collect();
    assert_eq!(ignored, [false, false, true, false, false], "difficult objects are to be ignored");
}

#[test]
fn missing_and_unreadable_files_of_voc_are_found() {
    let files = Files::new();
    files.picture("JPEGImages/a.png", 100, 80);
    files.picture("JPEGImages/c.png", 100, 80);
    files.write("Annotations/a.xml", "<annotation>\n<object></annotation>");
    files.write("Annotations/b.xml", voc(&[("cat", SOUND, "")]));
    files.write("ImageSets/Main/val.txt", "a\r\nb\r\nc\r\na\r\n");
    let dataset = files.dataset();
    let expected = [
        (Fault::UnreadableAnnotation, 1),
        (Fault::DuplicateImage, 1),
        (Fault::MissingPicture, 1),
        (Fault::MissingLabels, 1),
    ];
    assert_eq!(faults(&dataset), expected);
    assert_eq!(first(&files, &dataset, Fault::DuplicateImage), ("ImageSets/Main/val.txt".into(), 4));
    assert_eq!(first(&files, &dataset, Fault::MissingLabels), ("ImageSets/Main/val.txt".into(), 3));
    assert_eq!(first(&files, &dataset, Fault::UnreadableAnnotation), ("Annotations/a.xml".into(), 2));
    assert_eq!((dataset.images.len(), dataset.truths.len()), (3, 1));
}

#[test]
fn relative_boxes_where_pixels_belong_are_found() {
    let files = Files::new();
    files.picture("JPEGImages/a.png", 100, 80);
    files.write("Annotations/a.xml", voc(&[("cat", [0.1, 0.2, 0.5, 0.6], ""), ("cat", [0.3, 0.2, 0.5, 0.6], "")]));
    assert_eq!(faults(&files.dataset()), [(Fault::NormalisedBox, 2)]);
}

#[test]
fn faulty_lines_of_yolo_are_found() {
    let files = Files::new();
    files.picture("images/val/a.png", 100, 80);
    files.picture("images/val/b.png", 100, 80);
    let lines = [
        "0 0.5 0.5 0.2 0.5",
        "",
        "2 0.5 0.5 0.2 0.5",
        "0 0.5 0.5 0.2",
        "cat 0.5 0.5 0.2 0.5",
        "0 50 40 20 40",
        "0 0.5 0.5 -0.2 0.5",
        "1 0.5 0.5 0 0.5",
        "0 0.5 nan 0.2 0.5",
        "0 0.05 0.5 0.2 0.5",
        "-1 0.5 0.5 0.2 0.5",
        "1 0.1 0.25 0.5 0.25 0.3 0.75",
    ];
    files.write("labels/val/a.txt", lines.join("\r\n"));
    files.write("labels/val/gone.txt", "0 0.5 0.5 0.2 0.5");
    files.write("data.yaml", "val: images/val\nnc: 2\nnames: [cat, dog]\n");
    let dataset = files.dataset();
    let expected = [
        (Fault::BadBox, 2),
        (Fault::UnreadableAnnotation, 3),
        (Fault::NotNormalised, 1),
        (Fault::ZeroAreaBox, 1),
        (Fault::StrayAnnotation, 1),
        (Fault::UnknownLabel, 1),
        (Fault::BoxOutside, 1),
        (Fault::MissingLabels, 1),
    ];
    assert_eq!(faults(&dataset), expected);
    assert_eq!(first(&files, &dataset, Fault::UnknownLabel), ("labels/val/a.txt".into(), 3));
    assert_eq!(first(&files, &dataset, Fault::NotNormalised), ("labels/val/a.txt".into(), 6));
    assert_eq!(first(&files, &dataset, Fault::StrayAnnotation), ("labels/val/gone.txt".into(), 1));
    let outline = dataset.truths.last().expect("the outline").bbox;
    let far = [outline.x - 10.0, outline.y - 20.0, outline.width - 40.0, outline.height - 40.0];
    assert!(far.iter().all(|distance| distance.abs() < 1e-9), "the box around an outline: {outline:?}");
}

#[test]
fn labels_without_a_picture_to_measure_are_told_of() {
    let files = Files::new();
    files.write("images/a.jpg", b"no picture");
    files.write("labels/a.txt", "0 0.5 0.5 0.2 0.5");
    let dataset = files.dataset();
    assert_eq!(faults(&dataset), [(Fault::UnreadablePicture, 1)]);
    assert_eq!(check(&dataset, &|_| {}).count(Fault::UnreadablePicture), 1, "once, though two see it");
}

#[test]
fn faulty_lines_of_darknet_lists_are_found() {
    let files = Files::new();
    files.picture("images/a.png", 100, 80);
    files.write("labels/a.txt", "0 0.5 0.5 0.2 0.5\n");
    files.write("valid.txt", "images/a.png\nimages/gone.png\nimages/a.png\n");
    files.write("cat.names", "cat\n");
    files.write("cat.data", "# cats\nclasses = 1\nvalid = valid.txt\nnames = cat.names\nbackup = /nowhere\n");
    let dataset = files.open("cat.data", None).expect("a data set");
    assert_eq!(faults(&dataset), [(Fault::DuplicateImage, 1), (Fault::MissingPicture, 1)]);
    assert_eq!(first(&files, &dataset, Fault::DuplicateImage), ("valid.txt".into(), 3));
    assert_eq!(
        (dataset.split.as_deref(), dataset.truths.len(), dataset.labels),
        (Some("valid"), 1, vec!["cat".into()])
    );
}

#[test]
fn faulty_lines_of_csv_are_found() {
    let files = Files::new();
    files.picture("images/a.png", 100, 80);
    files.picture("images/b.png", 100, 80);
    let lines = [
        "filename,class,xmin,ymin,xmax,ymax,width,height",
        "a.png,cat,10,20,40,60,100,80",
        "a.png,cat,10,20,40,60,100,80",
        "gone.png,cat,10,20,40,60,100,80",
        "a.png,,10,20,40,60,100,80",
        "a.png,cat,10,twenty,40,60,100,80",
        ",cat,10,20,40,60,100,80",
        "a.png,cat,10",
        "b.png,,,,,,0,0",
    ];
    files.write("boxes.csv", lines.join("\n"));
    let dataset = files.dataset();
    let expected = [
        (Fault::BadBox, 2),
        (Fault::UnreadableAnnotation, 1),
        (Fault::DuplicateBox, 1),
        (Fault::UnknownLabel, 1),
        (Fault::SizeMismatch, 1),
        (Fault::MissingPicture, 1),
    ];
    assert_eq!(faults(&dataset), expected);
    assert_eq!(first(&files, &dataset, Fault::UnknownLabel), ("boxes.csv".into(), 5));
    assert_eq!(first(&files, &dataset, Fault::UnreadableAnnotation), ("boxes.csv".into(), 7));
    assert_eq!(dataset.images[2].size, Some((100, 80)), "the picture says what the file does not");
}

#[test]
fn pictures_without_files_are_found_in_coco() {
    let files = Files::new();
    files.picture("val2017/a.png", 100, 80);
    let images =
        r#"{"id":1,"file_name":"a.png","width":90,"height":80},{"id":2,"file_name":"b.png","width":9,"height":9}"#;
    let content = format!(r#"{{"images":[{images}],"annotations":[],"categories":[{{"id":1,"name":"cat"}}]}}"#);
    files.write("annotations/instances_val2017.json", content);
    let dataset = files.dataset();
    assert_eq!(dataset.split.as_deref(), Some("val2017"));
    assert_eq!(faults(&dataset), [(Fault::MissingPicture, 1)]);
    assert_eq!(check(&dataset, &|_| {}).count(Fault::SizeMismatch), 1);
}

#[test]
fn a_check_decodes_every_picture() {
    let files = Files::new();
    let whole = std::fs::read(files.picture("images/a.jpg", 100, 80)).expect("the picture");
    files.write("images/b.jpg", &whole[..whole.len() - 20]);
    files.picture("images/c.png", 70, 80);
    files.picture("images/d.png", 100, 80);
    let lines = ["a.jpg", "b.jpg", "c.png", "d.png"].map(|name| format!("{name},cat,10,20,40,60,100,80\n")).concat();
    files.write("boxes.csv", "filename,class,xmin,ymin,xmax,ymax,width,height\n".to_owned() + &lines);
    let dataset = files.dataset();
    assert!(dataset.findings.is_empty(), "{:?}", dataset.findings);
    std::fs::remove_file(files.path().join("images/d.png")).expect("removed");
    let findings = check(&dataset, &|_| {});
    let found: Vec<_> = findings.iter().map(|(fault, finding)| (fault, finding.places[0].file.clone())).collect();
    let path = |name: &str| files.path().join("images").join(name).display().to_string();
    let expected = [
        (Fault::SizeMismatch, path("c.png")),
        (Fault::MissingPicture, path("d.png")),
        (Fault::UnreadablePicture, path("b.jpg")),
    ];
    assert_eq!(found, expected);
}
