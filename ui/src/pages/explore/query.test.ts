import { describe, expect, it } from 'vitest';
import { chipText, makesNumbers, type Part, readQuery, withFilter, writeQuery } from './query';

function both(source: string): string | null {
  const parts = readQuery(source);
  return parts && writeQuery(parts);
}

describe('LogQL and chips', () => {
  it.each([
    ['{}', '{}'],
    ['{ app = "shop" ,pod!~"a.*" }', '{app="shop", pod!~"a.*"}'],
    ['{app="shop",} |= "x y" != `z"` |~ `\\d+`', '{app="shop"} |= "x y" != "z\\"" |~ `\\d+`'],
    ['{a="b"}|json|status>=500| took > 1.5s', '{a="b"} | json | status>=500 | took>1.5s'],
    ['{a="b"} | logfmt | user!="7" != "x"', '{a="b"} | logfmt | user!="7" != "x"'],
    ['{a="b"} | json != "x"', '{a="b"} | json != "x"'],
    ['{a="b"} | drop c!="d", e !~ "x"', '{a="b"} | drop c!="d", e !~ "x"'],
    ['{a="b"} |> "user <_> gone" !> "<_>"', '{a="b"} |> "user <_> gone" !> "<_>"'],
    ['{a="b"} |= "x" or "y" | line_format "{{.z}}"', '{a="b"} |= "x" or "y" | line_format "{{.z}}"'],
    ['{a="b"} | x="1" or y="2" | z="3"', '{a="b"} | x="1" or y="2" | z="3"'],
    ['{a="b"} | logfmt --strict a="b.c"', '{a="b"} | logfmt --strict a="b.c"'],
    ['{a="\\u00e4\\x41\\n"}', '{a="äA\\n"}'],
  ])('%s is read and written', (source, written) => {
    expect(both(source)).toBe(written);
    expect(both(written)).toBe(written);
  });

  it.each([
    'sum by (app) (rate({a="b"}[5m]))',
    '{a="b"',
    '{a=b}',
    '{a="b"} |',
    '{a="b"} json',
    '{a="\\q"}',
    '{a="b"} # why',
    '',
  ])('%s is left to the editor', (source) => {
    expect(readQuery(source)).toBeNull();
  });

  it('numbers are told from lines', () => {
    expect(makesNumbers('rate({a="b"}[5m])')).toBe(true);
    expect(makesNumbers(' {a="b"}')).toBe(false);
  });

  it('every kind of part is known', () => {
    const parts = readQuery('{a="b"} |= "x" | json | c>5 | d=~"e|f" | keep g');
    expect(parts?.map((part) => part.kind)).toEqual(['label', 'text', 'parser', 'field', 'field', 'stage']);
    expect(parts?.map((part) => Object.values(chipText(part)).join(' ').trim())).toEqual([
      'a = b',
      'line contains x',
      'fields from  JSON',
      'c > 5',
      'd =~ e|f',
      '| keep g',
    ]);
  });
});

describe('adding a filter', () => {
  const added = (source: string, part: Part, parser?: 'json' | 'logfmt') =>
    writeQuery(withFilter(readQuery(source) ?? [], part, parser));
  const label = (value: string, op: '=' | '!=' = '='): Part => ({ kind: 'label', name: 'app', op, value });
  const field = (value: string): Part => ({ kind: 'field', name: 'user', op: '=', value, number: false });

  it('goes where it belongs', () => {
    expect(added('{} |= "x"', label('shop'))).toBe('{app="shop"} |= "x"');
    expect(added('{a="b"}', { kind: 'text', op: '!=', value: 'y' })).toBe('{a="b"} != "y"');
  });

  it('a second value of a label is another choice', () => {
    expect(added('{app="shop"}', label('db.1'))).toBe('{app=~`shop|db\\.1`}');
    expect(added('{app=~`shop|db\\.1`}', label('mail'))).toBe('{app=~`shop|db\\.1|mail`}');
    expect(added('{app=~`shop|db\\.1`}', label('db.1'))).toBe('{app=~`shop|db\\.1`}');
    expect(added('{app=~"s.*"}', label('mail'))).toBe('{app=~"s.*", app="mail"}');
  });

  it('the opposite takes the place of a filter, and the same is not said twice', () => {
    expect(added('{app="shop"}', label('shop', '!='))).toBe('{app!="shop"}');
    expect(added('{app="shop"}', label('shop'))).toBe('{app="shop"}');
    expect(added('{app!="a"}', label('b', '!='))).toBe('{app!="a", app!="b"}');
  });

  it('a field of the line gets its parser once', () => {
    expect(added('{}', field('7'), 'json')).toBe('{} | json | user="7"');
    expect(added('{} | json | status>5', field('7'), 'json')).toBe('{} | json | status>5 | user="7"');
    expect(added('{}', field('7'))).toBe('{} | user="7"');
  });
});
