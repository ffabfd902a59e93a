import { describe, expect, it } from 'vitest';
import { Heights } from './heights';

function of(count: number, base_px = 20): Heights {
  const heights = new Heights(base_px);
  heights.setKeys(Array.from({ length: count }, (_, i) => i));
  return heights;
}

describe('the places of rows', () => {
  it('follow from one height while none was measured', () => {
    const heights = of(100_000);
    expect(heights.total_px).toBe(2_000_000);
    expect(heights.slice(1_000_000, 400, 5)).toEqual({ first: 49_995, end: 50_026 });
  });

  it('move down by what rows above them are higher', () => {
    const heights = of(10);
    expect(
      heights.measure([
        [2, 20],
        [2, 100],
        [4, 50],
      ]),
    ).toBe(true);
    expect([2, 3, 4, 5, 10].map((i) => heights.top(i))).toEqual([40, 160, 180, 230, 330]);
    expect([0, 39, 40, 159, 160, 229, 230, 5000].map((px) => heights.indexAt(px))).toEqual([0, 1, 2, 2, 3, 4, 5, 9]);
    expect(heights.measure([[4, 50.2]])).toBe(false);
  });

  it('go with their row when others come in front', () => {
    const heights = of(3);
    heights.measure([[1, 100]]);
    heights.setKeys([7, 8, 0, 1, 2]);
    expect(heights.top(4)).toBe(160);
    heights.reset(10);
    expect(heights.total_px).toBe(50);
  });

  it('an empty list has none', () => {
    expect(of(0).slice(0, 500, 10)).toEqual({ first: 0, end: 0 });
  });

  it('every place leads back to its row', () => {
    const heights = of(500);
    heights.measure(Array.from({ length: 100 }, (_, i): [number, number] => [i * 5, 20 + ((i * 37) % 90)]));
    for (let i = 0; i < 500; i += 1) expect(heights.indexAt(heights.top(i))).toBe(i);
  });
});
