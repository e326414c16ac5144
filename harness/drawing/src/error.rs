use std::path::PathBuf;

/// A figure that can't be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum DrawingError {
    /// The embedded font is broken.
    #[error("the embedded font can't be read")]
    Font,
    /// A shape can't be rendered, or a picture not be encoded.
    #[error("figure {name}: {reason}")]
    Figure {
        /// The figure's name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
