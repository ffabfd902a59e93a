// What the page asks about log lines, as docs/api/ui.md gives it, and lines as the page holds them.

import { get, post } from './client';
import { type Level, levelOf } from './levels';
import type { Labels } from './types';

export interface LineColumns {
  streams: Labels[];
  /** The place of the stream, metadata, fields that the expression made. */
  sets: [number, Labels, Labels][];
  at_ns: string[];
  set: number[];
  line: string[];
}

export interface LinesRequest {
  from_ms: number;
  to_ms: number;
  query?: string;
  stream?: Labels;
  direction: 'backward' | 'forward';
  limit: number;
  cursor_ns?: string;
}

export interface LinesAnswer extends LineColumns {
  next_ns: string | null;
  partial: boolean;
  count: number;
  server_ms: number;
  lines_read: number;
  bytes_read: number;
}

export interface WindowQuery {
  from_ms: number;
  to_ms: number;
  query: string;
}

export interface VolumeAnswer {
  kind: 'lines' | 'numbers';
  t0_ms: number;
  step_ms: number;
  count: number;
  server_ms: number;
  series_left_out: number;
  lines_read: number;
  bytes_read: number;
  series: { labels: Labels; values: (number | null)[] }[];
}

export type FieldSource = 'label' | 'metadata' | 'parsed' | 'json' | 'logfmt';

export interface Field {
  name: string;
  source: FieldSource;
  kind: string;
  lines: number;
  values_count: number;
  values: [string, number][];
}

export interface FieldsAnswer {
  lines: number;
  is_sample: boolean;
  fields: Field[];
  fields_left_out: number;
}

export interface FieldValuesAnswer {
  values: [string, number][];
  values_count: number;
  lines: number;
  lines_without: number;
}

export interface PatternRow {
  pattern: string;
  lines: number;
  values: number[];
}

export interface PatternsAnswer {
  t0_ms: number;
  step_ms: number;
  count: number;
  lines: number;
  is_sample: boolean;
  patterns: PatternRow[];
}

/** What lines of one stream with the same metadata and fields share. */
export interface LineSet {
  labels: Labels;
  metadata: Labels;
  parsed: Labels;
  level: Level;
}

export interface Row {
  /** Unlike any other row's of this page. */
  key: number;
  /** Nanoseconds since the Unix epoch, which numbers cannot hold. */
  ns: string;
  ms: number;
  set: LineSet;
  line: string;
}

let keys = 0;

/** Rows of columns, in their order. */
export function toRows(columns: LineColumns): Row[] {
  const sets = columns.sets.map(([stream, metadata, parsed]): LineSet => {
    const labels = columns.streams[stream] ?? {};
    const word = metadata.detected_level ?? labels.detected_level ?? labels.level ?? metadata.level ?? parsed.level;
    return { labels, metadata, parsed, level: levelOf(word) };
  });
  return columns.at_ns.map((ns, i) => {
    keys += 1;
    const set = sets[columns.set[i] ?? 0] ?? { labels: {}, metadata: {}, parsed: {}, level: 'unknown' };
    // All but the last six digits are milliseconds.
    return { key: keys, ns, ms: Number(ns.slice(0, -6)) || 0, set, line: columns.line[i] ?? '' };
  });
}

export const logs = {
  lines: (request: LinesRequest, signal?: AbortSignal) => post<LinesAnswer>('/api/ui/logs/lines', request, signal),
  volume: (request: WindowQuery & { max_points: number }, signal?: AbortSignal) =>
    post<VolumeAnswer>('/api/ui/logs/volume', request, signal),
  fields: (request: WindowQuery, signal?: AbortSignal) => post<FieldsAnswer>('/api/ui/logs/fields', request, signal),
  fieldValues: (request: WindowQuery & { name: string; source: FieldSource; limit: number }, signal?: AbortSignal) =>
    post<FieldValuesAnswer>('/api/ui/logs/field-values', request, signal),
  patterns: (request: WindowQuery & { max_points: number }, signal?: AbortSignal) =>
    post<PatternsAnswer>('/api/ui/logs/patterns', request, signal),
  labelNames: (from_ms: number, to_ms: number, signal?: AbortSignal) =>
    get<{ data: string[] }>(`/loki/api/v1/labels?start=${from_ms}000000&end=${to_ms}000000`, signal),
  labelValues: (name: string, from_ms: number, to_ms: number, signal?: AbortSignal) =>
    get<{ data: string[] }>(
      `/loki/api/v1/label/${encodeURIComponent(name)}/values?start=${from_ms}000000&end=${to_ms}000000`,
      signal,
    ),
};
