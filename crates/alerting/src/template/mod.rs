//! Templates of labels and annotations: Go's text/template, as far as rule files use it, with Prometheus' functions.
//!
//! In: the text of a template; labels, value and a way to ask queries.  Out: the expanded text, or what is wrong.
//! Owns: nothing.
//! Invariants: no text breaks the parser and every expansion ends within its limits (`tests::properties`).
//! Not here: what to do with a template that fails (`rules::evaluate` puts the error into the annotation).
//! Start at: [`Template::expand`].

mod ast;
mod exec;
mod format;
mod functions;
mod lexer;
mod parser;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use model::Labels;

use crate::limits;

pub use value::Value;

/// A parsed template.
#[derive(Clone, PartialEq)]
pub struct Template {
    text: String,
    body: Vec<ast::Node>,
    defined: BTreeMap<String, Vec<ast::Node>>,
}

/// What is wrong with a template, or went wrong while it was expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

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
        if text.len() > limits::TEMPLATE_BYTES_MAX {
            return Err(TemplateError(format!(
                "the template has {} bytes, the limit is {}",
                text.len(),
                limits::TEMPLATE_BYTES_MAX
            )));
        }
        let (body, defined) = if text.contains("{{") {
            parser::parse(&format!("{PREAMBLE}{text}"))?
        } else {
            (vec![ast::Node::Text(text.to_owned())], BTreeMap::new())
        };
        Ok(Self {
            text: text.to_owned(),
            body,
            defined,
        })
    }

    /// The template as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Expands the template.
    pub fn expand(&self, context: &Context<'_>) -> Result<String, TemplateError> {
        exec::run(&self.body, &self.defined, context)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests;
