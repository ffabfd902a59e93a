// Columns of points on one time grid: reading an answer, merging the newest points in, cutting the oldest off.
import type { Labels, SeriesResponse } from '../api/types';

export interface Series {
  key: string;
  query: string;
  labels: Labels;
  values: (number | null)[];
}

export interface Columns {
  step_ms: number;
  t0_ms: number;
  count: number;
  series: Series[];
}

export const EMPTY: Columns = { step_ms: 1000, t0_ms: 0, count: 0, series: [] };

const STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800,
];

/** The shortest step people would pick that keeps `span_ms` within `points` points. */
export function stepFor(span_ms: number, points: number): number {
  const wanted = span_ms / Math.max(1, points);
  return (STEPS_S.find((s) => s * 1000 >= wanted) ?? 604800) * 1000;
}

export function seriesKey(query: string, labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${query} ${JSON.stringify(pairs)}`;
}

/** The columns of some of an answer's queries; ids are mapped to the caller's names. */
export function fromResponse(response: SeriesResponse, ids: Map<string, string>): Columns {
  const series: Series[] = [];
  for (const result of response.results) {
    const query = ids.get(result.id);
    if (query === undefined) continue;
    for (const { labels, values } of result.series)
      series.push({ key: seriesKey(query, labels), query, labels, values });
  }
  return { step_ms: response.step_ms, t0_ms: response.t0_ms, count: response.count, series };
}

/**
 * Writes `fresh` over `old` and drops what lies before `from_ms`. Both must share the step; when they do not, or when
 * nothing joins them, the fresh points stand alone.
 */
export function merge(old: Columns, fresh: Columns, from_ms: number): Columns {
  if (old.count === 0 || old.step_ms !== fresh.step_ms || fresh.t0_ms < old.t0_ms) return fresh;
  if (fresh.count === 0) return cut(old, from_ms);
  const step = old.step_ms;
  const offset = Math.round((fresh.t0_ms - old.t0_ms) / step);
  const count = Math.max(old.count, offset + fresh.count);
  const before = new Map(old.series.map((s) => [s.key, s]));
  const after = new Map(fresh.series.map((s) => [s.key, s]));
  const series: Series[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const head = before.get(key);
    const tail = after.get(key);
    const values = new Array<number | null>(count).fill(null);
    head?.values.slice(0, Math.min(offset, old.count)).forEach((v, i) => {
      values[i] = v;
    });
    tail?.values.forEach((v, i) => {
      values[offset + i] = v;
    });
    const origin = head ?? tail;
    if (origin) series.push({ ...origin, values });
  }
  return cut({ step_ms: step, t0_ms: old.t0_ms, count, series }, from_ms);
}

/** Drops the points before `from_ms`, and series that then hold no point at all. */
export function cut(columns: Columns, from_ms: number): Columns {
  const drop = Math.min(columns.count, Math.max(0, Math.ceil((from_ms - columns.t0_ms) / columns.step_ms)));
  if (drop === 0) return columns;
  const series = columns.series
    .map((s) => ({ ...s, values: s.values.slice(drop) }))
    .filter((s) => s.values.some((v) => v !== null));
  return { ...columns, t0_ms: columns.t0_ms + drop * columns.step_ms, count: columns.count - drop, series };
}

/** The moment of the first point that any series has; null when there is none. */
export function firstPoint_ms(columns: Columns): number | null {
  let first = columns.count;
  for (const { values } of columns.series) {
    const at = values.findIndex((v) => v !== null);
    if (at >= 0 && at < first) first = at;
  }
  return first < columns.count ? columns.t0_ms + first * columns.step_ms : null;
}

/** The moment just after the last grid point. */
export function end_ms(columns: Columns): number {
  return columns.t0_ms + columns.count * columns.step_ms;
}

export function lastValue(values: readonly (number | null)[]): number | null {
  for (let i = values.length - 1; i >= 0; i -= 1) {
    const value = values[i];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}
