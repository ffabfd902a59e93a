import { describe, expect, it } from 'vitest';
import { rank, score } from './rank';

const entry = (title: string, keywords?: string) => ({
  id: title,
  title,
  kind: 'x',
  ...(keywords ? { keywords } : {}),
});

describe('what the palette finds', () => {
  it('puts the exact answer before the beginning, a word and a part', () => {
    const titles = ['node_cpu_x', 'mycpux', 'cpu', 'cpu_time'].map((t) => entry(t));
    expect(rank(titles, 'cpu', 9).map((e) => e.title)).toEqual(['cpu', 'cpu_time', 'node_cpu_x', 'mycpux']);
  });

  it('finds words in any order, and letters at the starts of words', () => {
    expect(score('system_memory_usage_bytes', 'memory system')).toBeGreaterThan(0);
    expect(score('system_memory_usage_bytes', 'smub')).toBeGreaterThan(0);
    expect(score('system_memory_usage_bytes', 'sysmem')).toBeGreaterThan(0);
    expect(score('system_memory_usage_bytes', 'xyz')).toBe(0);
    expect(score('system_memory_usage_bytes', 'ytem')).toBe(0);
  });

  it('finds by keywords, after those found by title', () => {
    const found = rank([entry('Memory', 'ram swap'), entry('swap used')], 'swap', 9);
    expect(found.map((e) => e.title)).toEqual(['swap used', 'Memory']);
  });

  it('offers everything in its order while nothing is typed, up to the limit', () => {
    expect(rank([entry('b'), entry('a'), entry('c')], '  ', 2).map((e) => e.title)).toEqual(['b', 'a']);
  });

  it('takes any sign without failing', () => {
    for (const typed of ['(', '[a', '\\', '*+?', '😀'])
      expect(rank([entry('system (x)')], typed, 9).length).toBeLessThanOrEqual(1);
  });
});
