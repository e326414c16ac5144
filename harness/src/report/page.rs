//! A report as a page: `report.html`, one file that needs no network.
//!
//! Its words are the Markdown of the document, read by pulldown-cmark, so that the page says what `report.md` says. What would be HTML or an image in them
//! stands as text, and the page's policy lets no script run but its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness_drawing::Drawing;
use harness_text::anchor;
use minijinja::{Environment, Value, context};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use sha2::{Digest, Sha256};

use super::ReportError;
use super::document::{Block, Document, Section};

/// Its name ends in `.html`, by which minijinja knows that values are to be escaped.
const NAME: &str = "page.html";
const PAGE: &str = include_str!("../../templates/report/page.html");
const STYLE: &str = include_str!("../../templates/report/style.css");
const SCRIPT: &str = include_str!("../../templates/report/script.js");

/// Tenths of a point up to which a figure is narrow.
const NARROW: i64 = 2_600;

/// The whole page.
///
/// # Errors
/// If the template can't be rendered.
pub(super) fn page(document: &Document<'_>) -> Result<String, ReportError> {
    let values = context! {
        title => document.title.as_str(),
        notice => document.notice.as_ref().map(|notice| html_of(notice, "Notice")),
        sections => document.sections.iter().map(section).collect::<Vec<_>>(),
        style => STYLE,
        script => SCRIPT,
        // The policy knows the one script that may run by its hash.
        script_hash => STANDARD.encode(Sha256::digest(SCRIPT)),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let rendered = environment
        .add_template(NAME, PAGE)
        .and_then(|()| environment.get_template(NAME))
        .and_then(|template| template.render(values));
    rendered.map_err(|source| ReportError::Page { source })
}

/// A section as the template has it.
fn section(section: &Section<'_>) -> Value {
    let mut blocks = Vec::new();
    for block in &section.blocks {
        match block {
            Block::Words(text) => blocks.push(words(html_of(text, section.title))),
            Block::Figures(drawings) => blocks.extend(drawings.iter().map(|drawing| figure(drawing))),
            Block::Narrow(drawings) => {
                blocks.push(words("<div class=\"pair\">".into()));
                blocks.extend(drawings.iter().map(|drawing| figure(drawing)));
                blocks.push(words("</div>".into()));
            }
        }
    }
    context! {
        id => anchor(section.title),
        title => section.title,
        folded => section.folded,
        blocks => blocks,
        parts => section.parts.iter().map(self::section).collect::<Vec<_>>(),
    }
}

fn words(html: String) -> Value {
    context! { words => html }
}

fn figure(drawing: &Drawing) -> Value {
    let (width, height) = drawing.svg.size;
    context! {
        name => drawing.name.as_str(),
        caption => drawing.caption.as_str(),
        width => width,
        height => height,
        shape => if width > NARROW { "wide" } else { "narrow" },
        svg => drawing.svg.body.as_str(),
    }
}

/// Markdown as HTML. Tables stand in regions that scroll and are called `name`.
fn html_of(words: &str, name: &str) -> String {
    let mut outside = 0_usize;
    let events = Parser::new_ext(words, Options::ENABLE_TABLES).flat_map(|event| {
        let open = format!("<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {name}\">");
        match event {
            Event::Html(text) | Event::InlineHtml(text) => vec![Event::Text(text)],
            Event::Start(Tag::HtmlBlock) => vec![Event::Start(Tag::Paragraph)],
            Event::End(TagEnd::HtmlBlock) => vec![Event::End(TagEnd::Paragraph)],
            // An image's text stays, the image does not come in.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => Vec::new(),
            // Links lead to places of this page; of any other the text stays.
            Event::Start(Tag::Link { ref dest_url, .. }) if !dest_url.starts_with('#') => {
                outside += 1;
                Vec::new()
            }
            Event::End(TagEnd::Link) if outside > 0 => {
                outside -= 1;
                Vec::new()
            }
            Event::Start(Tag::Table(_)) => vec![Event::Html(CowStr::from(open)), event],
            Event::End(TagEnd::Table) => vec![event, Event::Html(CowStr::from("</div>\n"))],
            other => vec![other],
        }
    });
    let mut text = String::new();
    html::push_html(&mut text, events);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_words_becomes_html_an_image_or_a_way_out() {
        let words = "<script>alert(1)</script>\n\na <b onclick=x>b</b> ![i](https://x.org/i.png) [l](javascript:alert(1)) [m](#method)\n\n    <pre>\n\n\
                     | a |\n| --- |\n| &lt;i> `<u>` |\n";
        let html = html_of(words, "Words");
        for sign in ["<script", "<b", "<img", "javascript:", "<pre><pre>", "<i>", "<u>", "x.org"] {
            assert!(!html.contains(sign), "{sign} in {html}");
        }
        assert!(
            html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && html.contains("<a href=\"#method\">m</a>"),
            "{html}"
        );
        assert!(html.contains("<td>&lt;i&gt; <code>&lt;u&gt;</code></td>"), "{html}");
    }

    #[test]
    fn the_script_stands_in_the_page_as_it_is() {
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
    }
}
