// LogQL as parts: what a person clicks together and what he types are the same text, read and written both ways.

export type MatchOp = '=' | '!=' | '=~' | '!~';
export type FieldOp = MatchOp | '>' | '>=' | '<' | '<=';
export type TextOp = '|=' | '!=' | '|~' | '!~' | '|>' | '!>';
export type Parser = 'json' | 'logfmt';

export type Part =
  | { kind: 'label'; name: string; op: MatchOp; value: string }
  | { kind: 'text'; op: TextOp; value: string }
  | { kind: 'field'; name: string; op: FieldOp; value: string; number: boolean }
  | { kind: 'parser'; parser: Parser }
  /** Anything else a line goes through, as it was written. */
  | { kind: 'stage'; text: string };

export const EVERYTHING = '{}';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:.]*/;
const NUMBER = /^[+-]?\d[\w.]*/;
const OPERATORS = [
  '|=',
  '|~',
  '|>',
  '!=',
  '!~',
  '!>',
  '=~',
  '==',
  '>=',
  '<=',
  '=',
  '>',
  '<',
  '|',
  '{',
  '}',
  ',',
  '(',
  ')',
];
/** Stages that are not conditions on labels. */
const KEYWORDS = new Set([
  ...['json', 'logfmt', 'unpack', 'decolorize', 'regexp', 'pattern', 'line_format', 'label_format', 'drop', 'keep'],
]);

interface Token {
  type: 'name' | 'number' | 'text' | 'operator' | 'other';
  /** What it says: of a text what stands between its quotes. */
  value: string;
  from: number;
  to: number;
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/** A text in double quotes without them, as Go reads it; null where it cannot be read. */
function unquote(quoted: string): string | null {
  let bad = false;
  const text = quoted.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu,
    (whole, byte?: string, short?: string, long?: string, octal?: string, letter?: string) => {
      const code = byte ?? short ?? long;
      if (code !== undefined) return String.fromCodePoint(Math.min(0x10ffff, Number.parseInt(code, 16)));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (letter === '\\' || letter === '"' || letter === "'") return letter;
      const escaped = ESCAPES[letter ?? ''];
      if (escaped === undefined) bad = true;
      return escaped ?? whole;
    },
  );
  return bad ? null : text;
}

/** The words of an expression; null where it has some that chips do not know, comments among them. */
function scan(source: string): Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const rest = source.slice(at);
    const blank = /^\s+/.exec(rest)?.[0];
    if (blank) {
      at += blank.length;
      continue;
    }
    const token = next(rest, at);
    if (!token) return null;
    tokens.push(token);
    at = token.to;
  }
  return tokens;
}

function next(rest: string, from: number): Token | null {
  const quoted = /^"((?:[^"\\\n]|\\.)*)"/.exec(rest) ?? /^`([^`]*)`/.exec(rest);
  if (quoted) {
    const value = rest.startsWith('"') ? unquote(quoted[1] ?? '') : (quoted[1] ?? '');
    return value === null ? null : { type: 'text', value, from, to: from + quoted[0].length };
  }
  const found = (type: Token['type'], value: string) => ({ type, value, from, to: from + value.length });
  const name = NAME.exec(rest)?.[0];
  if (name) return found('name', name);
  const number = NUMBER.exec(rest)?.[0];
  if (number) return found('number', number);
  const operator = OPERATORS.find((known) => rest.startsWith(known));
  if (operator) return found('operator', operator);
  const other = /^[-+*/%^[\]]|^--\S+/.exec(rest)?.[0];
  return other ? found('other', other) : null;
}

/** Whether an expression makes numbers rather than lines. */
export function makesNumbers(source: string): boolean {
  return !source.trimStart().startsWith('{');
}

/** The parts of an expression that asks for lines; null where it asks for numbers or cannot be read. */
export function readQuery(source: string): Part[] | null {
  const tokens = scan(source);
  if (tokens?.[0]?.value !== '{' || tokens[0].type !== 'operator') return null;
  const parts: Part[] = [];
  let place = 1;
  const is = (value: string) => tokens[place]?.type === 'operator' && tokens[place]?.value === value;
  while (!is('}')) {
    const [name, op, value] = tokens.slice(place, place + 3);
    if (name?.type !== 'name' || op?.type !== 'operator' || value?.type !== 'text') return null;
    if (!['=', '!=', '=~', '!~'].includes(op.value)) return null;
    parts.push({ kind: 'label', name: name.value, op: op.value as MatchOp, value: value.value });
    place += 3;
    if (is(',')) place += 1;
    else if (!is('}')) return null;
  }
  return stages(source, tokens, place + 1, parts);
}

function startsStage(token: Token | undefined): boolean {
  return token?.type === 'operator' && token.value.startsWith('|');
}

function isLineOp(token: Token | undefined): boolean {
  return token?.type === 'operator' && ['!=', '!~', '!>'].includes(token.value);
}

/** Where a stage that begins at `place` ends: at the next one, or at a filter of the line. */
function stageEnd(tokens: Token[], place: number): number {
  const word = tokens[place + 1];
  const compares =
    word?.type === 'name' && (!KEYWORDS.has(word.value) || word.value === 'drop' || word.value === 'keep');
  let end = place + 1;
  while (end < tokens.length && !startsStage(tokens[end])) {
    // Behind a name it compares that label, everywhere else it is about the line.
    const before = tokens[end - 1];
    const isComparison = compares && before?.type === 'name' && (end - 1 > place + 1 || !KEYWORDS.has(before.value));
    if (isLineOp(tokens[end]) && !isComparison) break;
    end += 1;
  }
  return end;
}

function stages(source: string, tokens: Token[], start: number, parts: Part[]): Part[] | null {
  let place = start;
  while (place < tokens.length) {
    const first = tokens[place];
    if (first === undefined) break;
    if (first.value === '|' && first.type === 'operator') {
      const end = stageEnd(tokens, place);
      if (end === place + 1) return null;
      parts.push(stage(source, tokens.slice(place, end)));
      place = end;
      continue;
    }
    if (!startsStage(first) && !isLineOp(first)) return null;
    const needle = tokens[place + 1];
    const after = tokens[place + 2];
    if (needle?.type === 'text' && !(after?.type === 'name' && after.value === 'or')) {
      parts.push({ kind: 'text', op: first.value as TextOp, value: needle.value });
      place += 2;
      continue;
    }
    let end = place + 1;
    while (end < tokens.length && !startsStage(tokens[end]) && !isLineOp(tokens[end])) end += 1;
    if (end === place + 1) return null;
    parts.push({ kind: 'stage', text: source.slice(first.from, tokens[end - 1]?.to) });
    place = end;
  }
  return parts;
}

const FIELD_OPS: Record<string, FieldOp> = {
  ...{ '=': '=', '==': '=', '!=': '!=', '=~': '=~', '!~': '!~', '>': '>', '>=': '>=', '<': '<', '<=': '<=' },
};

function stage(source: string, tokens: Token[]): Part {
  const [pipe, name, operator, value] = tokens;
  const text = source.slice(pipe?.from, tokens.at(-1)?.to);
  if (tokens.length === 2 && (name?.value === 'json' || name?.value === 'logfmt')) {
    return { kind: 'parser', parser: name.value };
  }
  const op = FIELD_OPS[operator?.value ?? ''];
  const isPlain = tokens.length === 4 && name?.type === 'name' && !KEYWORDS.has(name.value) && op !== undefined;
  if (isPlain && (value?.type === 'text' || value?.type === 'number')) {
    return { kind: 'field', name: name.value, op, value: value.value, number: value.type === 'number' };
  }
  return { kind: 'stage', text };
}

/** A text in quotes: in backquotes where that saves escapes, as people write regular expressions. */
export function quote(text: string): string {
  const raw = text.includes('\\') && !/[`\r]/.test(text);
  // What JSON escapes, Go reads the same way.
  return raw ? `\`${text}\`` : JSON.stringify(text);
}

export function writePart(part: Part): string {
  switch (part.kind) {
    case 'label':
      return `${part.name}${part.op}${quote(part.value)}`;
    case 'text':
      return `${part.op} ${quote(part.value)}`;
    case 'field':
      return `| ${part.name}${part.op}${part.number ? part.value : quote(part.value)}`;
    case 'parser':
      return `| ${part.parser}`;
    case 'stage':
      return part.text;
  }
}

export function writeQuery(parts: Part[]): string {
  const labels = parts.filter((part) => part.kind === 'label').map(writePart);
  const others = parts.filter((part) => part.kind !== 'label').map(writePart);
  return [`{${labels.join(', ')}}`, ...others].join(' ');
}

/** What a chip says: people read `contains`, not `|=`. */
export function chipText(part: Part): { name: string; op: string; value: string } {
  const words: Record<TextOp, string> = {
    '|=': 'contains',
    '!=': 'does not contain',
    '|~': 'matches',
    '!~': 'does not match',
    '|>': 'has the pattern',
    '!>': 'has not the pattern',
  };
  switch (part.kind) {
    case 'label':
    case 'field':
      return { name: part.name, op: part.op, value: part.value };
    case 'text':
      return { name: 'line', op: words[part.op], value: part.value };
    case 'parser':
      return { name: 'fields from', op: '', value: part.parser === 'json' ? 'JSON' : 'logfmt' };
    case 'stage':
      return { name: '', op: '', value: part.text };
  }
}

/** The text by which a part is typed into the box of filters; null where it is no filter. */
export function editText(part: Part): string | null {
  if (part.kind === 'label' || part.kind === 'field') return `${part.name}${part.op}${part.value}`;
  return part.kind === 'text' && (part.op === '|=' || part.op === '|~') ? part.value : null;
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** The values of a regular expression that is but a list of them. */
function alternatives(pattern: string): string[] | null {
  const values: string[] = [];
  let value = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern.charAt(at);
    const after = pattern.charAt(at + 1);
    if (letter === '|') {
      values.push(value);
      value = '';
    } else if (letter === '\\' && /[\\^$.*+?()[\]{}|]/.test(after)) {
      value += after;
      at += 1;
    } else if (/[\\^$.*+?()[\]{}]/.test(letter)) return null;
    else value += letter;
  }
  return [...values, value];
}

type Condition = Extract<Part, { kind: 'label' | 'field' }>;

function isAbout(part: Part, other: Condition): part is Condition {
  return part.kind === other.kind && part.name === other.name;
}

/** The condition that holds for either value; null where it cannot be said. */
function either(known: Condition, added: Condition): Condition | null {
  if (added.op !== '=' || (known.op !== '=' && known.op !== '=~')) return null;
  if (known.kind === 'field' && known.number) return null;
  const values = known.op === '=' ? [known.value] : alternatives(known.value);
  if (!values || values.includes('')) return null;
  if (values.includes(added.value)) return known;
  return { ...known, op: '=~', value: [...values, added.value].map(escapeRegex).join('|') };
}

/**
 * Adds a filter. A second value of one label widens the first to either; what says the opposite of a filter takes its
 * place; a field that must be read from the line first gets its parser before it.
 */
export function withFilter(parts: Part[], added: Part, parser?: Parser): Part[] {
  const same = writePart(added);
  if (parts.some((part) => writePart(part) === same)) return parts;
  if (added.kind === 'label' || added.kind === 'field') {
    const opposite = writePart({ ...added, op: added.op === '=' ? '!=' : added.op === '!=' ? '=' : added.op } as Part);
    const at = parts.findIndex((part) => writePart(part) === opposite && opposite !== same);
    if (at >= 0) return parts.map((part, i) => (i === at ? added : part));
    for (const [i, part] of parts.entries()) {
      const joined = isAbout(part, added) ? either(part, added) : null;
      if (joined) return parts.map((p, j) => (i === j ? joined : p));
    }
  }
  const needsParser =
    added.kind === 'field' && parser && !parts.some((p) => p.kind === 'parser' && p.parser === parser);
  return [...parts, ...(needsParser ? [{ kind: 'parser', parser } as const] : []), added];
}

export function withoutPart(parts: Part[], index: number): Part[] {
  return parts.filter((_, i) => i !== index);
}
