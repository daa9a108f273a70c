//! Text for a terminal, CSV, Markdown, and the block for the server's configuration.

use crate::sample::{HOSTILE, evaluation};
use ocelli::evaluate::table::{TerminalOptions, csv, markdown, terminal};
use ocelli::evaluate::wording;

#[test]
fn csv_gives_back_every_class_at_full_precision() {
    let evaluation = evaluation(5);
    let text = csv(&evaluation);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = ["label", "truths", "AP", "AP50", "best_f1", "best_confidence", "precision", "recall"];
    assert_eq!(reader.headers().unwrap(), &csv::StringRecord::from(header.to_vec()));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5);
    for (row, class) in rows.iter().zip(&evaluation.classes) {
        assert_eq!(row[0], class.label);
        assert_eq!(row[1].parse::<usize>().unwrap(), class.truths);
        let figures = [class.ap, class.ap50, class.best_f1, class.best_confidence, class.precision, class.recall];
        for (field, figure) in row.iter().skip(2).zip(figures) {
            assert_eq!(field.parse::<f64>().ok(), figure);
        }
    }
}

#[test]
fn the_terminal_lists_the_classes_with_the_most_truths_and_counts_the_rest() {
    let options = TerminalOptions { classes: 3, ..TerminalOptions::default() };
    let text = terminal(&evaluation(10), &options);
    // The sample gives class k 3 + 5k mod 17 truths: 18 to class 3, 16 to class 6, 14 to class 9, which has none.
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Classes")).skip(2).take(4).collect();
    assert!(
        lines[0].trim_start().starts_with("class 3 ") && lines[1].trim_start().starts_with("class 6 "),
        "{lines:?}"
    );
    assert_eq!(lines[3], "  … and 7 more, all in --report and --csv");
}

#[test]
fn the_terminal_shows_what_does_not_exist_as_a_dash() {
    let text = terminal(&evaluation(3), &TerminalOptions::default());
    let darknet = text.lines().find(|line| line.trim_start().starts_with("Darknet")).unwrap();
    assert_eq!(darknet.split_whitespace().nth(1), Some("–"));
    assert!(!text.contains("NaN"));
}

#[test]
fn names_do_not_steer_the_terminal() {
    let mut evaluation = evaluation(3);
    evaluation.classes[1].label = "red\u{1b}[31m\r\nnext".into();
    evaluation.settings.model = "\u{1b}]0;title\u{7}".into();
    let text = terminal(&evaluation, &TerminalOptions::default());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn colours_are_there_only_where_they_are_asked_for() {
    let (plain, colored) = (TerminalOptions::default(), TerminalOptions { color: true, ..TerminalOptions::default() });
    let evaluation = evaluation(3);
    let text = terminal(&evaluation, &colored);
    assert!(text.contains("\u{1b}[1m"));
    let mut stripped = text;
    for escape in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m"] {
        stripped = stripped.replace(escape, "");
    }
    assert_eq!(stripped, terminal(&evaluation, &plain));
}

#[test]
fn lines_keep_to_the_width_of_the_terminal() {
    let mut evaluation = evaluation(3);
    evaluation.classes[1].label = "an extraordinarily long name of a class that nobody would ever ".repeat(4);
    for width in [80, 100, 140] {
        let options = TerminalOptions { width, ..TerminalOptions::default() };
        let text = terminal(&evaluation, &options);
        let tables = text.split("Thresholds").next().unwrap();
        let longest = tables.lines().filter(|line| !line.starts_with("Classes")).map(|line| line.chars().count()).max();
        assert!(longest <= Some(width), "{longest:?} at {width}");
    }
}

#[test]
fn wide_letters_take_two_columns() {
    let mut evaluation = evaluation(3);
    evaluation.classes[0].label = "犬犬犬".into();
    evaluation.classes[1].label = "sixsix".into();
    let text = terminal(&evaluation, &TerminalOptions::default());
    let rest =
        |name: &str| text.lines().find_map(|line| line.strip_prefix("  ")?.strip_prefix(name)).unwrap().to_owned();
    assert_eq!(rest("犬犬犬").chars().count(), rest("sixsix").chars().count());
}

#[test]
fn markdown_tables_have_as_many_cells_in_each_row_as_in_their_header() {
    let text = markdown(&evaluation(4));
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = text.lines().collect();
    let tables: Vec<&[&str]> = lines.split(|line| !line.starts_with('|')).filter(|table| !table.is_empty()).collect();
    assert_eq!(tables.len(), 7, "four rows of COCO's, protocols, the difference, the classes");
    for table in tables {
        assert!(table.len() >= 3 && table.iter().all(|row| cells(row) == cells(table[0])), "{table:?}");
    }
    assert!(!text.contains(HOSTILE) && !text.contains("<script"));
}

#[test]
fn the_thresholds_are_toml_that_no_name_can_break() {
    let mut evaluation = evaluation(4);
    evaluation.settings.model = "runs/odd \"name\".onnx".into();
    evaluation.classes[1].label = "traffic light".into();
    evaluation.classes[2].label = "traffic light".into();
    let block = wording::thresholds(&evaluation);
    let table: toml::Table = block.parse().unwrap_or_else(|error| panic!("{error}\n{block}"));
    let thresholds = table["models"]["odd \"name\""]["thresholds"].as_table().unwrap();
    assert_eq!(thresholds.len(), 2, "a class of the same name and one without a threshold are left out");
    assert_eq!(
        thresholds[HOSTILE].as_float(),
        Some(0.371287),
        "as it was found: it lies below the scores that it keeps"
    );
    assert_eq!(thresholds["traffic light"].as_float(), Some(0.371287));
}

#[test]
fn a_threshold_that_has_four_decimals_keeps_them() {
    let mut evaluation = evaluation(3);
    for step in 0..=10_000 {
        let confidence = f64::from(step) / 10_000.0;
        evaluation.classes[0].best_confidence = Some(confidence);
        let table: toml::Table = wording::thresholds(&evaluation).parse().unwrap();
        assert_eq!(table["models"]["yolo-fastest-1.1-xl"]["thresholds"][HOSTILE].as_float(), Some(confidence));
    }
}
