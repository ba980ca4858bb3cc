// What Markdown looks like in a terminal, in whatever pieces it arrives.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MarkdownStream } from '../../../src/commands/chat/markdown.ts'

const on = { b: 1, d: 2, i: 3, u: 4, s: 9, c: 36 }
const off = { b: 22, d: 22, i: 23, u: 24, s: 29, c: 39 }
/** `{b:text}` stands for text in bold; the innermost first. */
function styled(text: string): string {
  let made = text
  for (let next = ''; next !== made; ) {
    next = made
    made = made.replace(
      /\{([bdiusc]):([^{}]*)\}/,
      (_, style: keyof typeof on, inner: string) => `\u001b[${on[style]}m${inner}\u001b[${off[style]}m`,
    )
  }
  return made
}

const rows: [markdown: string, shown: string][] = [
  ['plain text, 1 < 2 & so on\n', 'plain text, 1 < 2 & so on\n'],
  ['**bold** and *italic* and _it_ and __bo__\n', '{b:bold} and {i:italic} and {i:it} and {b:bo}\n'],
  ['a **b `c` d** ~~e~~', 'a {b:b {c:c} d} {s:e}'],
  ['`` a`b `` and `x`', '{c:a`b} and {c:x}'],
  ['5*3*2 and snake_case_name and 2 * 3 * 4', '5*3*2 and snake_case_name and 2 * 3 * 4'],
  ['*args, **kwargs and `open', '*args, **kwargs and `open'],
  ['**a\nb** c', '**a\nb** c'],
  [String.raw`\*not\* a \[b\]`, '*not* a [b]'],
  ['see [the *docs*](https://a.example/b_c_d) and [1]', 'see {u:the {i:docs}} (https://a.example/b_c_d) and [1]'],
  ['[https://a.example](https://a.example)!', '{u:https://a.example}!'],
  ['- a\n  * b\n+ c\n10. d\n- [x] e', '• a\n  • b\n• c\n10. d\n• [x] e'],
  ['-1 is *less*\n#hashtag\n3.14\n', '-1 is {i:less}\n#hashtag\n3.14\n'],
  ['## A *b* c\n#', '{b:A }{b:{i:b}}{b: c}\n#'],
  ['> a\n>> b', '{d:│ }a\n{d:│ }{d:│ }b'],
  ['---\n* * *\n', `{d:${'─'.repeat(40)}}\n{d:${'─'.repeat(40)}}\n`],
  ['```ts\nconst a = *b*\n\n- c\n```\n*d*', '{d:ts}\n{c:const a = *b*}\n\n{c:- c}\n{i:d}'],
  ['~~~\n```\n~~~\na', '{c:```}\na'],
  ['````\n```\n````', '{c:```}\n'],
  ['```\nunfinished', '{c:unfinished}'],
  ['| a | b |\n| --- | --- |\n', '| a | b |\n| --- | --- |\n'],
  ['', ''],
  ['-', '-'],
]

test('marks become styles, and what is no mark is shown as it is', () => {
  for (const [markdown, shown] of rows) {
    const stream = new MarkdownStream()
    assert.equal(stream.write(markdown) + stream.end(), styled(shown), markdown)
  }
})

/** Adjacent pieces of the same style count as one. */
const joined = (text: string) => text.replaceAll('\u001b[39m\u001b[36m', '').replaceAll('\u001b[22m\u001b[1m', '')

test('the pieces in which a text arrives make no difference', () => {
  for (const [markdown, shown] of rows) {
    for (const size of [1, 2, 3, 5]) {
      const stream = new MarkdownStream()
      let made = ''
      for (let index = 0; index < markdown.length; index += size)
        made += stream.write(markdown.slice(index, index + size))
      assert.equal(joined(made + stream.end()), joined(styled(shown)), `${size}: ${markdown}`)
    }
  }
})

test('the first heading is underlined', () => {
  assert.equal(new MarkdownStream().write('# A\n'), styled('{b:{u:A}}\n'))
})

test('plain text is shown at once, and a mark without an end does not hold it back for long', () => {
  const stream = new MarkdownStream()
  assert.equal(stream.write('Hel'), 'Hel')
  assert.equal(stream.write('lo '), 'lo ')
  assert.equal(stream.write('**wor'), '')
  const shown = stream.write('x'.repeat(500))
  assert.equal(shown, `**wor${'x'.repeat(500)}`)
})
