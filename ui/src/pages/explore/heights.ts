// Where each row of a long list stands, though only those in sight are in the document: rows are taken to be of one height until
// they were measured.

export class Heights {
  #keys: number[] = [];
  #base_px: number;
  #measured = new Map<number, number>();
  /** Where each row begins, and where the last one ends; null while every row is of the base height. */
  #tops: Float64Array | null = null;

  constructor(base_px: number) {
    this.#base_px = base_px;
  }

  /** The rows of the list, by what they are known by; what was measured of a row goes with it. */
  setKeys(keys: number[]): void {
    this.#keys = keys;
    if (this.#measured.size > keys.length * 2 + 1000) {
      const known = new Set(keys);
      for (const key of this.#measured.keys()) if (!known.has(key)) this.#measured.delete(key);
    }
    this.#build();
  }

  /** Notes the heights of what was drawn; a row may be told in several parts. Whether any is new. */
  measure(drawn: Iterable<[key: number, px: number]>): boolean {
    const rows = new Map<number, number>();
    for (const [key, px] of drawn) rows.set(key, (rows.get(key) ?? 0) + px);
    let changed = false;
    for (const [key, px] of rows) {
      const before = this.#measured.get(key) ?? this.#base_px;
      if (px <= 0 || Math.abs(before - px) < 0.5) continue;
      this.#measured.set(key, px);
      changed = true;
    }
    if (changed) this.#build();
    return changed;
  }

  /** Forgets all measures, because rows are laid out anew. */
  reset(base_px: number): void {
    this.#base_px = base_px;
    this.#measured.clear();
    this.#build();
  }

  get total_px(): number {
    return this.top(this.#keys.length);
  }

  /** How far below the top of the list a row begins. */
  top(index: number): number {
    const at = Math.max(0, Math.min(index, this.#keys.length));
    return this.#tops ? (this.#tops[at] ?? 0) : at * this.#base_px;
  }

  /** The row at so many pixels below the top of the list. */
  indexAt(px: number): number {
    const count = this.#keys.length;
    if (count === 0 || px <= 0) return 0;
    if (!this.#tops) return Math.min(count - 1, Math.floor(px / this.#base_px));
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#tops[middle] ?? 0) <= px) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The rows between two places, with some to spare on both sides. */
  slice(top_px: number, view_px: number, spare: number): { first: number; end: number } {
    const first = Math.max(0, this.indexAt(top_px) - spare);
    const end = Math.min(this.#keys.length, this.indexAt(top_px + view_px) + 1 + spare);
    return { first: Math.min(first, end), end };
  }

  #build(): void {
    if (this.#measured.size === 0) {
      this.#tops = null;
      return;
    }
    const tops = new Float64Array(this.#keys.length + 1);
    let px = 0;
    this.#keys.forEach((key, i) => {
      tops[i] = px;
      px += this.#measured.get(key) ?? this.#base_px;
    });
    tops[this.#keys.length] = px;
    this.#tops = tops;
  }
}
