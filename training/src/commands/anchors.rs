//! `ocelli-train anchors`.

use anyhow::{Context, bail};
use clap::Args;
use ocelli::dataset::{OpenOptions, open};
use ocelli::letterbox::Size;
use ocelli_training::anchors::{Anchors, assign_to_scales, choose, curve, draw_boxes, draw_curve};
use ocelli_training::data::box_sizes;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Anchors for one output.
const PER_SCALE: usize = 5;
/// The start of k-means; another one finds nearly the same.
const SEED: u64 = 1;
/// Stride of the coarsest output; each scale more halves it.
const COARSEST: usize = 32;

#[derive(Args)]
#[command(after_help = "Examples:\n  ocelli-train anchors --data BCCD --split train --size 320x256\n  \
    ocelli-train anchors --data coco128 --k 9 --out anchors\n  \
    ocelli-train anchors --data BCCD --split train --json | jq .anchors")]
pub struct AnchorsArgs {
    /// Labelled pictures, in any format that `ocelli evaluate` reads
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Its part: train, val, test … [default: the validation split, or the only one]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// The network's input; anchors are in its pixels, after the letterbox
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "416x416", value_parser = size)]
    size: Size,
    /// How many anchors [default: as many as still add 0.01 to the average IoU, a multiple of the scales]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    k: Option<u64>,
    /// Outputs of the network that share the anchors
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=8))]
    scales: u64,
    /// Folder for curve.svg and boxes.svg; made if absent
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One JSON object in place of the tables
    #[arg(long)]
    json: bool,
}

/// A size as people write it.
pub fn size(text: &str) -> Result<Size, String> {
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| (1..=8192).contains(side));
    let sides = text.split_once(['x', '×']).and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let (width, height) = sides.ok_or("a size is written as 416x416, each side up to 8192")?;
    Ok(Size { width, height })
}

/// The order of the keys is that of the JSON.
#[derive(Serialize)]
struct Report<'a> {
    input: [u32; 2],
    boxes: usize,
    anchors: &'a [[f64; 2]],
    average_iou: f64,
    /// Average IoU of 1, 2, 3 … anchors.
    curve: Vec<f64>,
}

pub fn run(args: &AnchorsArgs) -> anyhow::Result<()> {
    let dataset = open(&args.data, &OpenOptions { format: None, split: args.split.clone() })?;
    let (sizes, census) = box_sizes(&dataset, args.size)?;
    let scales = args.scales as usize;
    let most = args.k.map_or(scales * PER_SCALE, |k| (k as usize).max(scales * PER_SCALE));
    let curve = curve(&sizes, most, SEED);
    let k = args.k.map_or_else(|| choose(&curve, scales).min(most), |k| k as usize);
    let Some(chosen) = k.checked_sub(1).and_then(|place| curve.get(place)) else { bail!("{k} anchors do not fit") };
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        write(&out.join("curve.svg"), &draw_curve(&curve, k))?;
        write(&out.join("boxes.svg"), &draw_boxes(&sizes, &chosen.anchors))?;
    }
    if args.json {
        let report = Report {
            input: [args.size.width, args.size.height],
            boxes: census.boxes,
            anchors: &chosen.anchors,
            average_iou: chosen.average_iou,
            curve: curve.iter().map(|found| found.average_iou).collect(),
        };
        writeln!(std::io::stdout().lock(), "{}", serde_json::to_string(&report)?)?;
        return Ok(());
    }
    let Size { width, height } = args.size;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} boxes in {} pictures, at {width}×{height}\n", census.boxes, census.pictures)?;
    print(&mut out, &curve, chosen, scales)
}

/// The curve, and the chosen anchors by output.
fn print(out: &mut dyn Write, curve: &[Anchors], chosen: &Anchors, scales: usize) -> anyhow::Result<()> {
    writeln!(out, "anchors  average IoU")?;
    for found in curve {
        let mark = if found == chosen { "  ◂" } else { "" };
        writeln!(out, "{:>7}  {:>11.3}{mark}", found.anchors.len(), found.average_iou)?;
    }
    // The coarsest grid first, as the networks' outputs are: YOLOv3's three scales end at stride 8, tiny's two at 16.
    let strides: Vec<usize> = (0..scales).map(|scale| COARSEST >> scale).collect();
    writeln!(out)?;
    for (stride, share) in strides.iter().zip(assign_to_scales(&chosen.anchors, &strides)) {
        let sizes: Vec<String> = share.iter().map(|[width, height]| format!("{width:.1}×{height:.1}")).collect();
        writeln!(out, "stride {stride:>2}  {}", sizes.join("  "))?;
    }
    let shares = assign_to_scales(&chosen.anchors, &strides);
    writeln!(out, "\nin a recipe's [input]:\nanchors = {}", serde_json::to_string(&shares)?)?;
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
