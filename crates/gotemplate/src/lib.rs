//! Go's text/template: a reader and a walk over what it read, for every language of this house that is written in it.
//!
//! In: the text of a template, and a [`Host`] with data and functions.  Out: the expanded text, or what is wrong.
//! Owns: nothing.
//! Invariants: no text breaks the parser and every expansion ends within its limits (`tests::any_text_ends`); what is no
//! function is refused when a template is read (`tests::faults_are_found_when_a_template_is_read`).
//! Not here: functions that only one language has; they are its host's.
//! Start at: [`Template::parse`] and [`Template::expand`].

mod ast;
mod builtins;
mod exec;
mod format;
mod lexer;
pub mod limits;
mod parser;
mod room;
mod text;
mod value;

use std::collections::BTreeMap;
use std::fmt;

pub use builtins::text_argument;
pub use format::{go_float, significant};
pub use room::Room;
pub use text::{escape_html, query_escape, unquote};
pub use value::Value;

/// A parsed template.
#[derive(Clone)]
pub struct Template {
    text: String,
    body: Vec<ast::Node>,
    defined: BTreeMap<String, Vec<ast::Node>>,
    functions: &'static [Signature],
}

/// What is wrong with a template, or went wrong while it was expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

/// A function of a host: its name, and how many arguments it takes at least and at most.
pub type Signature = (&'static str, usize, usize);

/// What a template works with.
pub trait Host {
    /// A field of the data that the template is given; nothing where the data can have no such field.
    fn field(&self, name: &str) -> Option<Value>;

    /// All of the data, for templates that do more than name its fields.
    fn data(&self) -> Value;

    /// Calls one of the host's functions; the number of arguments is right. A function that can make much of little asks whether there
    /// is `room` for it before it makes it; what was made is counted for it.
    fn call(&mut self, name: &str, arguments: &[Value], room: Room) -> Result<Value, String>;

    /// Bytes that one expansion may produce.
    fn output_bytes_max(&self) -> usize {
        limits::OUTPUT_BYTES_MAX
    }
}

impl Template {
    /// Reads a template for hosts that have these functions.
    pub fn parse(text: &str, functions: &'static [Signature]) -> Result<Self, TemplateError> {
        Self::parse_after("", text, functions)
    }

    /// Reads a template behind a preamble of the host's, which declares variables and prints nothing. It is no part of the
    /// template's text.
    pub fn parse_after(
        preamble: &str,
        text: &str,
        functions: &'static [Signature],
    ) -> Result<Self, TemplateError> {
        if text.len() > limits::BYTES_MAX {
            return Err(TemplateError(format!(
                "the template has {} bytes, the limit is {}",
                text.len(),
                limits::BYTES_MAX
            )));
        }
        // Without an action nothing can name a variable.
        let (body, defined) = if preamble.is_empty() || !text.contains("{{") {
            parser::parse(text, functions)?
        } else {
            parser::parse(&format!("{preamble}{text}"), functions)?
        };
        Ok(Self {
            text: text.to_owned(),
            body,
            defined,
            functions,
        })
    }

    /// The template as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Expands the template behind what `out` holds; where it fails `out` has what came before.
    pub fn expand(&self, host: &mut dyn Host, out: &mut String) -> Result<(), TemplateError> {
        exec::run(self, host, out)
    }

    /// The fields of the data that the template names. `None` where it does more with the data than that.
    pub fn fields(&self) -> Option<Vec<&str>> {
        let mut fields = Vec::new();
        let bodies = std::iter::once(&self.body).chain(self.defined.values());
        let is_plain = bodies.into_iter().all(|body| ast::fields_of(body, &mut fields));
        is_plain.then_some(fields)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests;
