//! Full disks, signals and sudden death.

use super::{contents, copy, draw, fails, program, resumed, succeeds, tiny, told};
use crate::trunk::same_end;
use ocelli_training::train::{CHECKPOINT, Checkpoint, Log};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Steps that a training of the drawn data has in an epoch: eight pictures, two in a batch.
const EPOCH: usize = 4;

fn step_of(out: &Path) -> usize {
    Checkpoint::read(&out.join(CHECKPOINT)).unwrap().state.step
}

/// Whole lines of steps in a log.
fn steps_logged(out: &Path) -> usize {
    let text = std::fs::read_to_string(out.join("log.jsonl")).unwrap_or_default();
    text.lines().filter(|line| line.contains("\"event\":\"step\"") && line.ends_with('}')).count()
}

/// The same command under a limit for the size of a file, in KiB.
fn limited(command: &Command, kibibytes: u64) -> Command {
    let mut shell = Command::new("bash");
    // Without the trap the signal would end the process in place of an error.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\""), "bash"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out, whole] = ["data", "out", "whole"].map(|name| folder.path().join(name));
    draw(&data);
    // Long enough for a signal to come before the end.
    let long = ["train.epochs=30"];
    succeeds(&mut tiny(&data, &whole, &long));
    let size = std::fs::metadata(whole.join(CHECKPOINT)).unwrap().len() / 1024;
    let error = fails(&mut limited(&tiny(&data, &out, &long), size - 1));
    assert!(error.contains("out/checkpoint.safetensors: File too large"), "{error}");
    let names: Vec<_> = contents(&out).into_keys().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["data.json", "log.jsonl", "recipe.toml"], "nothing half-written stays");
    // Nothing was saved, so it begins anew; then it fails on the way.
    stopped(&mut tiny(&data, &out, &long), &out, "INT", 2);
    let before = std::fs::read(out.join(CHECKPOINT)).unwrap();
    let output = limited(&resumed(&out), size - 1).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("what was saved before stays; --resume goes on"), "{}", told(&output));
    assert_eq!(std::fs::read(out.join(CHECKPOINT)).unwrap(), before);
    succeeds(&mut resumed(&out));
    same_end(&whole, &out);
}

/// A small file system of its own, where that is allowed.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(kibibytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={kibibytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint_whole() {
    let folder = tempfile::tempdir().unwrap();
    let [data, whole, moved] = ["data", "whole", "moved"].map(|name| folder.path().join(name));
    draw(&data);
    succeeds(&mut tiny(&data, &whole, &[]));
    let size = |name: &str| std::fs::metadata(whole.join(name)).unwrap().len().div_ceil(4096) * 4;
    // Room for a checkpoint, the files of the beginning and the start of a log, but not for a second checkpoint.
    let Some(disk) = Disk::of(size(CHECKPOINT) + size("recipe.toml") + size("data.json") + 24) else {
        eprintln!("SKIPPED: a full disk needs the right to mount one");
        return;
    };
    let out = disk.0.path().join("out");
    let output = tiny(&data, &out, &[]).output().unwrap();
    let text = told(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let error = text.lines().last().unwrap();
    assert!(error.starts_with("error: ") && error.contains("out/") && error.contains("No space left"), "{text}");
    assert!(text.contains("what was saved before stays"), "{text}");
    eprintln!("{error}");
    assert!(!out.join("checkpoint.safetensors.part").exists());
    assert!((1..2 * EPOCH).contains(&step_of(&out)));
    copy(&out, &moved);
    succeeds(&mut resumed(&moved));
    same_end(&whole, &moved);
}

/// Sends a signal.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(sent.success());
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Starts a training, asks it to stop as soon as its log has that many steps, and waits for it to have saved.
fn stopped(command: &mut Command, out: &Path, name: &str, steps: usize) {
    let mut child = quiet(command);
    let begun = Instant::now();
    while steps_logged(out) < steps && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it does not train");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, name);
    let output = child.wait_with_output().unwrap();
    let text = told(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("stopped and saved; go on with: ocelli-train train --out"), "{text}");
    assert!(text.contains(&format!("{} --resume", out.display())), "{text}");
    assert_eq!(steps_logged(out), step_of(out), "it saved the step that it stopped after");
}

#[test]
fn a_training_stopped_by_a_signal_goes_on_as_if_it_had_never_stopped() {
    for threads in ["1", "2"] {
        let folder = tempfile::tempdir().unwrap();
        let [data, whole, parts] = ["data", "whole", "parts"].map(|name| folder.path().join(name));
        draw(&data);
        // Checkpoints far apart: it is the signal that saves.
        let settings =
            ["train.epochs=60", "train.checkpoint_every=1000", "train.accumulate=2", "train.evaluate_every=20"];
        let mut start = tiny(&data, &parts, &settings);
        stopped(start.env("RAYON_NUM_THREADS", threads), &parts, "INT", 3);
        let first = step_of(&parts);
        stopped(resumed(&parts).env("RAYON_NUM_THREADS", threads), &parts, "TERM", first + 5);
        let second = step_of(&parts);
        assert!(3 <= first && first + 5 <= second && second < 60 * EPOCH / 2, "{first}, {second}");
        assert!(!parts.join("model.onnx").exists());
        let text = succeeds(resumed(&parts).env("RAYON_NUM_THREADS", threads));
        assert!(text.contains("serve it with: ocelli serve --model"), "{text}");
        succeeds(tiny(&data, &whole, &settings).env("RAYON_NUM_THREADS", threads));
        same_end(&whole, &parts);
        assert_eq!(
            std::fs::read(whole.join("model.onnx")).unwrap(),
            std::fs::read(parts.join("model.onnx")).unwrap(),
            "{threads} threads"
        );
        // What is done stays so.
        let before = std::fs::read(parts.join(CHECKPOINT)).unwrap();
        succeeds(&mut resumed(&parts));
        assert_eq!(std::fs::read(parts.join(CHECKPOINT)).unwrap(), before);
    }
}

/// Steps between checkpoints of the training that is killed.
const INTERVAL: usize = 2;

#[test]
fn sudden_death_at_any_moment_loses_at_most_one_interval_and_breaks_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let [data, whole, killed] = ["data", "whole", "killed"].map(|name| folder.path().join(name));
    draw(&data);
    // Many channels: writing is a good part of a step.
    let every = format!("train.checkpoint_every={INTERVAL}");
    let settings = ["model.widths=[8,16,32,64,96]", "train.epochs=60", &every, "train.evaluate_every=4"];
    succeeds(&mut tiny(&data, &whole, &settings));
    let part = killed.join("checkpoint.safetensors.part");
    let (mut random, mut done, mut while_writing, mut before_saving) = (7_u64, 0, 0, 0);
    for round in 0..14 {
        let has_checkpoint = killed.join(CHECKPOINT).exists();
        let mut child = quiet(&mut if has_checkpoint { resumed(&killed) } else { tiny(&data, &killed, &settings) });
        // By turns at a random moment, and in the middle of writing a checkpoint.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let limit = Duration::from_millis(match round {
            0 => 30,
            round if round % 2 == 0 => (random >> 33) % 500,
            _ => 20_000,
        });
        let begun = Instant::now();
        while begun.elapsed() < limit && child.try_wait().unwrap().is_none() {
            if round % 2 == 1 && part.exists() {
                break;
            }
        }
        let _ = child.kill();
        child.wait().unwrap();
        while_writing += usize::from(part.exists());
        let logged = steps_logged(&killed);
        let saved = if killed.join(CHECKPOINT).exists() { step_of(&killed) } else { 0 };
        before_saving += usize::from(saved == 0);
        assert!(saved >= done, "it went back from step {done} to {saved}");
        assert!(logged <= saved + INTERVAL, "{logged} steps were done and {saved} saved");
        assert!(saved % INTERVAL == 0);
        done = saved;
        for name in ["best.safetensors", "recipe.toml", "data.json"] {
            let path = killed.join(name);
            assert!(!path.exists() || std::fs::metadata(&path).unwrap().len() > 0, "{name} is empty");
        }
    }
    eprintln!("killed at step {done} last, {while_writing} times while writing, {before_saving} before the first");
    assert!(while_writing > 0 && done > 0);
    succeeds(&mut resumed(&killed));
    assert!(!part.exists());
    same_end(&whole, &killed);
    assert!(Log::read(&killed.join("log.jsonl")).is_ok());
    let model = |folder: &Path| std::fs::read(folder.join("model.onnx")).unwrap();
    assert_eq!(model(&whole), model(&killed));
    let figures =
        program().args(["evaluate", "--json", "-", "--checkpoint"]).arg(&killed).arg("--data").arg(&data).output();
    assert!(figures.unwrap().status.success());
}
