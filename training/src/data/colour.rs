//! Colours, varied in hue, saturation and value.

use super::Augmentation;
use super::seed::Random;

/// A change of colours in HSV.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour {
    /// Turn of the hues, in sixths of the colour circle, within −6..=6.
    hue: f32,
    saturation: f32,
    value: f32,
}

impl Colour {
    /// Draws a change.
    pub fn draw(settings: &Augmentation, random: &mut Random) -> Self {
        let mut gain = |most: f64| random.between(-most, most) as f32;
        Self {
            hue: 6.0 * gain(settings.hue),
            saturation: 1.0 + gain(settings.saturation),
            value: 1.0 + gain(settings.value),
        }
    }

    fn is_identity(&self) -> bool {
        self.hue == 0.0 && self.saturation == 1.0 && self.value == 1.0
    }

    /// Changes pixels in 0..=1. Written without branches, so that the compiler takes several pixels at once.
    pub fn apply(&self, red: &mut [f32], green: &mut [f32], blue: &mut [f32]) {
        if self.is_identity() {
            return;
        }
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            let (hue, chroma, value) = hexcone(*red, *green, *blue);
            let saturation = if value > 0.0 { chroma / value } else { 0.0 } * self.saturation;
            let value = least(value * self.value, 1.0);
            let chroma = value * least(saturation, 1.0);
            let hue = hue + self.hue;
            *red = channel(hue + 5.0, value, chroma);
            *green = channel(hue + 3.0, value, chroma);
            *blue = channel(hue + 1.0, value, chroma);
        }
    }
}

/// Hue in sixths of a circle within −1..=5, chroma and value (Smith 1978).
#[inline(always)]
fn hexcone(red: f32, green: f32, blue: f32) -> (f32, f32, f32) {
    let value = most(most(red, green), blue);
    let chroma = value - least(least(red, green), blue);
    let (difference, sector) = if value == red {
        (green - blue, 0.0)
    } else if value == green {
        (blue - red, 2.0)
    } else {
        (red - green, 4.0)
    };
    let hue = if chroma > 0.0 { difference / chroma + sector } else { 0.0 };
    (hue, chroma, value)
}

/// One channel of a colour whose hue, moved by the channel's 5, 3 or 1, lies in −6..=16.
#[inline(always)]
fn channel(hue: f32, value: f32, chroma: f32) -> f32 {
    let hue = if hue < 0.0 { hue + 6.0 } else { hue };
    let hue = if hue >= 12.0 { hue - 12.0 } else { hue };
    let hue = if hue >= 6.0 { hue - 6.0 } else { hue };
    value - chroma * most(least(least(hue, 4.0 - hue), 1.0), 0.0)
}

/// `f32::min` looks for NaN, which costs more than all else here.
#[inline(always)]
fn least(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn most(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
