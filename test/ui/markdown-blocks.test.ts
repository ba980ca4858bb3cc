// Incremental Markdown parsing: the result does not depend on how the text was split, and nothing is parsed over and
// over. Runs without a browser.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import markdownIt from 'markdown-it'
import { MarkdownBlocks, type Piece } from '../../ui/lib/markdown-blocks.ts'

const reference = markdownIt({ html: false, linkify: true })
reference.linkify.set({ fuzzyLink: false, fuzzyEmail: false })

/** The rendered HTML of all pieces. */
const rendered = (pieces: readonly Piece[]): string =>
  pieces.map(({ tokens, plain }) => plain ?? reference.renderer.render([...tokens], reference.options, {})).join('')

/** Waits until everything is parsed: each slice increases the version. */
function untilParsed(blocks: MarkdownBlocks, chars: number): Promise<void> {
  const parsedChars = () =>
    [...blocks.pieces, blocks.last].map(({ plain, tokens }) => plain ?? textOf(tokens)).join('').length
  return new Promise((resolve) => {
    const stop = blocks.version.subscribe(() => {
      if (parsedChars() < chars) return
      resolve()
      queueMicrotask(() => stop())
    })
  })
}

const textOf = (tokens: Piece['tokens']): string => tokens.map(({ content }) => content).join('')

const block = fc.oneof(
  fc.constantFrom(
    '# Heading',
    '- one\n- two\n\n  more of two\n- three',
    '> quoted\n> more',
    '1. first\n2. second',
    '---',
    '| a | b |\n| - | - |\n| 1 | 2 |',
  ),
  fc.constantFrom(
    '```ts\nconst a = 1\n\n\nconst b = 2\n```',
    '~~~\nno language\n~~~',
    '    indented\n\n    code',
    '<b>no HTML</b> &amp; text',
  ),
  fc.string({ minLength: 1, maxLength: 300 }).map((text) => text.replace(/[\r\n]/g, ' ')),
  fc.constantFrom('word '.repeat(500), 'line\n'.repeat(300), `\`\`\`\n${'code\n\n'.repeat(400)}\`\`\``),
)

test('the rendered result does not depend on how the text was split', () => {
  const cases = fc.tuple(
    fc.array(block, { minLength: 1, maxLength: 30 }),
    fc.array(fc.nat(400), { minLength: 1, maxLength: 20 }),
  )
  fc.assert(
    fc.property(cases, ([blocks, steps]) => {
      const text = blocks.join('\n\n')
      const growing = new MarkdownBlocks()
      for (let start = 0, step = 0; start < text.length; step++) {
        const length = 1 + (steps[step % steps.length] ?? 0)
        growing.push(text.slice(start, start + length))
        growing.update()
        start += length
      }
      assert.equal(growing.text, text)
      assert.equal(rendered([...growing.pieces, growing.last]), reference.render(text))
    }),
    { numRuns: 60 },
  )
})

test('a code block of any length stays code up to its end and not beyond', async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `const value${index} = ${index}`).join('\n')
  const blocks = new MarkdownBlocks()
  blocks.push(`\`\`\`js\n${lines}\n\`\`\`\n\n# After`)
  blocks.update()
  await untilParsed(blocks, lines.length)
  const tokens = [...blocks.pieces, blocks.last].flatMap((piece) => {
    assert.equal(piece.plain, null)
    return [...piece.tokens]
  })
  const code = tokens.filter(({ type }) => type === 'fence')
  assert.ok(code.length > 10)
  assert.ok(code.every(({ info, content }) => info === 'js' && content.length <= 24_000))
  assert.equal(code.map(({ content }) => content).join(''), `${lines}\n`)
  assert.deepEqual(
    tokens.filter(({ type }) => type !== 'fence').map(({ type }) => type),
    ['heading_open', 'inline', 'heading_close'],
  )
})

for (const [description, text] of [
  ['letters', 'x'.repeat(300_000)],
  ['brackets', '['.repeat(100_000)],
  ['emoji', '😀'.repeat(60_000)],
] as const) {
  test(`a very long line of ${description} loses nothing and no character is split`, async () => {
    const blocks = new MarkdownBlocks()
    blocks.push(text)
    blocks.update()
    await untilParsed(blocks, text.length)
    assert.equal([...blocks.pieces, blocks.last].map(({ plain, tokens }) => plain ?? textOf(tokens)).join(''), text)
    for (const { plain } of blocks.pieces) assert.ok(plain !== null && plain.length <= 24_000 && plain.isWellFormed())
  })
}
