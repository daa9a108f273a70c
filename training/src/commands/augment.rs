//! `ocelli-train augment`.

use super::anchors::size;
use super::progress::pictures;
use anyhow::Context;
use clap::Args;
use ocelli::dataset::{OpenOptions, open};
use ocelli::letterbox::Size;
use ocelli::picture::{Encoding, encode};
use ocelli_training::data::{Augmentation, CacheOptions, DetectionData, gallery};
use std::io::Write;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Example:\n  ocelli-train augment --data BCCD --split train --out augmentations --size 320x256")]
pub struct AugmentArgs {
    /// Labelled pictures, in any format that `ocelli evaluate` reads
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Its part: train, val, test … [default: the validation split, or the only one]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Folder for one sheet of nine pictures for each augmentation; made if absent
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The network's input
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "416x416", value_parser = size)]
    size: Size,
    /// Another seed draws others
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

pub fn run(args: &AugmentArgs) -> anyhow::Result<()> {
    let dataset = open(&args.data, &OpenOptions { format: None, split: args.split.clone() })?;
    let bar = pictures(dataset.images.len())?;
    let tell = |done: usize, _: usize| bar.set_position(done as u64);
    let data = DetectionData::open(&[(dataset, 1.0)], &CacheOptions::default(), &tell)?;
    bar.finish_and_clear();
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    for (name, sheet) in gallery(&data, &everything(args.size), args.size, args.seed)? {
        let path = args.out.join(format!("{name}.png"));
        std::fs::write(&path, encode(&sheet, Encoding::Png)?).with_context(|| path.display().to_string())?;
        writeln!(std::io::stdout().lock(), "{}", path.display())?;
    }
    Ok(())
}

/// All that there is, as strong as trainings have it.
fn everything(size: Size) -> Augmentation {
    let smaller = |side: u32| (side * 3 / 4).max(32);
    Augmentation {
        flip_horizontal: 0.5,
        flip_vertical: 0.5,
        quarter_turn: 0.5,
        scale: [0.8, 1.3],
        aspect: 0.08,
        translate: 1.0,
        crop: 0.2,
        hue: 0.02,
        saturation: 0.5,
        value: 0.35,
        mosaic: 0.3,
        mix_up: 0.1,
        sizes: vec![[size.width, size.height], [smaller(size.width), smaller(size.height)]],
        ..Augmentation::default()
    }
}
