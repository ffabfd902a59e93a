//! YAML as a tree that knows the line of every node, so that all faults of a file can be named at once.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::limits;

/// A node and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    /// From 1.
    pub(crate) line: usize,
    /// From 1.
    pub(crate) column: usize,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeValue {
    /// Text as written; `plain` where it stands without quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in order.
    Mapping(Vec<(Node, Node)>),
}

/// Text that is not YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) message: String,
}

/// Reads the first document of `text`; `None` where there is nothing but blanks and comments.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, YamlError> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes_left: limits::YAML_NODES_MAX,
    };
    loop {
        match builder.next()? {
            Some((Event::StreamEnd, _)) | None => return Ok(None),
            Some((Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _)) => {}
            Some((event, span)) => return builder.node(event, span, 0).map(Some),
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes_left: usize,
}

impl Node {
    /// The text of a scalar that is not null.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether it is an absent or null value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, NodeValue::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The word for its shape, for messages.
    pub(crate) fn shape(&self) -> &'static str {
        match &self.value {
            NodeValue::Scalar { .. } if self.is_null() => "nothing",
            NodeValue::Scalar { .. } => "a text",
            NodeValue::Sequence(_) => "a list",
            NodeValue::Mapping(_) => "a mapping",
        }
    }

    fn count(&self) -> usize {
        match &self.value {
            NodeValue::Scalar { .. } => 1,
            NodeValue::Sequence(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            NodeValue::Mapping(pairs) => 1 + pairs.iter().map(|(k, v)| k.count() + v.count()).sum::<usize>(),
        }
    }
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        loop {
            let next = self.parser.next().transpose().map_err(|error| YamlError {
                line: error.marker().line(),
                column: error.marker().col() + 1,
                message: error.info(),
            })?;
            if !matches!(next, Some((Event::Comment(..), _))) {
                return Ok(next);
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        self.spend(1, span)?;
        if depth > limits::YAML_DEPTH_MAX {
            return Err(fault(
                span,
                format!("nested deeper than {}", limits::YAML_DEPTH_MAX),
            ));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                (NodeValue::Scalar { text, plain }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (NodeValue::Sequence(self.sequence(depth)?), anchor),
            Event::MappingStart(_, anchor, _) => (NodeValue::Mapping(self.mapping(depth)?), anchor),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node =
                    node.ok_or_else(|| fault(span, "an alias of something that is not finished".to_owned()))?;
                self.spend(node.count(), span)?;
                return Ok(node);
            }
            other => return Err(fault(span, format!("unexpected {other:?}"))),
        };
        let node = Node {
            value,
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, YamlError> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(items)
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, YamlError> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, span, depth + 1)?;
            if key.text() == Some("<<") {
                merge(&mut pairs, value);
                continue;
            }
            if let Some((first, _)) = pairs.iter().find(|(known, _)| known.value == key.value) {
                let name = key.text().unwrap_or_default();
                return Err(YamlError {
                    line: key.line,
                    column: key.column,
                    message: format!(
                        "key {name:?} is given twice, first in line {}; remove one",
                        first.line
                    ),
                });
            }
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), YamlError> {
        self.nodes_left = self
            .nodes_left
            .checked_sub(nodes)
            .ok_or_else(|| fault(span, format!("more than {} nodes", limits::YAML_NODES_MAX)))?;
        Ok(())
    }
}

/// A merge key adds what is not there yet (YAML merge type, one mapping or a list of them).
fn merge(pairs: &mut Vec<(Node, Node)>, value: Node) {
    match value.value {
        NodeValue::Mapping(others) => {
            for (key, value) in others {
                if !pairs.iter().any(|(known, _)| known.value == key.value) {
                    pairs.push((key, value));
                }
            }
        }
        NodeValue::Sequence(items) => items.into_iter().for_each(|item| merge(pairs, item)),
        NodeValue::Scalar { .. } => {}
    }
}

fn fault(span: Span, message: String) -> YamlError {
    YamlError {
        line: span.start.line(),
        column: span.start.col() + 1,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_text_and_their_line() {
        let node = parse("a: 1\nb:\n  - \"2\"\n  - 3.10\n").unwrap().unwrap();
        let NodeValue::Mapping(pairs) = &node.value else {
            panic!("{node:?}")
        };
        let NodeValue::Sequence(items) = &pairs[1].1.value else {
            panic!("{node:?}")
        };
        assert_eq!(items[1].text(), Some("3.10"));
        assert_eq!((items[1].line, items[1].column), (4, 5));
    }

    #[test]
    fn aliases_cannot_be_used_to_blow_up_memory() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let last = level - 1;
            let items = vec![format!("*a{last}"); 10].join(",");
            text = [text, format!("a{level}: &a{level} [{items}]\n")].concat();
        }
        assert!(parse(&text).unwrap_err().message.contains("nodes"));
    }

    #[test]
    fn doubled_keys_and_broken_text_name_their_line() {
        assert_eq!(parse("a: 1\na: 2\n").unwrap_err().line, 2);
        assert_eq!(parse("a: [1\nb: 2\n").unwrap_err().line, 2);
        assert_eq!(parse("# nothing\n").unwrap(), None);
    }
}
