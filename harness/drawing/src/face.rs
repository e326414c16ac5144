//! The embedded fonts in a PDF: the glyphs that are used, with how wide they are and what they stand for.

use std::collections::BTreeMap;
use std::io::Write as _;

use ab_glyph::{Font as _, FontRef, GlyphId};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish as _, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;

use crate::error::DrawingError;
use crate::theme::TEXT;

const IDENTITY: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// One of the embedded fonts, with what of it is used.
pub(crate) struct Face {
    pub(crate) name: &'static str,
    bytes: &'static [u8],
    font: FontRef<'static>,
    glyphs: GlyphRemapper,
    /// What each glyph stands for, by its number in the file that is written.
    texts: BTreeMap<u16, char>,
}

impl Face {
    /// # Errors
    /// If it is broken.
    pub(crate) fn new(name: &'static str, bytes: &'static [u8]) -> Result<Self, DrawingError> {
        let font = FontRef::try_from_slice(bytes).map_err(|_| DrawingError::Font)?;
        Ok(Self { name, bytes, font, glyphs: GlyphRemapper::new(), texts: BTreeMap::new() })
    }

    /// Whether anything has been set in it.
    pub(crate) fn is_used(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Thousandths of an em, which PDF measures in, of a length in the font's units.
    fn milli(&self, units: f32) -> f32 {
        (units * 1000.0 / self.font.units_per_em().unwrap_or(1000.0)).round()
    }

    /// The glyphs of a text, two bytes each, and its width in points.
    pub(crate) fn set(&mut self, text: &str) -> (Vec<u8>, f64) {
        let mut codes = Vec::with_capacity(2 * text.len());
        let mut width = 0.0;
        for c in text.chars() {
            let glyph = self.font.glyph_id(c);
            let code = self.glyphs.remap(glyph.0);
            self.texts.entry(code).or_insert(c);
            codes.extend(code.to_be_bytes());
            width += f64::from(self.milli(self.font.h_advance_unscaled(glyph))) / 1000.0 * TEXT;
        }
        (codes, width)
    }

    /// Writes the glyphs that are used, with how wide they are and what they stand for.
    pub(crate) fn write(&self, pdf: &mut Pdf, place: Ref, next: &mut Ref) -> Result<(), DrawingError> {
        let [cid, descriptor, file, map] = std::array::from_fn(|_| next.bump());
        let subset = subsetter::subset(self.bytes, 0, &self.glyphs).map_err(|_| DrawingError::Font)?;
        let own = format!("{}+{}", self.tag(), self.name);
        let name = Name(own.as_bytes());
        pdf.type0_font(place)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(map);
        let mut font = pdf.cid_font(cid);
        font.subtype(CidFontType::Type2).base_font(name).system_info(IDENTITY).font_descriptor(descriptor);
        font.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
        let widths = self.glyphs.remapped_gids().map(|old| self.milli(self.font.h_advance_unscaled(GlyphId(old))));
        font.widths().consecutive(0, widths);
        font.finish();
        let (ascent, descent) = (self.milli(self.font.ascent_unscaled()), self.milli(self.font.descent_unscaled()));
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(-600.0, descent, 2100.0, ascent))
            .italic_angle(0.0)
            .ascent(ascent)
            .descent(descent)
            .cap_height(716.0)
            .stem_v(80.0)
            .font_file2(file);
        let mut unicode = UnicodeCmap::<u16>::new(Name(b"Custom"), IDENTITY);
        self.texts.iter().for_each(|(code, c)| unicode.pair(*code, *c));
        pdf.cmap(map, &unicode.finish());
        let packed = squeezed(&subset)?;
        pdf.stream(file, &packed)
            .filter(Filter::FlateDecode)
            .pair(Name(b"Length1"), i32::try_from(subset.len()).map_err(|_| DrawingError::Font)?);
        Ok(())
    }

    /// Six letters that tell this part of the font from another: FNV-1a of the glyphs.
    fn tag(&self) -> String {
        let bytes = self.glyphs.remapped_gids().flat_map(u16::to_be_bytes);
        let mut hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let letter = |_| {
            let letter = char::from(b'A' + (hash % 26) as u8);
            hash /= 26;
            letter
        };
        (0..6).map(letter).collect()
    }
}

/// Bytes as a PDF has them with `FlateDecode`.
///
/// # Errors
/// None that is known: it writes to memory.
pub(crate) fn squeezed(bytes: &[u8]) -> Result<Vec<u8>, DrawingError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let failed = |error: std::io::Error| DrawingError::Figure { name: "a PDF".into(), reason: error.to_string() };
    encoder.write_all(bytes).map_err(failed)?;
    encoder.finish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::font::REGULAR;

    #[test]
    fn text_is_as_wide_as_the_layout_takes_it_to_be() {
        let mut face = Face::new("Arimo", REGULAR).unwrap();
        for text in ["false positive rate", "0.25", "tensorflow SimpleRNN", "10⁻¹⁸ ± −½"] {
            let (codes, width) = face.set(text);
            assert_eq!(codes.len(), 2 * text.chars().count());
            assert!((width - crate::font::text_width(text, false)).abs() < 0.35, "{text}: {width}");
        }
    }
}
