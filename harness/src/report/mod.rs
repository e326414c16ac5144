//! Tables and figures, each a pure function of records.
