// What is inside a line: its fields where it is JSON or logfmt, the name LogQL gives each, and the places that filters found.
import type { FieldSource, Row } from '../../api/logs';
import type { Labels } from '../../api/types';
import type { Part } from './query';

export interface LineField {
  /** As LogQL names it. */
  name: string;
  value: string;
  source: FieldSource;
}

const NESTING_MAX = 8;
const FIELDS_MAX = 200;
/** A line is looked into as far as this; a longer one is shown and not taken apart. */
const LINE_LENGTH_MAX = 64 * 1024;

/** A name with only those characters that names of labels have. */
function clean(name: string): string {
  const safe = name.replace(/[^a-zA-Z0-9_:]/g, '_');
  return /^\d/.test(safe) ? `_${safe}` : safe;
}

function flatten(value: unknown, prefix: string, depth: number, into: Labels): void {
  if (value === null || value === undefined || Array.isArray(value)) return;
  if (typeof value === 'object') {
    if (depth >= NESTING_MAX) return;
    for (const [key, inner] of Object.entries(value)) {
      const name = prefix ? `${prefix}_${clean(key)}` : clean(key);
      flatten(inner, name, depth + 1, into);
    }
  } else if (prefix && !(prefix in into) && Object.keys(into).length < FIELDS_MAX) {
    into[prefix] = String(value);
  }
}

/** The value of a line that is one JSON object; null where it is none. */
export function jsonOf(line: string): Record<string, unknown> | null {
  if (line.length > LINE_LENGTH_MAX || !/^\s*\{/.test(line)) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** The pairs of a line of logfmt; a line with hardly any is not taken for one. */
export function logfmtOf(line: string): Labels | null {
  if (line.length > LINE_LENGTH_MAX) return null;
  const pairs: Labels = {};
  let count = 0;
  let inside = 0;
  for (const found of line.matchAll(/(?:^|\s)([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)) {
    const name = clean(found[1] ?? '');
    const value = found[2] === undefined ? (found[3] ?? '') : found[2].replace(/\\(.)/g, '$1');
    count += 1;
    inside += found[0].length;
    if (value !== '' && !(name in pairs) && count <= FIELDS_MAX) pairs[name] = value;
  }
  // Pairs here and there in a sentence are not a format.
  return count > 0 && inside >= line.trim().length / 2 ? pairs : null;
}

/** The fields that are in a line itself, under the names that a filter behind `| json` or `| logfmt` would use. */
export function fieldsOf(row: Row): LineField[] {
  const json = jsonOf(row.line);
  const found: Labels = {};
  if (json) flatten(json, '', 0, found);
  else Object.assign(found, logfmtOf(row.line) ?? {});
  const source: FieldSource = json ? 'json' : 'logfmt';
  return Object.entries(found).map(([name, value]) => {
    const isTaken = name in row.set.labels || name in row.set.metadata;
    return { name: isTaken ? `${name}_extracted` : name, value, source };
  });
}

/** What a line has in a column of that name; empty where it has nothing. */
export function columnOf(row: Row, name: string): string {
  const { labels, metadata, parsed } = row.set;
  return (
    labels[name] ?? metadata[name] ?? parsed[name] ?? fieldsOf(row).find((field) => field.name === name)?.value ?? ''
  );
}

const MESSAGES = ['msg', 'message', 'event', 'text', 'log', 'body', 'error', 'err'];
/** What stands in front of the line already. */
const SAID = new Set([
  'ts',
  'time',
  'timestamp',
  'datetime',
  '_timestamp',
  'date',
  'level',
  'lvl',
  'severity',
  'loglevel',
]);

/** A line of JSON as people read it, its message first; null where it has none, or what was looked for would not be seen. */
export function readableOf(row: Row, needles: RegExp[]): { message: string; rest: string } | null {
  const json = jsonOf(row.line);
  if (!json) return null;
  const name = MESSAGES.find((known) => typeof json[known] === 'string' && json[known] !== '');
  if (name === undefined) return null;
  const message = String(json[name]);
  const others: Labels = {};
  flatten(json, '', 0, others);
  const rest = Object.entries(others)
    .filter(([key]) => key !== name && !SAID.has(key))
    .map(([key, value]) => `${key}=${/[\s"]/.test(value) ? JSON.stringify(value) : value}`)
    .join(' ');
  const isSeen = needles.every((needle) => `${message} ${rest}`.search(needle) >= 0);
  return isSeen ? { message, rest } : null;
}

const TRACE_NAMES = ['trace_id', 'traceid', 'traceID', 'traceId', 'trace.id', 'otel_trace_id', 'TraceId'];

/** The trace that a line belongs to; null where none is named. */
export function traceOf(row: Row): string | null {
  const { labels, metadata, parsed } = row.set;
  const inLine = Object.fromEntries(fieldsOf(row).map((field) => [field.name, field.value]));
  for (const name of TRACE_NAMES) {
    const value = metadata[name] ?? parsed[name] ?? labels[name] ?? inLine[name] ?? inLine[clean(name)];
    if (value && /^[0-9a-fA-F-]{16,36}$/.test(value)) return value;
  }
  return null;
}

// === what filters found ===

/** What may take a browser's backtracking very long, though the server's automaton does not mind. */
const NESTED_REPEATS = /\([^()]*(?:[*+]|\{\d+,)[^()]*\)(?:[*+]|\{)/;
const BROAD_REPEATS = /(?:\.|\\[SWDswN]|\[[^\]]*\])(?:[*+]|\{\d+,)/g;
const BROAD_REPEATS_MAX = 3;

/** A regular expression as the browser reads it; null where it cannot, or should not. */
function compile(pattern: string): RegExp | null {
  if (NESTED_REPEATS.test(pattern) || (pattern.match(BROAD_REPEATS)?.length ?? 0) > BROAD_REPEATS_MAX) return null;
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  try {
    return new RegExp(flags ? pattern.slice(flags[0].length) : pattern, `g${flags?.[1] ?? ''}`);
  } catch {
    return null;
  }
}

/** What the text filters of a query look for. */
export function needlesOf(parts: Part[] | null): RegExp[] {
  const patterns = (parts ?? []).flatMap((part) => {
    if (part.kind !== 'text' || !part.value) return [];
    if (part.op === '|=') return [part.value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')];
    return part.op === '|~' ? [part.value] : [];
  });
  return patterns.map(compile).filter((needle): needle is RegExp => needle !== null);
}

export interface Piece {
  text: string;
  marked: boolean;
}

const MARKS_MAX = 100;

/** A line cut where a needle was found. */
export function marked(text: string, needles: RegExp[]): Piece[] {
  const spans: [number, number][] = [];
  for (const needle of needles) {
    for (const found of text.matchAll(needle)) {
      if (found[0].length > 0) spans.push([found.index, found.index + found[0].length]);
      if (spans.length >= MARKS_MAX) break;
    }
  }
  spans.sort((a, b) => a[0] - b[0]);
  const pieces: Piece[] = [];
  let done = 0;
  for (const [from, to] of spans) {
    if (to <= done) continue;
    if (from > done) pieces.push({ text: text.slice(done, from), marked: false });
    pieces.push({ text: text.slice(Math.max(from, done), to), marked: true });
    done = to;
  }
  if (done < text.length || pieces.length === 0) pieces.push({ text: text.slice(done), marked: false });
  return pieces;
}

// === the address of a line ===

/** FNV-1a of a line and where it comes from: tells lines of one time apart. */
function lineHash(row: Row): string {
  let value = 0x811c9dc5;
  const text = `${JSON.stringify(row.set.labels)}${row.line}`;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value.toString(36);
}

/** What the URL calls a line. */
export function addressOf(row: Row): string {
  return `${row.ns}-${lineHash(row)}`;
}

/** The time in the address of a line; null where it is none. */
export function timeIn(address: string): string | null {
  return /^(\d{1,19})-[0-9a-z]+$/.exec(address)?.[1] ?? null;
}

export function hasAddress(row: Row, address: string): boolean {
  return address.startsWith(`${row.ns}-`) && addressOf(row) === address;
}
