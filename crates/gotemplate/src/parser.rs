//! Builds the tree of a template from its pieces.

use std::collections::BTreeMap;

use crate::ast::{Node, Operand, Pipe, Term};
use crate::lexer::{Kind, Piece, Token, split};
use crate::limits;
use crate::{Signature, TemplateError, builtins};

/// Named templates by name.
pub(crate) type Defined = BTreeMap<String, Vec<Node>>;

/// Reads a template and those it defines.
pub(crate) fn parse(
    text: &str,
    functions: &'static [Signature],
) -> Result<(Vec<Node>, Defined), TemplateError> {
    let mut parser = Parser {
        pieces: split(text)?.into_iter(),
        defined: Defined::new(),
        functions,
        // `$` is the data the template is given.
        variables: vec![String::new()],
        loops: 0,
        depth: 0,
        chained: 0,
    };
    let (body, end) = parser.list()?;
    match end {
        End::Text => Ok((body, parser.defined)),
        End::Closed => Err(fault("unexpected {{end}}")),
        End::Else(_) => Err(fault("unexpected {{else}}")),
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    defined: Defined,
    functions: &'static [Signature],
    variables: Vec<String>,
    loops: usize,
    depth: usize,
    /// How many `{{else if}}` lead to where the parser is.
    chained: usize,
}

/// What ended a list of nodes.
enum End {
    Text,
    Closed,
    /// What stands behind `else`.
    Else(Vec<Token>),
}

impl Parser {
    fn list(&mut self) -> Result<(Vec<Node>, End), TemplateError> {
        self.depth += 1;
        if self.depth > limits::DEPTH_MAX {
            return Err(fault("nested too deeply"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let word = match tokens.first().map(|token| &token.kind) {
                Some(Kind::Word(word)) => word.clone(),
                _ => String::new(),
            };
            let rest = || tokens.get(1..).unwrap_or_default().to_vec();
            match word.as_str() {
                "end" => {
                    self.depth -= 1;
                    return Ok((nodes, End::Closed));
                }
                "else" => {
                    self.depth -= 1;
                    return Ok((nodes, End::Else(rest())));
                }
                "if" | "with" | "range" => nodes.push(self.control(&word, rest())?),
                "define" => self.define(&rest())?,
                "block" => nodes.push(self.block(&rest())?),
                "template" => nodes.push(self.template(&rest())?),
                "break" | "continue" if self.loops == 0 => {
                    return Err(fault(&format!("{{{{{word}}}}} outside {{{{range}}}}")));
                }
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                _ => nodes.push(Node::Action(self.pipe(&tokens, 0)?)),
            }
        }
        self.depth -= 1;
        Ok((nodes, End::Text))
    }

    fn control(&mut self, word: &str, tokens: Vec<Token>) -> Result<Node, TemplateError> {
        let scope = self.variables.len();
        let pipe = self.pipe(&tokens, if word == "range" { 2 } else { 1 })?;
        self.loops += usize::from(word == "range");
        let (then, end) = self.list()?;
        self.loops -= usize::from(word == "range");
        let otherwise = match end {
            End::Text => return Err(fault("unexpected EOF: {{end}} is missing")),
            End::Closed => Vec::new(),
            End::Else(tokens) => self.otherwise(word, tokens)?,
        };
        self.variables.truncate(scope);
        Ok(match word {
            "if" => Node::If {
                pipe,
                then,
                otherwise,
            },
            "with" => Node::With {
                pipe,
                then,
                otherwise,
            },
            _ => Node::Range {
                pipe,
                body: then,
                otherwise,
            },
        })
    }

    fn otherwise(&mut self, word: &str, mut tokens: Vec<Token>) -> Result<Vec<Node>, TemplateError> {
        let chained =
            matches!(tokens.first().map(|token| &token.kind), Some(Kind::Word(next)) if next == word);
        if chained && word != "range" {
            tokens.remove(0);
            self.chained += 1;
            if self.chained > limits::CHAINED_MAX {
                return Err(fault("too many {{else if}} or {{else with}} in a row"));
            }
            let next = self.control(word, tokens)?;
            self.chained -= 1;
            return Ok(vec![next]);
        }
        if !tokens.is_empty() {
            return Err(fault("unexpected text in {{else}}"));
        }
        let (nodes, end) = self.list()?;
        match end {
            End::Closed => Ok(nodes),
            _ => Err(fault("expected {{end}} after {{else}}")),
        }
    }

    fn define(&mut self, tokens: &[Token]) -> Result<(), TemplateError> {
        let [
            Token {
                kind: Kind::Text(name),
                ..
            },
        ] = tokens
        else {
            return Err(fault("{{define}} needs one quoted name"));
        };
        let outer = std::mem::replace(&mut self.variables, vec![String::new()]);
        let (body, end) = self.list()?;
        self.variables = outer;
        if !matches!(end, End::Closed) {
            return Err(fault("unexpected EOF: {{end}} of {{define}} is missing"));
        }
        self.defined.insert(name.clone(), body);
        Ok(())
    }

    fn block(&mut self, tokens: &[Token]) -> Result<Node, TemplateError> {
        let call = self.template(tokens)?;
        self.define(tokens.get(..1).unwrap_or_default())?;
        Ok(call)
    }

    fn template(&mut self, tokens: &[Token]) -> Result<Node, TemplateError> {
        let Some((
            Token {
                kind: Kind::Text(name),
                ..
            },
            rest,
        )) = tokens.split_first()
        else {
            return Err(fault("{{template}} needs a quoted name"));
        };
        let pipe = if rest.is_empty() {
            None
        } else {
            Some(self.pipe(rest, 0)?)
        };
        Ok(Node::Template {
            name: name.clone(),
            pipe,
        })
    }

    /// Reads a pipeline that takes all `tokens`. `declares_max` above 1 allows `$key, $value :=`.
    fn pipe(&mut self, tokens: &[Token], declares_max: usize) -> Result<Pipe, TemplateError> {
        let mut at = 0;
        let pipe = self.pipe_until(tokens, &mut at, declares_max)?;
        match tokens.get(at) {
            None => Ok(pipe),
            Some(_) => Err(fault("unexpected \")\"")),
        }
    }

    fn pipe_until(
        &mut self,
        tokens: &[Token],
        at: &mut usize,
        declares_max: usize,
    ) -> Result<Pipe, TemplateError> {
        self.depth += 1;
        if self.depth > limits::DEPTH_MAX {
            return Err(fault("nested too deeply"));
        }
        let mut pipe = self.declaration(tokens, at, declares_max)?;
        let mut command = Vec::new();
        loop {
            match tokens.get(*at).map(|token| &token.kind) {
                None | Some(Kind::Sign(")")) => break,
                Some(Kind::Sign("|")) => {
                    *at += 1;
                    if command.is_empty() {
                        return Err(fault("missing value for command"));
                    }
                    pipe.commands.push(std::mem::take(&mut command));
                }
                Some(_) => command.push(self.operand(tokens, at)?),
            }
        }
        if command.is_empty() {
            return Err(fault("missing value for command"));
        }
        pipe.commands.push(command);
        for later in pipe.commands.iter().skip(1) {
            let callable = later.first().is_some_and(|first| {
                matches!(first.term, Term::Function(_) | Term::Pipe(_)) || !first.fields.is_empty()
            });
            if !callable {
                return Err(fault("non executable command in pipeline"));
            }
        }
        if !pipe.assigns {
            self.variables.extend(pipe.variables.iter().cloned());
        }
        self.depth -= 1;
        Ok(pipe)
    }

    fn declaration(
        &self,
        tokens: &[Token],
        at: &mut usize,
        declares_max: usize,
    ) -> Result<Pipe, TemplateError> {
        let mut pipe = Pipe::default();
        let kind = |index: usize| tokens.get(index).map(|token| &token.kind);
        let Some(Kind::Variable(first)) = kind(*at) else {
            return Ok(pipe);
        };
        let (names, sign_at) = match (kind(*at + 1), kind(*at + 2)) {
            (Some(Kind::Sign(",")), Some(Kind::Variable(second))) if declares_max > 1 => {
                (vec![first.clone(), second.clone()], *at + 3)
            }
            _ => (vec![first.clone()], *at + 1),
        };
        pipe.assigns = match kind(sign_at) {
            Some(Kind::Sign(":=")) => false,
            Some(Kind::Sign("=")) => true,
            Some(Kind::Sign(",")) => return Err(fault("too many declarations in command")),
            _ => return Ok(pipe),
        };
        if pipe.assigns {
            names.iter().try_for_each(|name| self.known(name))?;
        }
        *at = sign_at + 1;
        pipe.variables = names;
        Ok(pipe)
    }

    fn operand(&mut self, tokens: &[Token], at: &mut usize) -> Result<Operand, TemplateError> {
        let Some(token) = tokens.get(*at) else {
            return Err(fault("missing value for command"));
        };
        *at += 1;
        let mut fields = Vec::new();
        let term = match &token.kind {
            Kind::Dot => Term::Dot,
            Kind::Text(text) => Term::Text(text.clone()),
            Kind::Int(int) => Term::Int(*int),
            Kind::Float(float) => Term::Float(*float),
            Kind::Field(name) => {
                fields.push(name.clone());
                Term::Dot
            }
            Kind::Variable(name) => {
                self.known(name)?;
                Term::Variable(name.clone())
            }
            Kind::Word(word) => self.word_term(word)?,
            Kind::Sign("(") => {
                let pipe = self.pipe_until(tokens, at, 0)?;
                if tokens.get(*at).map(|token| &token.kind) != Some(&Kind::Sign(")")) {
                    return Err(fault("unclosed left paren"));
                }
                *at += 1;
                Term::Pipe(pipe)
            }
            Kind::Sign(sign) => return Err(fault(&format!("unexpected {sign:?} in operand"))),
        };
        while let Some(Token {
            kind: Kind::Field(name),
            glued: true,
        }) = tokens.get(*at)
        {
            fields.push(name.clone());
            *at += 1;
        }
        Ok(Operand { term, fields })
    }

    fn word_term(&self, word: &str) -> Result<Term, TemplateError> {
        let is_function =
            || builtins::exists(word) || self.functions.iter().any(|(known, ..)| *known == word);
        match word {
            "true" => Ok(Term::Bool(true)),
            "false" => Ok(Term::Bool(false)),
            "nil" => Ok(Term::Nil),
            _ if is_function() => Ok(Term::Function(word.to_owned())),
            _ => Err(fault(&format!("function {word:?} not defined"))),
        }
    }

    fn known(&self, name: &str) -> Result<(), TemplateError> {
        if self.variables.iter().any(|known| known == name) {
            Ok(())
        } else {
            Err(fault(&format!("undefined variable \"${name}\"")))
        }
    }
}

fn fault(message: &str) -> TemplateError {
    TemplateError(message.to_owned())
}
