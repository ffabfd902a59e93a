//! The parts of a parsed template.

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    If {
        pipe: Pipe,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    With {
        pipe: Pipe,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Range {
        pipe: Pipe,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Template {
        name: String,
        pipe: Option<Pipe>,
    },
    Break,
    Continue,
}

/// `$a, $b := command | command`
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pipe {
    /// Variables that take the value.
    pub(crate) variables: Vec<String>,
    /// Whether they are set (`=`) rather than declared (`:=`).
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Vec<Operand>>,
}

/// One operand of a command, and the fields taken from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    pub(crate) term: Term,
    pub(crate) fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(String),
    Function(String),
    Pipe(Pipe),
}

/// Collects the fields of the data that nodes name; false where they do more with the data than that.
pub(crate) fn fields_of<'a>(nodes: &'a [Node], fields: &mut Vec<&'a str>) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text(_) | Node::Break | Node::Continue => true,
        Node::Action(pipe) => pipe_fields(pipe, fields),
        Node::If {
            pipe,
            then,
            otherwise,
        } => pipe_fields(pipe, fields) && fields_of(then, fields) && fields_of(otherwise, fields),
        // Within these the dot is something else.
        Node::With { .. } | Node::Range { .. } | Node::Template { .. } => false,
    })
}

fn pipe_fields<'a>(pipe: &'a Pipe, fields: &mut Vec<&'a str>) -> bool {
    pipe.commands.iter().flatten().all(|operand| match &operand.term {
        Term::Dot => match operand.fields.first() {
            Some(field) => {
                fields.push(field);
                true
            }
            None => false,
        },
        Term::Variable(name) => !name.is_empty(),
        Term::Pipe(pipe) => pipe_fields(pipe, fields),
        _ => true,
    })
}
