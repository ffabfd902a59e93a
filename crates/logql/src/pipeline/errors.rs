//! What `__error__` may say.

/// A line is not JSON.
pub(super) const JSON: &str = "JSONParserErr";
/// A line is not logfmt, and strictness was asked for.
pub(super) const LOGFMT: &str = "LogfmtParserErr";
/// A label cannot be read as what it is compared with.
pub(super) const LABEL_FILTER: &str = "LabelFilterErr";
/// A label cannot be read as a number.
pub(super) const SAMPLE: &str = "SampleExtractionErr";
/// A template failed.
pub(super) const TEMPLATE: &str = "TemplateFormatErr";
