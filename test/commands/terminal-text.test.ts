// How text from other sources is formatted for display in a terminal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asFacts, asTable, cut } from '../../src/commands/table.ts'
import { inert, oneLine, showDollars, showSpan } from '../../src/commands/terminal-text.ts'

const shown: [text: string, inert: string, oneLine: string][] = [
  ['plain', 'plain', 'plain'],
  ['two\n\tlines', 'two\n\tlines', 'two lines'],
  ['\u001b[31mred', '\u241b[31mred', '\u241b[31mred'],
  ['\u001b]0;title\u0007', '\u241b]0;title\u2407', '\u241b]0;title\u2407'],
  ['\u009b31m\u0085', '\ufffd31m\ufffd', '\ufffd31m\ufffd'],
  ['\u007f\u0008', '\u2421\u2408', '\u2421\u2408'],
  ['over\rwritten\r\n', 'overwritten\n', 'over written'],
  ['a\u2028b', 'a\u2028b', 'a b'],
  ['abc\u202edef\u2066', 'abc\u202edef\u2066', 'abc\ufffddef\ufffd'],
  ['\u{1f468}\u200d\u{1f469} é e\u0301', '\u{1f468}\u200d\u{1f469} é e\u0301', '\u{1f468}\u200d\u{1f469} é e\u0301'],
]
for (const [text, asText, asLine] of shown) {
  test(`${JSON.stringify(text)} is displayed literally`, () => {
    assert.deepEqual([inert(text), oneLine(text)], [asText, asLine])
  })
}

test('no control characters except line breaks and tabs are left', () => {
  for (let code = 0; code < 0xa0; code++) {
    const character = String.fromCharCode(code)
    const isControl = /\p{Cc}/u.test(character)
    const isUnchanged = !isControl || '\n\t'.includes(character)
    assert.equal(inert(character) === character, isUnchanged, String(code))
    assert.ok(!isControl || oneLine(`a${character}b`) !== `a${character}b`, String(code))
  }
})

test('cells are aligned in columns, even with wide or combining characters', () => {
  const rows = [
    ['id', 'title'],
    ['日本', 'x'],
    ['e\u0301', '\u001bz'],
    ['long one', ''],
  ]
  assert.deepEqual(asTable(rows), ['id        title', '日本      x', 'e\u0301         \u241bz', 'long one'])
  assert.deepEqual(asTable(rows, 12)[0], 'id        t…')
  assert.deepEqual(asTable([]), [])
})

const widths: [text: string, columns: number][] = [
  ['👩‍👩‍👧‍👦', 2],
  ['🇫🇷', 2],
  ['❤️', 2],
  ['1️⃣', 2],
  ['a\u00ad\u200b', 1],
]
for (const [text, columns] of widths) {
  test(`${JSON.stringify(text)} takes ${columns} columns, and is never cut apart`, () => {
    const [, line] = asTable([
      ['heading', 'x'],
      [text, 'x'],
    ])
    assert.equal(line, `${text}${' '.repeat('heading'.length - columns)}  x`)
    assert.equal(cut(`${text}${text}`, columns + 1), columns === 1 ? `${text}${text}` : `${text}…`)
  })
}

test('facts are listed below their heading, without those that are null', () => {
  const facts = asFacts('a\u001b', [
    ['id', 'x'],
    ['none', null],
    ['in here', '\u001b日'],
  ])
  assert.deepEqual(facts, ['a\u241b', '  id       x', '  in here  \u241b日'])
})

const cuts: [text: string, columns: number, cut: string][] = [
  ['abcdef', 6, 'abcdef'],
  ['abcdef', 5, 'abcd…'],
  ['ab cdef', 4, 'ab…'],
  ['日本語', 6, '日本語'],
  ['日本語', 5, '日本…'],
]
test('a long text is cut by its width on the screen', () => {
  for (const [text, columns, expected] of cuts) assert.equal(cut(text, columns), expected)
})

test('durations and dollars are short', () => {
  const spans = [-5, 0, 999, 59_999, 60_000, 3_599_999, 3_600_000, 86_400_000, 900_000_000]
  assert.deepEqual(spans.map(showSpan), ['0 s', '0 s', '0 s', '59 s', '1 min', '59 min', '1 h', '1 d', '10 d'])
  assert.deepEqual([0, 0.5, 0.1234, 12, 0.00004].map(showDollars), ['$0.00', '$0.50', '$0.1234', '$12.00', '$0.00'])
})
