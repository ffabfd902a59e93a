//! Walks a parsed template and writes what it says.

use std::fmt;

use crate::ast::{Node, Operand, Pipe, Term};
use crate::limits;
use crate::parser::Defined;
use crate::value::Value;
use crate::{Host, Room, Template, TemplateError, builtins};

/// Expands a template.
pub(crate) fn run(template: &Template, host: &mut dyn Host, out: &mut String) -> Result<(), TemplateError> {
    let output_bytes_max = host.output_bytes_max();
    let mut run = Run {
        template,
        defined: &template.defined,
        start: out.len(),
        output_bytes_max,
        host,
        out,
        variables: vec![(String::new(), Value::Data)],
        steps: 0,
        room: Room::new(output_bytes_max.saturating_mul(limits::MADE_FACTOR)),
        depth: 0,
    };
    run.list(&template.body, &Value::Data)?;
    Ok(())
}

struct Run<'a> {
    template: &'a Template,
    defined: &'a Defined,
    host: &'a mut dyn Host,
    /// Where the expansion begins.
    start: usize,
    output_bytes_max: usize,
    out: &'a mut String,
    variables: Vec<(String, Value)>,
    steps: usize,
    /// How much functions may still make.
    room: Room,
    depth: usize,
}

/// Whether a loop goes on.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Run<'_> {
    /// Writes to the expansion, within its limit.
    fn write(&mut self, text: &str) -> Result<(), TemplateError> {
        if self.out.len() - self.start + text.len() > self.output_bytes_max {
            return Err(self.too_long());
        }
        self.out.push_str(text);
        Ok(())
    }

    /// Writes a value piece by piece: one that prints as more than there is room for is not printed to its end.
    fn print(&mut self, value: &Value) -> Result<(), TemplateError> {
        fmt::write(self, format_args!("{value}")).map_err(|fmt::Error| self.too_long())
    }

    fn too_long(&self) -> TemplateError {
        fault(format!("the text exceeds {} bytes", self.output_bytes_max))
    }

    fn spend(&mut self) -> Result<(), TemplateError> {
        self.steps += 1;
        if self.steps > limits::STEPS_MAX {
            return Err(fault(format!("more than {} steps", limits::STEPS_MAX)));
        }
        Ok(())
    }

    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        for node in nodes {
            self.spend()?;
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, TemplateError> {
        let scope = self.variables.len();
        let flow = match node {
            Node::Text(text) => {
                self.write(text)?;
                Flow::On
            }
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.print(&value)?;
                }
                // Variables of an action live on to the end of the block around it.
                return Ok(Flow::On);
            }
            Node::If {
                pipe,
                then,
                otherwise,
            } => {
                let branch = if self.pipe(pipe, dot)?.is_true() {
                    then
                } else {
                    otherwise
                };
                self.list(branch, dot)?
            }
            Node::With {
                pipe,
                then,
                otherwise,
            } => {
                let value = self.pipe(pipe, dot)?;
                if value.is_true() {
                    self.list(then, &value)?
                } else {
                    self.list(otherwise, dot)?
                }
            }
            Node::Range {
                pipe,
                body,
                otherwise,
            } => self.range(pipe, body, otherwise, dot)?,
            Node::Template { name, pipe } => {
                self.call(name, pipe.as_ref(), dot)?;
                Flow::On
            }
            Node::Break => Flow::Break,
            Node::Continue => Flow::Continue,
        };
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn range(
        &mut self,
        pipe: &Pipe,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow, TemplateError> {
        let scope = self.variables.len();
        let ranged = self.pipe_value(pipe, dot)?;
        // One by one: most of them may never get a turn.
        let mut items = items(&ranged)?.peekable();
        if items.peek().is_none() {
            return self.list(otherwise, dot);
        }
        for (key, item) in items {
            self.spend()?;
            match pipe.variables.as_slice() {
                [] => {}
                [only] => self.bind(only, item.clone(), pipe.assigns),
                [first, second, ..] => {
                    self.bind(first, key, pipe.assigns);
                    self.bind(second, item.clone(), pipe.assigns);
                }
            }
            let flow = self.list(body, &item)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn call(&mut self, name: &str, pipe: Option<&Pipe>, dot: &Value) -> Result<(), TemplateError> {
        let defined = self.defined;
        let body = defined
            .get(name)
            .ok_or_else(|| fault(format!("template {name:?} not defined")))?;
        let data = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::Nil,
        };
        self.depth += 1;
        if self.depth > limits::DEPTH_MAX {
            return Err(fault(format!(
                "exceeded maximum template depth ({})",
                limits::DEPTH_MAX
            )));
        }
        let outer = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        self.list(body, &data)?;
        self.variables = outer;
        self.depth -= 1;
        Ok(())
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, TemplateError> {
        let value = self.pipe_value(pipe, dot)?;
        for name in &pipe.variables {
            self.bind(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn bind(&mut self, name: &str, value: Value, assigns: bool) {
        let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        match known {
            Some((_, place)) if assigns => *place = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipe_value(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, TemplateError> {
        let mut last: Option<Value> = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        self.spend()?;
        let Some((first, rest)) = operands.split_first() else {
            return Err(fault("missing value for command".to_owned()));
        };
        let Term::Function(name) = &first.term else {
            if !rest.is_empty() || last.is_some() {
                return Err(fault("can't give argument to non-function".to_owned()));
            }
            return self.operand(first, dot);
        };
        // `and` and `or` look at an argument only when those before have not decided.
        if matches!(name.as_str(), "and" | "or") {
            return self.and_or(name == "and", rest, dot, last);
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(last);
        let value = self
            .function(name, &arguments)
            .map_err(|error| fault(format!("error calling {name}: {error}")))?;
        fields(value, &first.fields)
    }

    fn function(&mut self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let value = self.called(name, arguments)?;
        match &value {
            Value::Text(text) => self.room.take(text.len())?,
            Value::List(items) => self.room.take_values(items.len())?,
            _ => {}
        }
        Ok(value)
    }

    fn called(&mut self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let functions = self.template.functions;
        // A host may have its own of a name.
        if let Some((name, least, most)) = functions.iter().find(|(known, ..)| *known == name) {
            builtins::check_count(name, *least, *most, arguments.len())?;
            return self.host.call(name, arguments, self.room);
        }
        builtins::call(name, arguments, self.room)
            .unwrap_or_else(|| Err(format!("function {name:?} not defined")))
    }

    fn and_or(
        &mut self,
        is_and: bool,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let mut value = Value::Nil;
        for operand in operands {
            value = self.operand(operand, dot)?;
            if value.is_true() != is_and {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, TemplateError> {
        let value = match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil => Value::Nil,
            Term::Bool(value) => Value::Bool(*value),
            Term::Int(value) => Value::Int(*value),
            Term::Float(value) => Value::Float(*value),
            Term::Text(text) => Value::text(text),
            Term::Variable(name) => self
                .variables
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .ok_or_else(|| fault(format!("undefined variable: ${name}")))?,
            Term::Pipe(pipe) => {
                let scope = self.variables.len();
                let value = self.pipe(pipe, dot)?;
                self.variables.truncate(scope);
                value
            }
            Term::Function(_) => self.command(std::slice::from_ref(operand), dot, None)?,
        };
        match (value, &operand.term) {
            (Value::Data, _) => match operand.fields.split_first() {
                None => Ok(self.host.data()),
                Some((name, rest)) => {
                    let value = self.host.field(name);
                    fields(value.ok_or_else(|| no_field(name, &self.host.data()))?, rest)
                }
            },
            (value, Term::Function(_)) => Ok(value),
            (value, _) => fields(value, &operand.fields),
        }
    }
}

/// What `range` goes over: keys or places, and what is there.
fn items(ranged: &Value) -> Result<Box<dyn Iterator<Item = (Value, Value)> + '_>, TemplateError> {
    Ok(match ranged {
        Value::List(list) => Box::new((0..).map(Value::Int).zip(list.iter().cloned())),
        Value::Map(map) => {
            let item = |(name, value): (&String, &Value)| (Value::text(name), value.clone());
            Box::new(map.iter().map(item))
        }
        Value::Int(count) => Box::new((0..*count).map(|index| (Value::Int(index), Value::Int(index)))),
        Value::Nil => Box::new(std::iter::empty()),
        other => return Err(fault(format!("range can't iterate over {other}"))),
    })
}

impl fmt::Write for Run<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.write(piece).map_err(|_| fmt::Error)
    }
}

fn fields(mut value: Value, names: &[String]) -> Result<Value, TemplateError> {
    for name in names {
        value = match &value {
            Value::Map(map) => map.get(name).cloned().unwrap_or_else(|| Value::text("")),
            Value::Struct(map) => map.get(name).cloned().ok_or_else(|| no_field(name, &value))?,
            Value::Nil => return Err(fault(format!("nil data; no entry for key {name:?}"))),
            Value::Time(at) | Value::TimePointer(at) => {
                time_method(*at, name).ok_or_else(|| no_field(name, &value))?
            }
            other => return Err(no_field(name, other)),
        };
    }
    Ok(value)
}

/// The methods of Go's `time.Time` that take no argument.
fn time_method(at: jiff::Timestamp, name: &str) -> Option<Value> {
    let zoned = at.to_zoned(jiff::tz::TimeZone::UTC);
    // Before 1970 Go counts whole units downwards, not towards zero.
    let whole = |unit_ns: i128| i64::try_from(at.as_nanosecond().div_euclid(unit_ns)).unwrap_or(i64::MAX);
    Some(match name {
        "Unix" => Value::Int(whole(1_000_000_000)),
        "UnixMilli" => Value::Int(whole(1_000_000)),
        "UnixNano" => Value::Int(whole(1)),
        "Year" => Value::Int(i64::from(zoned.year())),
        "Day" => Value::Int(i64::from(zoned.day())),
        "Hour" => Value::Int(i64::from(zoned.hour())),
        "Minute" => Value::Int(i64::from(zoned.minute())),
        "Second" => Value::Int(i64::from(zoned.second())),
        "Nanosecond" => Value::Int(i64::from(zoned.subsec_nanosecond())),
        "Month" => Value::text(zoned.strftime("%B").to_string()),
        "Weekday" => Value::text(zoned.strftime("%A").to_string()),
        "UTC" => Value::Time(at),
        _ => return None,
    })
}

fn no_field(name: &str, value: &Value) -> TemplateError {
    fault(format!(
        "can't evaluate field {name} in type {}",
        value.type_name()
    ))
}

fn fault(message: String) -> TemplateError {
    TemplateError(message)
}
