import { describe, expect, it } from 'vitest';
import { colour, hash, slots } from './colours';

describe('series colours', () => {
  it('use FNV-1a, so that they never change with a release', () => {
    expect(hash('')).toBe(0x811c9dc5);
    expect(hash('a')).toBe(0xe40c292c);
    expect(hash('foobar')).toBe(0xbf9cf968);
  });

  it('do not depend on the order of the names', () => {
    const names = ['user', 'system', 'iowait', 'steal'];
    const forth = slots(names);
    const back = slots([...names].reverse());
    for (const name of names) expect(forth.get(name)).toBe(back.get(name));
  });

  it('are all different up to eight names', () => {
    const names = Array.from({ length: 8 }, (_, i) => `core ${i}`);
    expect(new Set(slots(names).values()).size).toBe(8);
  });

  it('give the rest a colour of its own beside eight others', () => {
    const names = ['other (sum of 3)', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const found = slots(names);
    expect(found.get('other (sum of 3)')).toBe(8);
    expect(new Set(found.values()).size).toBe(9);
    expect(new Set(names.map((name) => colour(found.get(name) ?? -1, true))).size).toBe(9);
  });

  it('a name alone has the colour of its hash', () => {
    for (const name of ['read', 'write', 'receive']) expect(slots([name]).get(name)).toBe(hash(name) % 7);
  });
});
