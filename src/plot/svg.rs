//! The SVG document that all figures are drawn in.

use std::borrow::Cow;

/// Distance of lines of text, in user units.
pub(super) const LINE: f64 = 18.0;
/// Room for the title.
pub(super) const TITLE: f64 = 26.0;

/// All figures have the same style sheet, and all its rules are below `.plot`: to repeat it in a page changes nothing.
///
/// `:root` matches only where the figure is a file of its own; in a page, the page has the say.
const STYLE: &str = "\
.plot{--plot-1:#0072b2;--plot-2:#d55e00;--plot-3:#009e73;--plot-4:#cc79a7;--plot-5:#e69f00;\
max-width:100%;height:auto;overflow:visible;font:13px system-ui,sans-serif;font-variant-numeric:tabular-nums}\
.plot:root{--plot-paper:#fff;color:#1b1f24;background:var(--plot-paper)}\
@media(prefers-color-scheme:dark){.plot{--plot-1:#56b4e9}\
.plot:root{--plot-paper:#16191d;color:#e8eaed}}\
.plot text{fill:currentColor}\
.plot .title{font-size:15px;font-weight:600}\
.plot .soft{opacity:.72}\
.plot .small{font-size:11px}\
.plot .end{text-anchor:end}\
.plot .middle{text-anchor:middle}\
.plot .halo{paint-order:stroke;stroke:var(--plot-paper,Canvas);stroke-width:4px;stroke-linejoin:round}\
.plot .grid{stroke:currentColor;opacity:.1}\
.plot .axis{stroke:currentColor;opacity:.45}\
.plot .line{fill:none;stroke:var(--ink);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\
.plot .thin{stroke-width:1.25}\
.plot .faint{stroke-width:1;opacity:.16}\
.plot .dashed{stroke-dasharray:6 4}\
.plot .fill{fill:var(--ink)}\
.plot .ink{--ink:currentColor}\
.plot .ink1{--ink:var(--plot-1)}\
.plot .ink2{--ink:var(--plot-2)}\
.plot .ink3{--ink:var(--plot-3)}\
.plot .ink4{--ink:var(--plot-4)}\
.plot .ink5{--ink:var(--plot-5)}";

/// What something is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// The colour of text: what matters most.
    Text,
    /// A colour of the palette: 0 blue, 1 vermilion, 2 green, 3 purple, 4 orange, then from the start again.
    Palette(usize),
    /// Hardly there: context, without a place in the key.
    Faint,
}

impl Ink {
    /// CSS classes for it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Text => "ink",
            Self::Faint => "ink faint",
            Self::Palette(index) => ["ink1", "ink2", "ink3", "ink4", "ink5"][index % 5],
        }
    }
}

/// A figure that grows from its parts.
pub(super) struct Canvas {
    /// User units across.
    pub(super) width: f64,
    /// User units down.
    pub(super) height: f64,
    title: String,
    body: String,
}

impl Canvas {
    /// An empty one with its title at the top left; a title of no letters takes no room.
    pub(super) fn new(title: &str, width: f64, height: f64) -> Self {
        let mut canvas = Self { width, height, title: title.to_owned(), body: String::new() };
        let (shown, _) = shorten(title, (width / 8.0) as usize);
        canvas.text(0.0, 14.0, "title", &shown);
        canvas
    }

    /// Text on a base line; `class` names what style it has.
    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        if !text.is_empty() {
            let (x, y) = (number(x), number(y));
            self.body.push_str(&format!(r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escape(text)));
        }
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.body.push_str(&format!(
            r#"<line class="{class}" x1="{}" y1="{}" x2="{}" y2="{}"/>"#,
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1)
        ));
    }

    /// A dot.
    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let (x, y, radius) = (number(x), number(y), number(radius));
        self.body.push_str(&format!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="{radius}"/>"#));
    }

    /// A filled rectangle, `shade` of full colour (0..=1), with a text that pointing at it shows.
    pub(super) fn rect(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), shade: f64, hint: &str) {
        let ((x, y), (width, height)) = ((number(corner.0), number(corner.1)), (number(size.0), number(size.1)));
        let opacity = if shade < 1.0 { format!(r#" fill-opacity="{shade:.2}""#) } else { String::new() };
        let hint = if hint.is_empty() { String::new() } else { format!("<title>{}</title>", escape(hint)) };
        self.body.push_str(&format!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"{opacity}>{hint}</rect>"#
        ));
    }

    /// Whatever else; the caller has escaped its texts.
    pub(super) fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
    }

    /// The whole element.
    pub(super) fn finish(self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}"><title>{}</title><style>{STYLE}</style>{}</svg>"#,
            escape(&self.title),
            self.body
        )
    }
}

/// A coordinate to a tenth of a unit; what is not finite becomes 0.
pub(super) fn number(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" { "0".into() } else { short.into() }
}

/// Text as XML holds it, in content and in attributes. Characters that XML cannot hold become U+FFFD.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '<' | '>' | '&' | '"' | '\'' | '\u{fffe}' | '\u{ffff}') || c.is_control();
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Text of at most `most` characters, and whether something was left out.
pub(super) fn shorten(text: &str, most: usize) -> (Cow<'_, str>, bool) {
    if text.chars().count() <= most {
        return (Cow::Borrowed(text), false);
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).chain(['…']).collect();
    (Cow::Owned(kept), true)
}

/// About how wide a text is drawn, on the safe side of common sans-serif fonts.
pub(super) fn text_width(text: &str) -> f64 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'I' | ' ' | '.' | ',' | ':' | '[' | ']' => 4.5,
        'm' | 'w' | 'M' | 'W' => 12.5,
        'A'..='Z' => 9.5,
        // From Hangul on, most scripts are twice as wide as Latin.
        '\u{1100}'.. => 14.0,
        _ => 7.8,
    };
    text.chars().map(width).sum()
}

/// The width of the widest.
pub(super) fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> f64 {
    texts.map(text_width).fold(0.0, f64::max)
}
