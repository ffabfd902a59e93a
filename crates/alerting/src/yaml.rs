//! YAML as a tree that knows the line of every node, so that all faults of a file can be named at once.

use std::collections::HashMap;
use std::rc::Rc;

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
        bytes_left: limits::YAML_BYTES_MAX,
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
    anchors: HashMap<usize, (Rc<Node>, Size)>,
    nodes_left: usize,
    bytes_left: usize,
}

/// What a node takes with all that lies in it.
#[derive(Debug, Clone, Copy)]
struct Size {
    nodes: usize,
    /// Of its texts.
    bytes: usize,
    /// How deep others lie in it: 0 for a text.
    depth: usize,
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

    /// The text of a key, whether it stands in quotes or not; nothing where it is no text.
    fn as_key(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    fn size(&self) -> Size {
        match &self.value {
            NodeValue::Scalar { text, .. } => Size {
                nodes: 1,
                bytes: text.len(),
                depth: 0,
            },
            NodeValue::Sequence(items) => Size::around(items.iter()),
            NodeValue::Mapping(pairs) => Size::around(pairs.iter().flat_map(|(key, value)| [key, value])),
        }
    }
}

impl Size {
    fn around<'n>(nodes: impl Iterator<Item = &'n Node>) -> Self {
        nodes.map(Node::size).fold(
            Self {
                nodes: 1,
                bytes: 0,
                depth: 0,
            },
            |all, one| Self {
                nodes: all.nodes + one.nodes,
                bytes: all.bytes + one.bytes,
                depth: all.depth.max(one.depth + 1),
            },
        )
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
        self.spend(1, 0, span)?;
        check_depth(depth, span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                self.spend(0, text.len(), span)?;
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                (NodeValue::Scalar { text, plain }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (NodeValue::Sequence(self.sequence(depth)?), anchor),
            Event::MappingStart(_, anchor, _) => (NodeValue::Mapping(self.mapping(depth)?), anchor),
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            other => return Err(fault(span, format!("unexpected {other:?}"))),
        };
        let node = Node {
            value,
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        if anchor != 0 {
            // The anchor's own copy is paid for too: anchors within anchors are copied for each of them.
            let size = node.size();
            self.spend(size.nodes, size.bytes, span)?;
            self.anchors.insert(anchor, (Rc::new(node.clone()), size));
        }
        Ok(node)
    }

    /// What an alias stands for, paid for before it is copied.
    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Node, YamlError> {
        let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
            return Err(fault(
                span,
                "an alias of something that is not finished".to_owned(),
            ));
        };
        check_depth(depth + size.depth, span)?;
        self.spend(size.nodes, size.bytes, span)?;
        Ok(Node::clone(&node))
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
        let mut entries = Entries::default();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, span, depth + 1)?;
            if key.text() == Some("<<") {
                entries.merge(value);
                continue;
            }
            entries.push(key, value)?;
        }
        Ok(entries.pairs)
    }

    fn spend(&mut self, nodes: usize, bytes: usize, span: Span) -> Result<(), YamlError> {
        let (most_nodes, most_bytes) = (limits::YAML_NODES_MAX, limits::YAML_BYTES_MAX);
        self.nodes_left = self.nodes_left.checked_sub(nodes).ok_or_else(|| {
            fault(
                span,
                format!("more than {most_nodes} nodes, those of aliases counted"),
            )
        })?;
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            fault(
                span,
                format!("more than {most_bytes} bytes of text, those of aliases counted"),
            )
        })?;
        Ok(())
    }
}

/// The entries of a mapping, with the places of its keys at hand.
#[derive(Default)]
struct Entries {
    pairs: Vec<(Node, Node)>,
    places: HashMap<String, Place>,
}

/// Where the entry of a key stands, and whether it came from a merge.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    is_merged: bool,
}

impl Entries {
    /// Adds an entry of the mapping's own. It stands in the place of one that was merged.
    fn push(&mut self, key: Node, value: Node) -> Result<(), YamlError> {
        let Some(name) = key.as_key() else {
            let message = format!("expected a text as key, found {}; write a text", key.shape());
            return Err(fault_at(&key, message));
        };
        let place = Place {
            index: self.pairs.len(),
            is_merged: false,
        };
        let Some(known) = self.places.insert(name.to_owned(), place) else {
            self.pairs.push((key, value));
            return Ok(());
        };
        let before = self.pairs.get_mut(known.index);
        if !known.is_merged {
            let first = before.map_or(0, |(key, _)| key.line);
            let message = format!("key {name:?} is given twice, first in line {first}; remove one");
            return Err(fault_at(&key, message));
        }
        self.places.insert(
            name.to_owned(),
            Place {
                is_merged: false,
                ..known
            },
        );
        if let Some(before) = before {
            *before = (key, value);
        }
        Ok(())
    }

    /// A merge key adds what is not there yet, one mapping or a list of them: <https://yaml.org/type/merge.html>.
    fn merge(&mut self, value: Node) {
        match value.value {
            NodeValue::Mapping(others) => {
                for (key, value) in others {
                    let Some(name) = key.as_key().filter(|name| !self.places.contains_key(*name)) else {
                        continue;
                    };
                    let place = Place {
                        index: self.pairs.len(),
                        is_merged: true,
                    };
                    self.places.insert(name.to_owned(), place);
                    self.pairs.push((key, value));
                }
            }
            NodeValue::Sequence(items) => items.into_iter().for_each(|item| self.merge(item)),
            NodeValue::Scalar { .. } => {}
        }
    }
}

fn check_depth(depth: usize, span: Span) -> Result<(), YamlError> {
    if depth > limits::YAML_DEPTH_MAX {
        return Err(fault(
            span,
            format!("nested deeper than {}", limits::YAML_DEPTH_MAX),
        ));
    }
    Ok(())
}

fn fault_at(node: &Node, message: String) -> YamlError {
    YamlError {
        line: node.line,
        column: node.column,
        message,
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
    fn aliases_pay_for_their_bytes_and_their_depth() {
        let refused = |text: &str| parse(text).unwrap_err().message;
        let long = "x".repeat(64 << 10);
        let text = format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 300].join(","));
        assert!(refused(&text).contains("bytes of text"), "{}", refused(&text));
        let anchors = (0..60).fold(long.repeat(6), |inner, level| format!("&a{level} [{inner}]"));
        assert!(refused(&anchors).contains("bytes of text"));
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..70 {
            text = [text, format!("a{level}: &a{level} [*a{}]\n", level - 1)].concat();
        }
        assert_eq!(refused(&text), "nested deeper than 64");
    }

    #[test]
    fn mappings_of_many_keys_are_read_and_merged() {
        let entries: Vec<String> = (0..100_000).map(|key| format!("  k{key}: v\n")).collect();
        let entries = entries.concat();
        let text = format!("a: &a\n{entries}b:\n  <<: *a\n  c: d\n");
        let node = parse(&text).unwrap().unwrap();
        assert_eq!(node.size().nodes, 1 + 2 + 2 * 200_001 + 2);
        let doubled = format!("{entries}  k7: v\n");
        assert_eq!(parse(&doubled).unwrap_err().line, 100_001);
        assert!(parse("{[a]: b}").unwrap_err().message.contains("found a list"));
    }

    #[test]
    fn what_a_mapping_says_itself_stands_before_what_is_merged() {
        let read = |text: &str| {
            let node = parse(text).unwrap().unwrap();
            let NodeValue::Mapping(pairs) = node.value else {
                panic!("{text}")
            };
            let NodeValue::Mapping(last) = pairs.into_iter().last().unwrap().1.value else {
                panic!("{text}")
            };
            let text = |node: Node| node.text().unwrap_or_default().to_owned();
            let pairs = last
                .into_iter()
                .map(|(key, value)| format!("{}={}", text(key), text(value)));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let bases = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\n";
        let of = |mapping: &str| read(&format!("{bases}z: {{{mapping}}}\n"));
        assert_eq!(of("<<: *x, a: 9"), "a=9 b=2");
        assert_eq!(of("a: 9, <<: *x"), "a=9 b=2");
        assert_eq!(of("<<: [*x, *y], \"b\": 9"), "a=1 b=9 c=4");
        let doubled = parse(&format!("{bases}z:\n  <<: *x\n  a: 1\n  \"a\": 2\n"));
        assert_eq!(doubled.unwrap_err().line, 6);
    }

    #[test]
    fn doubled_keys_and_broken_text_name_their_line() {
        assert_eq!(parse("a: 1\na: 2\n").unwrap_err().line, 2);
        assert_eq!(parse("a: [1\nb: 2\n").unwrap_err().line, 2);
        assert_eq!(parse("# nothing\n").unwrap(), None);
    }
}
