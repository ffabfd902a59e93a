// What the box of filters offers for what is typed: names first, then values, and always the text itself.
import type { Field, FieldSource } from '../../api/logs';
import type { FieldOp, MatchOp, Parser, Part } from './query';

export interface Suggestion {
  id: string;
  title: string;
  detail: string;
  /** What the box says next; or else the filter is whole. */
  fill?: string;
  part?: Part;
  parser?: Parser;
}

/** A condition as it is typed: `name`, an operator, and as much of the value as there is. */
export interface Typed {
  name: string;
  op: FieldOp;
  value: string;
}

const CONDITION = /^\s*([a-zA-Z_:][\w:.]*)\s*(=~|!~|!=|>=|<=|==|=|>|<)\s*(.*)$/s;
const SHOWN_MAX = 12;

export function readTyped(text: string): Typed | null {
  const found = CONDITION.exec(text);
  if (!found) return null;
  const op = found[2] === '==' ? '=' : found[2];
  const value = (found[3] ?? '').trim().replace(/^"(.*)"$/s, '$1');
  return { name: found[1] ?? '', op: op as FieldOp, value };
}

export interface Names {
  labels: string[];
  fields: Field[];
}

/** Where a name is found: a label of streams wins over a field of lines. */
export function sourceOf(name: string, names: Names): FieldSource {
  if (names.labels.includes(name)) return 'label';
  return names.fields.find((field) => field.name === name)?.source ?? 'metadata';
}

function isMatch(op: FieldOp): op is MatchOp {
  return op === '=' || op === '!=' || op === '=~' || op === '!~';
}

/** The filter that a condition is. Comparisons of size are about fields, also of what is a label. */
export function partOf(typed: Typed, names: Names): { part: Part; parser: Parser | undefined } {
  const source = sourceOf(typed.name, names);
  if (source === 'label' && isMatch(typed.op)) {
    return { part: { kind: 'label', name: typed.name, op: typed.op, value: typed.value }, parser: undefined };
  }
  const number = !isMatch(typed.op);
  const parser = source === 'json' || source === 'logfmt' ? source : undefined;
  return { part: { kind: 'field', name: typed.name, op: typed.op, value: typed.value, number }, parser };
}

function namesLike(text: string, names: Names): Suggestion[] {
  const wanted = text.trim().toLowerCase();
  const words: Record<FieldSource, string> = {
    label: 'label',
    metadata: 'metadata',
    parsed: 'field of the query',
    json: 'field of JSON',
    logfmt: 'field of logfmt',
  };
  const labels = names.labels.map((name) => ({ name, detail: words.label }));
  const fields = names.fields
    .filter((field) => field.source !== 'label')
    .map(({ name, source }) => ({ name, detail: words[source] }));
  const all = [...labels, ...fields.filter(({ name }) => !names.labels.includes(name))];
  const place = (name: string) => name.toLowerCase().indexOf(wanted);
  return all
    .filter(({ name }) => place(name) >= 0)
    .sort((a, b) => Number(place(a.name) > 0) - Number(place(b.name) > 0))
    .map(({ name, detail }) => ({ id: `name-${name}-${detail}`, title: name, detail, fill: `${name}=` }));
}

function texts(text: string): Suggestion[] {
  const value = text.trim();
  if (!value) return [];
  return [
    { id: 'contains', title: `Lines that contain “${value}”`, detail: 'text', part: { kind: 'text', op: '|=', value } },
    { id: 'without', title: `Lines without “${value}”`, detail: 'text', part: { kind: 'text', op: '!=', value } },
    { id: 'matches', title: `Lines that match ${value}`, detail: 'regex', part: { kind: 'text', op: '|~', value } },
    {
      id: 'mismatches',
      title: `Lines that do not match ${value}`,
      detail: 'regex',
      part: { kind: 'text', op: '!~', value },
    },
  ];
}

/** What is offered; `values` are those known of the name that is typed. */
export function suggestions(text: string, names: Names, values: string[]): Suggestion[] {
  const typed = readTyped(text);
  if (!typed) {
    const named = namesLike(text, names).slice(0, SHOWN_MAX);
    return text.trim() ? [...texts(text).slice(0, 1), ...named, ...texts(text).slice(1)] : named;
  }
  const offered: Suggestion[] = [];
  const condition = (value: string, detail: string) => {
    const whole = { ...typed, value };
    const id = `value-${detail}-${value}`;
    offered.push({ id, title: `${typed.name} ${typed.op} ${value}`, detail, ...partOf(whole, names) });
  };
  if (typed.value) condition(typed.value, 'as typed');
  if (typed.op === '=' || typed.op === '!=') {
    const like = values.filter((value) => value.toLowerCase().includes(typed.value.toLowerCase()));
    for (const value of like.slice(0, SHOWN_MAX)) if (value !== typed.value) condition(value, 'value');
  }
  if (!typed.value) {
    for (const op of ['!=', '=~', '!~'] as const) {
      if (op !== typed.op) {
        const fill = `${typed.name}${op}`;
        offered.push({ id: `op-${op}`, title: `${typed.name} ${op} …`, detail: 'operator', fill });
      }
    }
  }
  return offered;
}
