import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatCount,
  formatDuration,
  formatMoment,
  formatShort,
  formatStamp,
  formatTick,
  formatValue,
  type Unit,
} from './units';

describe('values', () => {
  it.each<[number | null, Unit, string]>([
    [0, 'bytes', '0 B'],
    [1023.9, 'bytes', '1.00 KiB'],
    [1536, 'bytes', '1.50 KiB'],
    [23.4 * 2 ** 30, 'bytes', '23.4 GiB'],
    [1_500_000, 'bytes_per_second', '1.43 MiB/s'],
    [0.914, 'ratio', '91.4 %'],
    [1, 'ratio', '100 %'],
    [0, 'ratio', '0 %'],
    [12_345, 'count', '12.3 k'],
    [0.0004, 'count', '0.0004'],
    [7, 'count', '7'],
    [1500, 'per_second', '1.50 k/s'],
    [3, 'per_second', '3 /s'],
    [0.0123, 'seconds', '12.3 ms'],
    [0.0000005, 'seconds', '0.50 µs'],
    [4000, 'seconds', '1 h 6 min'],
    [41.25, 'celsius', '41.3 °C'],
    [1.234, 'cores', '1.23'],
    [null, 'bytes', '–'],
    [Number.NaN, 'count', '–'],
    [Number.POSITIVE_INFINITY, 'count', '+∞'],
  ])('%d as %s is %j', (value, unit, text) => {
    expect(formatValue(value, unit)).toBe(text);
  });

  it('on an axis have no digits that say nothing', () => {
    expect(formatShort(1.5 * 1024, 'bytes')).toBe('1.5 KiB');
    expect(formatShort(0.5, 'ratio')).toBe('50 %');
    expect(formatShort(100, 'count')).toBe('100');
    expect(formatShort(1024 * 200, 'bytes')).toBe('200 KiB');
  });
});

describe('times', () => {
  it('durations have two units at most', () => {
    expect(formatDuration(93_784_000)).toBe('1 d 2 h');
    expect(formatDuration(3_600_000)).toBe('1 h');
    expect(formatDuration(86_460_000)).toBe('1 d');
    expect(formatDuration(-5)).toBe('0 s');
  });

  it('ages have no seconds after the first minute', () => {
    expect(formatAge(42_000)).toBe('42 s');
    expect(formatAge(302_000)).toBe('5 min');
    expect(formatAge(3_661_000)).toBe('1 h 1 min');
  });

  it('moments are in 24 hours', () => {
    const at = Date.parse('2026-01-31T18:04:05Z');
    expect(formatMoment(at, true)).toBe('2026-01-31 18:04:05');
    expect(formatTick(at, 1000, true)).toBe('18:04:05');
    expect(formatTick(at, 300_000, true)).toBe('18:04');
    expect(formatTick(Date.parse('2026-01-31T00:00:00Z'), 3_600_000, true)).toBe('01-31');
  });
});

describe('lines of a log', () => {
  it('have a time to the millisecond, with the day where that is asked for', () => {
    expect(formatStamp(Date.parse('2026-01-31T14:02:10.007Z'), true, false)).toBe('14:02:10.007');
    expect(formatStamp(Date.parse('2026-01-31T14:02:10.120Z'), true, true)).toBe('01-31 14:02:10.120');
    expect(formatCount(1234567)).toBe('1,234,567');
  });
});
