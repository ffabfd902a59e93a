import { describe, expect, it } from 'vitest';
import {
  absolute,
  DAY,
  durationText,
  HOUR,
  MINUTE,
  parseDuration,
  parseInstant,
  parseWindow,
  relative,
  scaled,
  stepped,
  windowText,
} from './window';

const NOW = Date.parse('2026-01-31T12:00:00Z');

describe('the text of a window', () => {
  it('is read back as it was written', () => {
    for (const text of ['now-15m', 'now-1h', 'now-1h30m', 'now-7d', '2026-01-31T10:00:00Z..2026-01-31T11:30:00Z']) {
      const window = parseWindow(text, NOW);
      expect(window && windowText(window)).toBe(text);
    }
  });

  it('may be epoch milliseconds or dates', () => {
    expect(parseWindow('1769853600000..1769857200000', NOW)).toEqual(absolute(1769853600000, 1769857200000));
    expect(parseWindow('2026-01-30..2026-01-31', NOW)).toEqual(absolute(NOW - 1.5 * DAY, NOW - 0.5 * DAY));
    expect(parseWindow('now-2h..now-1h', NOW)).toEqual(absolute(NOW - 2 * HOUR, NOW - HOUR));
  });

  it.each(['', 'now', 'now-', 'now-5', 'now-0m', 'now-1y', 'x..y', 'now..now-1h', 'a..b..c', '5m', '2026-13-40..now'])(
    'is refused when it says %j',
    (text) => {
      expect(parseWindow(text, NOW)).toBeNull();
    },
  );

  it('is kept within what can be drawn', () => {
    expect(parseWindow('now-1s', NOW)).toEqual({ kind: 'relative', span_ms: 10_000 });
    expect(absolute(NOW, NOW + 2)).toEqual({ kind: 'absolute', from_ms: NOW - 4999, to_ms: NOW + 5001 });
  });
});

describe('durations and moments', () => {
  it('durations are exact both ways', () => {
    for (const [text, ms] of [
      ['90s', 90_000],
      ['1h30m', 5_400_000],
      ['1w', 7 * DAY],
    ] as const)
      expect(parseDuration(text)).toBe(ms);
    expect(durationText(90 * MINUTE)).toBe('1h30m');
    expect(parseDuration('1.5h')).toBeNull();
  });

  it('moments are read in the chosen zone', () => {
    expect(parseInstant('2026-01-31 12:00', NOW)).toBe(NOW);
    expect(parseInstant('2026-01-31T12:00:00Z', NOW, false)).toBe(NOW);
    expect(parseInstant('now-2h', NOW)).toBe(NOW - 2 * HOUR);
    expect(parseInstant('yesterday', NOW)).toBeNull();
  });
});

describe('moving', () => {
  it('back fixes a live window half its length earlier', () => {
    expect(stepped(relative(HOUR), -1, NOW)).toEqual(absolute(NOW - 1.5 * HOUR, NOW - 0.5 * HOUR));
  });

  it('forth past now goes live again', () => {
    expect(stepped(absolute(NOW - 1.5 * HOUR, NOW - 0.5 * HOUR), 1, NOW)).toEqual(relative(HOUR));
    expect(stepped(absolute(NOW - 1.5 * HOUR, NOW - 0.5 * HOUR), 1, NOW + MINUTE)).toEqual(relative(HOUR));
    expect(stepped(absolute(NOW - 3 * HOUR, NOW - 2 * HOUR), 1, NOW)).toEqual(
      absolute(NOW - 2.5 * HOUR, NOW - 1.5 * HOUR),
    );
  });

  it('zooming keeps a live window live and a fixed one centred', () => {
    expect(scaled(relative(HOUR), 0.5, NOW)).toEqual(relative(HOUR / 2));
    expect(scaled(absolute(NOW - 4 * HOUR, NOW - 2 * HOUR), 0.5, NOW)).toEqual(
      absolute(NOW - 3.5 * HOUR, NOW - 2.5 * HOUR),
    );
  });

  it('zooming about a moment keeps that moment in its place', () => {
    const from = NOW - 4 * HOUR;
    expect(scaled(absolute(from, from + HOUR), 0.5, NOW, from + HOUR / 4)).toEqual(
      absolute(from + HOUR / 8, from + HOUR / 8 + HOUR / 2),
    );
  });
});
