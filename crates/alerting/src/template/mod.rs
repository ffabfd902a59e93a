//! Templates of labels and annotations: Go's text/template, as far as rule files use it, with Prometheus' functions.
//!
//! In: the text of a template; labels, value and a way to ask queries.  Out: the expanded text, or what is wrong.
//! Owns: nothing.
//! Invariants: no text breaks the parser and every expansion ends within its limits (`tests::properties`).
//! Not here: Go's language and its own functions (`gotemplate`); what to do with a template that fails (`rules::evaluate`
//! puts the error into the annotation).
//! Start at: [`Template::expand`].

mod functions;
mod host;

use std::fmt;

use gotemplate::TemplateError;
use model::Labels;

use crate::template::host::Expansion;

/// A parsed template.
#[derive(Clone, PartialEq)]
pub struct Template(gotemplate::Template);

/// What a template may use.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// `$labels`
    pub labels: &'a Labels,
    /// `$value`
    pub value: f64,
    /// `$externalLabels`
    pub external_labels: &'a Labels,
    /// `$externalURL`
    pub external_url: &'a str,
    /// `query`: answers PromQL at the moment of the evaluation.
    pub query: &'a dyn Query,
    /// The moment of the evaluation, milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// Answers the queries of a template.
pub trait Query: fmt::Debug {
    /// The samples of an instant query.
    fn query(&self, text: &str) -> Result<Vec<(Labels, f64)>, String>;
}

/// What every template of a rule starts with (prometheus/rules `alerting.go`).
const PREAMBLE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}\
                        {{$value := .Value}}";

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        gotemplate::Template::parse_after(PREAMBLE, text, functions::signatures()).map(Self)
    }

    /// The template as written.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Expands the template.
    pub fn expand(&self, context: &Context<'_>) -> Result<String, TemplateError> {
        let mut out = String::new();
        self.0.expand(&mut Expansion::new(context), &mut out)?;
        Ok(out)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests;
