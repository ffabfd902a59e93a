import { describe, expect, it } from 'vitest';
import type { Field } from '../../api/logs';
import { writePart } from './query';
import { type Names, readTyped, suggestions } from './suggest';

const field = (name: string, source: Field['source']): Field => ({
  name,
  source,
  kind: 'string',
  lines: 1,
  values_count: 1,
  values: [],
});
const names: Names = {
  labels: ['app', 'namespace'],
  fields: [field('app', 'label'), field('status', 'json'), field('user', 'metadata')],
};
const titles = (text: string, values: string[] = []) => suggestions(text, names, values).map((one) => one.title);
const parts = (text: string, values: string[] = []) =>
  suggestions(text, names, values).flatMap((one) =>
    one.part ? [`${writePart(one.part)}${one.parser ? ` after ${one.parser}` : ''}`] : [],
  );

describe('the box of filters', () => {
  it('offers names before anything is typed', () => {
    expect(titles('')).toEqual(['app', 'namespace', 'status', 'user']);
  });

  it('offers the text itself first, then names that are like it', () => {
    expect(titles('s')).toEqual([
      'Lines that contain “s”',
      'status',
      'namespace',
      'user',
      'Lines without “s”',
      'Lines that match s',
      'Lines that do not match s',
    ]);
  });

  it('offers values of a name, and other operators while none is typed', () => {
    expect(titles('app=', ['shop', 'db'])).toEqual(['app = shop', 'app = db', 'app != …', 'app =~ …', 'app !~ …']);
    expect(parts('app=s', ['shop', 'db'])).toEqual(['app="s"', 'app="shop"']);
  });

  it('knows labels from fields, and the parser of a field', () => {
    expect(parts('app=~sh.*')).toEqual(['app=~"sh.*"']);
    expect(parts('status>=500')).toEqual(['| status>=500 after json']);
    expect(parts('user != "7"')).toEqual(['| user!="7"']);
    expect(parts('app>5')).toEqual(['| app>5']);
  });

  it('reads what is typed', () => {
    expect(readTyped('a = b c')).toEqual({ name: 'a', op: '=', value: 'b c' });
    expect(readTyped('a == 5')).toEqual({ name: 'a', op: '=', value: '5' });
    expect(readTyped('just words')).toBeNull();
  });
});
