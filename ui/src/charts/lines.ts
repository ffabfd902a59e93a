// From columns to the lines of one chart: names, the largest eight and the rest, stacking.
import type { Labels } from '../api/types';
import { type Columns, lastValue, type Series } from './columns';

export interface Query {
  id: string;
  expr: string;
  /** How a series is called: `{label}` stands for a label's value. */
  legend: string;
  /** A limit is drawn as a dashed grey line and is never stacked. */
  limit?: boolean;
}

export interface Line {
  name: string;
  values: (number | null)[];
  limit: boolean;
  /** The custom property of its colour, where the name stands for something that has one; else the name's hash decides. */
  tone?: string;
}

export const LINES_MAX = 8;

export function legendText(template: string, labels: Labels): string {
  const text = template.replace(/\{(\w+)\}/g, (_, name: string) => labels[name] ?? '').trim();
  if (text) return text;
  const pairs = Object.entries(labels).filter(([name]) => name !== '__name__');
  return pairs.map(([name, value]) => `${name}=${value}`).join(' ') || 'value';
}

function weight(values: readonly (number | null)[]): number {
  let sum = 0;
  for (const value of values) if (value !== null && Number.isFinite(value)) sum += Math.abs(value);
  return sum;
}

/** One line for many: their sum where they add up (stacks), else the largest, and the name says which. */
function rest(series: Series[], adds: boolean, count: number): Line {
  const values = new Array<number | null>(count).fill(null);
  for (const { values: own } of series) {
    for (let i = 0; i < count; i += 1) {
      const value = own[i] ?? null;
      const before = values[i] ?? null;
      if (value === null) continue;
      values[i] = before === null ? value : adds ? before + value : Math.max(before, value);
    }
  }
  return { name: `other (${adds ? 'sum' : 'highest'} of ${series.length})`, values, limit: false };
}

function byName(a: Line, b: Line): number {
  return a.name.localeCompare(b.name, 'en', { numeric: true });
}

/**
 * The lines of a chart. Names in `order` come first (the lowest layer of a stack); at most eight lines are kept, the
 * heaviest of the window, and the others become one.
 */
export function linesOf(columns: Columns, queries: Query[], stacked: boolean, order: string[] = []): Line[] {
  const named = new Map(queries.map((q) => [q.id, q]));
  const limits: Line[] = [];
  let plain: { series: Series; line: Line }[] = [];
  for (const series of columns.series) {
    const query = named.get(series.query);
    if (!query) continue;
    const line = { name: legendText(query.legend, series.labels), values: series.values, limit: query.limit === true };
    if (line.limit) limits.push(line);
    else plain.push({ series, line });
  }
  let other: Line | null = null;
  if (plain.length > LINES_MAX) {
    plain.sort((a, b) => weight(b.line.values) - weight(a.line.values) || byName(a.line, b.line));
    other = rest(
      plain.slice(LINES_MAX).map((p) => p.series),
      stacked,
      columns.count,
    );
    plain = plain.slice(0, LINES_MAX);
  }
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const lines = plain.map((p) => p.line).sort((a, b) => rank(a.name) - rank(b.name) || byName(a, b));
  return namedApart([...lines, ...(other ? [other] : []), ...limits]);
}

/** Series that differ only in labels their names leave out are numbered: each line has a name of its own. */
function namedApart(lines: Line[]): Line[] {
  const seen = new Map<string, number>();
  return lines.map((line) => {
    const count = (seen.get(line.name) ?? 0) + 1;
    seen.set(line.name, count);
    return count === 1 ? line : { ...line, name: `${line.name} (${count})` };
  });
}

/** A layer that is zero all along has no height: only its edge would be seen, on top of the layer below it. */
export function withoutEmptyLayers(lines: Line[]): Line[] {
  return lines.filter((line) => line.limit || line.values.some((value) => value !== null && value !== 0));
}

/** What is drawn: running sums from the bottom up for a stack, the values themselves otherwise. Limits stay. */
export function drawn(lines: Line[], stacked: boolean): (number | null)[][] {
  if (!stacked) return lines.map((l) => l.values);
  const sums: number[] = [];
  return lines.map((line) => {
    if (line.limit) return line.values;
    return line.values.map((value, i) => {
      if (value === null) return null;
      const sum = (sums[i] ?? 0) + value;
      sums[i] = sum;
      return sum;
    });
  });
}

export interface Summary {
  name: string;
  min: number | null;
  max: number | null;
  last: number | null;
  trend: 'rising' | 'falling' | 'steady' | 'unknown';
}

/** Rising or falling when the last quarter's mean differs from the first quarter's by over a tenth of the peak. */
export function summarise(line: Line): Summary {
  const known = line.values.filter((v): v is number => v !== null && Number.isFinite(v));
  if (known.length === 0) return { name: line.name, min: null, max: null, last: null, trend: 'unknown' };
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of known) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const quarter = Math.max(1, Math.floor(known.length / 4));
  const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length;
  const change = mean(known.slice(-quarter)) - mean(known.slice(0, quarter));
  const peak = Math.max(Math.abs(min), Math.abs(max));
  const trend =
    known.length < 4 ? 'unknown' : Math.abs(change) <= peak / 10 ? 'steady' : change > 0 ? 'rising' : 'falling';
  return { name: line.name, min, max, last: lastValue(line.values), trend };
}
