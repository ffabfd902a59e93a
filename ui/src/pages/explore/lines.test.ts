import { describe, expect, it } from 'vitest';
import { type Row, toRows } from '../../api/logs';
import {
  addressOf,
  columnOf,
  fieldsOf,
  hasAddress,
  logfmtOf,
  marked,
  needlesOf,
  readableOf,
  timeIn,
  traceOf,
} from './lines';
import { readQuery } from './query';

function row(line: string, labels = {}, metadata = {}): Row {
  const columns = {
    streams: [labels],
    sets: [[0, metadata, {}] as [number, object, object]],
    at_ns: ['1700010600123456789'],
  };
  const [first] = toRows({
    ...columns,
    sets: columns.sets as [number, Record<string, string>, Record<string, string>][],
    set: [0],
    line: [line],
  });
  if (!first) throw new Error('one line is one row');
  return first;
}

describe('the fields of a line', () => {
  it('of JSON have the names that LogQL gives them', () => {
    const line = '{"a":{"b-c":1,"d":[1]},"level":"info","e":null,"f":true,"7x":"y"}';
    const fields = fieldsOf(row(line, { level: 'error' }));
    expect(fields.map(({ name, value, source }) => [name, value, source])).toEqual([
      ['a_b_c', '1', 'json'],
      ['level_extracted', 'info', 'json'],
      ['f', 'true', 'json'],
      ['_7x', 'y', 'json'],
    ]);
  });

  it('of logfmt are those of a line that is made of them', () => {
    expect(logfmtOf('level=info msg="a \\"b\\" c" took=5ms empty=')).toEqual({
      level: 'info',
      msg: 'a "b" c',
      took: '5ms',
    });
    expect(logfmtOf('a sentence about something with x=5 in the midst of it')).toBeNull();
    expect(logfmtOf('nothing')).toBeNull();
  });

  it('fill columns, labels first', () => {
    const line = row('user=7 app=inner', { app: 'outer' }, { region: 'eu' });
    expect(['app', 'region', 'user', 'none'].map((name) => columnOf(line, name))).toEqual(['outer', 'eu', '7', '']);
  });

  it('name the trace', () => {
    expect(traceOf(row('x', {}, { trace_id: '0af7651916cd43dd8448eb211c80319c' }))).toBe(
      '0af7651916cd43dd8448eb211c80319c',
    );
    expect(traceOf(row('{"trace_id":"0af7651916cd43dd"}'))).toBe('0af7651916cd43dd');
    expect(traceOf(row('{"trace_id":"none"}'))).toBeNull();
  });

  it('JSON is read message first, unless that would hide what was looked for', () => {
    const line = row('{"ts":"now","level":"info","msg":"it works","user":"a b","n":5}');
    expect(readableOf(line, [])).toEqual({ message: 'it works', rest: 'user="a b" n=5' });
    expect(readableOf(line, [/works/g])).not.toBeNull();
    expect(readableOf(line, [/"n":5/g])).toBeNull();
    expect(readableOf(row('plain'), [])).toBeNull();
  });
});

describe('what filters found', () => {
  const cut = (query: string, text: string) =>
    marked(text, needlesOf(readQuery(query)))
      .map(({ text: part, marked: is }) => (is ? `[${part}]` : part))
      .join('');

  it('is marked, texts and expressions together', () => {
    expect(cut('{} |= "a.b" |~ "\\\\d+" != "x"', 'a.b axb 12 3')).toBe('[a.b] axb [12] [3]');
    expect(cut('{} |~ "(?i)ERR"', 'an error')).toBe('an [err]or');
    expect(cut('{} |= "aa" |= "ab"', 'aab')).toBe('[aa][b]');
    expect(cut('{} |~ "x*"', 'abc')).toBe('abc');
  });

  it('an expression that the browser cannot read marks nothing', () => {
    expect(cut('{} |~ "(?P<x>a)"', 'abc')).toBe('abc');
    expect(cut('{} |~ "(x+x+)+y"', 'x'.repeat(100))).toBe('x'.repeat(100));
    expect(cut('{} |~ ".*.*.*.*.*z"', 'abc')).toBe('abc');
    expect(cut('{} |~ `\\d+\\.\\d+\\.\\d+\\.\\d+`', 'at 10.0.0.1')).toBe('at [10.0.0.1]');
  });
});

describe('the address of a line', () => {
  it('is its time and what tells it from others of that time', () => {
    const [one, other] = [row('a', { app: 'x' }), row('a', { app: 'y' })];
    expect(timeIn(addressOf(one))).toBe('1700010600123456789');
    expect([hasAddress(one, addressOf(one)), hasAddress(other, addressOf(one))]).toEqual([true, false]);
    expect(timeIn('nonsense')).toBeNull();
    expect(one.ms).toBe(1700010600123);
  });
});
