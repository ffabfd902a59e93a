// The time window as the URL writes it: `now-1h`, or `FROM..TO` in UTC.

export type Window = { kind: 'relative'; span_ms: number } | { kind: 'absolute'; from_ms: number; to_ms: number };

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const SPAN_MS_MIN = 10 * SECOND;
export const SPAN_MS_MAX = 400 * DAY;
export const DEFAULT_WINDOW: Window = { kind: 'relative', span_ms: 15 * MINUTE };
export const PRESETS_MS = [
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  30 * DAY,
];

const UNITS: Record<string, number> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** `90m` or `1h30m` in milliseconds; null where the text is no duration. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+[smhdw])+$/.test(text)) return null;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) total += Number(count) * (UNITS[unit ?? ''] ?? 0);
  return total;
}

/** The shortest duration text of whole seconds, in at most two units where that is exact. */
export function durationText(ms: number): string {
  let rest = Math.max(1, Math.round(ms / SECOND));
  let text = '';
  for (const [unit, seconds] of [
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}

/** A moment: `now`, `now-2h`, epoch milliseconds, or a date with or without time (in UTC unless it is local). */
export function parseInstant(text: string, now_ms: number, utc = true): number | null {
  const trimmed = text.trim();
  if (trimmed === 'now') return now_ms;
  if (trimmed.startsWith('now-')) {
    const back = parseDuration(trimmed.slice(4));
    return back === null ? null : now_ms - back;
  }
  if (/^\d{12,14}$/.test(trimmed)) return Number(trimmed);
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?$/.test(trimmed)) return null;
  const iso = trimmed.replace(' ', 'T');
  const full = iso.includes('T') ? iso : `${iso}T00:00:00`;
  const at = Date.parse(utc && !full.endsWith('Z') ? `${full}Z` : full);
  return Number.isNaN(at) ? null : at;
}

/** A window that is never shorter or longer than the page can draw. */
export function absolute(from_ms: number, to_ms: number): Window {
  const [from, to] = from_ms <= to_ms ? [from_ms, to_ms] : [to_ms, from_ms];
  const middle = (from + to) / 2;
  const span = Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, to - from));
  if (span === to - from) return { kind: 'absolute', from_ms: Math.round(from), to_ms: Math.round(to) };
  return { kind: 'absolute', from_ms: Math.round(middle - span / 2), to_ms: Math.round(middle + span / 2) };
}

export function relative(span_ms: number): Window {
  return { kind: 'relative', span_ms: Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, Math.round(span_ms))) };
}

/** Reads the `w` parameter; what cannot be read is null, and the page then shows its default. */
export function parseWindow(text: string, now_ms: number): Window | null {
  const [first = '', second, ...more] = text.split('..');
  if (more.length > 0) return null;
  if (second === undefined) {
    const span = first.startsWith('now-') ? parseDuration(first.slice(4)) : null;
    return span === null || span === 0 ? null : relative(span);
  }
  const from = parseInstant(first, now_ms);
  const to = parseInstant(second, now_ms);
  return from === null || to === null || from >= to ? null : absolute(from, to);
}

function isoSeconds(ms: number): string {
  return `${new Date(Math.round(ms / SECOND) * SECOND).toISOString().slice(0, 19)}Z`;
}

export function windowText(window: Window): string {
  if (window.kind === 'relative') return `now-${durationText(window.span_ms)}`;
  return `${isoSeconds(window.from_ms)}..${isoSeconds(window.to_ms)}`;
}

export function bounds(window: Window, now_ms: number): { from_ms: number; to_ms: number } {
  if (window.kind === 'absolute') return { from_ms: window.from_ms, to_ms: window.to_ms };
  return { from_ms: now_ms - window.span_ms, to_ms: now_ms };
}

/** Half of a window (factor 0.5) or twice (2): about its middle when fixed, ending now when live. */
export function scaled(window: Window, factor: number, now_ms: number, about_ms?: number): Window {
  const { from_ms, to_ms } = bounds(window, now_ms);
  const span = (to_ms - from_ms) * factor;
  if (window.kind === 'relative' && about_ms === undefined) return relative(span);
  const about = about_ms ?? (from_ms + to_ms) / 2;
  const share = (about - from_ms) / (to_ms - from_ms);
  const from = about - span * share;
  return from + span >= now_ms + span / 2 ? relative(span) : absolute(from, from + span);
}

/**
 * The window one half of its length earlier (-1) or later (1). A step to now, or to within a twentieth of the window of
 * it, goes live again: a step back and one forth must end where they began, though time went on between them.
 */
export function stepped(window: Window, direction: -1 | 1, now_ms: number): Window {
  const { from_ms, to_ms } = bounds(window, now_ms);
  const shift = (direction * (to_ms - from_ms)) / 2;
  if (to_ms + shift >= now_ms - (to_ms - from_ms) / 20) return relative(to_ms - from_ms);
  return absolute(from_ms + shift, to_ms + shift);
}
