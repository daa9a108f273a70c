//! What `ocelli evaluate` measures: flags become the options of the measurement.

use super::Usage;
use super::config::fraction;
use clap::Args;
use ocelli::average_precision::coco::{AreaRange, CocoOptions, QUIRKS, linspace};
use ocelli::evaluate::MeasureOptions;

#[derive(Args)]
#[command(next_help_heading = "Protocols")]
pub struct ProtocolArgs {
    /// IoU from which a box counts as found, for all but COCO's means
    #[arg(long, value_name = "0..1", default_value = "0.5")]
    iou: f64,
    /// COCO's IoU thresholds: FIRST:LAST:STEP, or a list with commas
    #[arg(long, value_name = "GRID", default_value = "0.5:0.95:0.05", value_parser = thresholds)]
    iou_thresholds: Thresholds,
    /// COCO's limits on detections a picture and class; the last one is that of AP
    #[arg(long, value_name = "N,N,N", default_value = "1,10,100", value_delimiter = ',')]
    max_detections: Vec<usize>,
    /// COCO's areas, in square pixels
    #[arg(long, value_name = "LABEL=LOW-HIGH,…", default_value = "small=0-1024,medium=1024-9216,large=9216-1e10",
        value_delimiter = ',', value_parser = area)]
    areas: Vec<AreaRange>,
    /// Classes do not matter: all are one
    #[arg(long)]
    class_agnostic: bool,
    /// Confidence of precision, recall, confusion matrix and counts of mistakes [default: that of the best F1]
    #[arg(long, value_name = "0..1", value_parser = fraction)]
    operating_confidence: Option<f32>,
    /// Copy pycocotools where it does what is hardly meant
    #[arg(long, long_help = quirks())]
    pycocotools_quirks: bool,
}

/// IoU thresholds, as one value of the command line.
#[derive(Debug, Clone)]
struct Thresholds(Vec<f64>);

fn quirks() -> String {
    let quirks: Vec<String> = QUIRKS.iter().map(|(name, what)| format!("\n- {name}: {what}")).collect();
    format!("Copy pycocotools where it does what is hardly meant:{}", quirks.concat())
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| format!("`{text}` is no number"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count that was checked")]
fn thresholds(text: &str) -> Result<Thresholds, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [first, last, step] = parts[..] else {
        return text.split(',').map(number).collect::<Result<_, _>>().map(Thresholds);
    };
    let (first, last, step) = (number(first)?, number(last)?, number(step)?);
    let steps = ((last - first) / step).round();
    // More would be refused anyhow, with the reason.
    if !(step > 0.0 && (0.0..=1000.0).contains(&steps)) {
        return Err(format!("from {first} to {last} there are no steps of {step}"));
    }
    Ok(Thresholds(linspace(first, last, steps as u32 + 1)))
}

/// `small=0-1024`. The hyphen of an exponent is none between numbers.
fn area(text: &str) -> Result<AreaRange, String> {
    let (label, range) = text.split_once('=').ok_or("expected LABEL=LOW-HIGH, such as small=0-1024")?;
    let parted = range.match_indices('-').map(|(at, _)| (number(&range[..at]), number(&range[at + 1..])));
    let found = parted.filter_map(|(low, high)| low.ok().zip(high.ok())).next();
    let (low, high) = found.ok_or_else(|| format!("`{range}` is not LOW-HIGH, such as 0-1024"))?;
    Ok(AreaRange::new(label.trim(), low, high))
}

impl ProtocolArgs {
    /// The options, without resampling.
    pub fn options(&self) -> Result<MeasureOptions, Usage> {
        let all = AreaRange::new("all", 0.0, 1e10);
        let coco = CocoOptions {
            iou_thresholds: self.iou_thresholds.0.clone(),
            max_detections: self.max_detections.clone(),
            areas: std::iter::once(all).chain(self.areas.iter().cloned()).collect(),
            pycocotools_quirks: self.pycocotools_quirks,
            ..CocoOptions::default()
        };
        let options = MeasureOptions {
            coco,
            iou: self.iou,
            class_agnostic: self.class_agnostic,
            confidence: self.operating_confidence.map(f64::from),
            bootstrap: None,
        };
        options.check().map_err(|error| Usage(error.to_string()))?;
        Ok(options)
    }
}
