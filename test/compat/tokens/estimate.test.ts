// The token estimate: texts of many kinds against the tokenizer of older Claude models, images and documents against
// the rules in the API's documentation, and which parts of a request count. The weights were fitted to many other texts
// of these kinds, and some were adjusted with these.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { estimateRequest } from '../../../src/compat/tokens/estimate.ts'
import { estimateImage, estimatePdf } from '../../../src/compat/tokens/media.ts'
import { estimateText } from '../../../src/compat/tokens/text.ts'
import { noOptions, noPlainOptions, type RunOptions } from '../../../src/core/agent.ts'
import type { ClientTool, ConversationMessage, UserBlock } from '../../../src/core/conversation.ts'
import { countTokens } from '../../helpers/count-tokens.ts'
import { naturalTexts, oddTexts, toolSchema } from '../../helpers/sample-texts.ts'

function assertNear(estimated: number, counted: number, tolerance: number): void {
  const error = estimated / counted - 1
  assert.ok(Math.abs(error) <= tolerance, `${estimated} for ${counted}: ${(error * 100).toFixed(1)} %`)
}

for (const [texts, tolerance] of [
  [naturalTexts, 0.1],
  [oddTexts, 0.25],
] as const) {
  for (const [kind, text] of Object.entries(texts)) {
    test(`${kind} is estimated within ${tolerance * 100} % of the tokenizer's count`, (t) => {
      const [estimated, counted] = [estimateText(text), countTokens(text)]
      t.diagnostic(`${kind}: ${text.length} characters, ${counted} tokens, ${estimated} estimated`)
      assert.ok(text.length >= 500)
      assertNear(estimated, counted, tolerance)
    })
  }
}

test('a text of several languages and formats is estimated within 10 %', () => {
  const text = Object.values(naturalTexts).join('\n\n')
  assertNear(estimateText(text), countTokens(text), 0.1)
})

test('a short text is at least one token, and an empty one is none', () => {
  assert.equal(estimateText(''), 0)
  for (const text of ['a', ' ', '\n', '7', '{', '你', '😀', '\u0000', '\ud800', 'Hello']) {
    assert.ok(estimateText(text) >= 1 && estimateText(text) <= 3, JSON.stringify(text))
  }
})

/** The best of several tries, in time of the processor, because other programs run on the same machine. */
function bestMs(run: () => void): number {
  const tries = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...tries)
}

const megabytes: [what: string, text: string][] = [
  ['English', (naturalTexts.English ?? '').repeat(1500)],
  ['one letter', 'a'.repeat(1e6)],
  ['alternating lowercase and uppercase letters', 'aB'.repeat(5e5)],
  ['one emoji', '😀'.repeat(5e5)],
  ['blanks', ' '.repeat(1e6)],
  ['base64', (oddTexts.base64 ?? '').repeat(800)],
  ['signs', '<&'.repeat(5e5)],
  ['Chinese', (naturalTexts.Chinese ?? '').repeat(2000)],
]
for (const [what, text] of megabytes) {
  test(`a megabyte of ${what} is estimated in less than 100 ms`, () => {
    const spentMs = bestMs(() => estimateText(text))
    assert.ok(spentMs < 100, `${spentMs} ms`)
    assert.ok(estimateText(text) > 1000)
  })
}

const base64 = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string, 'latin1'))).toString('base64')
const be = (value: number) => [value >> 8, value & 255]
const le = (value: number) => [value & 255, value >> 8]
const rest = '\0'.repeat(600)
const png = (width: number, height: number) =>
  base64('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', [0, 0], be(width), [0, 0], be(height), rest)
/** With the length of its first part, which readers check. */
const webp = (part: string, ...content: (string | number[])[]) =>
  base64('RIFF\0\0\0\0WEBP', part, [100, 0, 0, 0], ...content, rest)
const segment = (marker: number, length: number) => [255, marker, ...be(length + 2), ...Array(length).fill(1)]
const frame = (width: number, height: number) => [255, 0xc2, 0, 17, 8, ...be(height), ...be(width), 3]

const images: [what: string, data: string, tokens: number][] = [
  ['PNG', png(200, 300), 80],
  ['GIF', base64('GIF89a', le(200), le(300), rest), 80],
  ['WebP (lossy)', webp('VP8 ', '\0\0\0\x9d\x01\x2a', le(200), le(300)), 80],
  // 14 bits each, less one.
  ['WebP (lossless)', webp('VP8L', '\x2f', [199, 192, 74, 0]), 80],
  ['WebP (extended)', webp('VP8X', '\0\0\0\0', [199, 0, 0, 43, 1, 0]), 80],
  ['JPEG', base64([255, 0xd8], segment(0xe0, 14), frame(200, 300), rest), 80],
  [
    'JPEG with a thumbnail, a table and fill bytes',
    base64([255, 0xd8], segment(0xe1, 60_000), segment(0xc4, 400), [255, 255], frame(200, 300), rest),
    80,
  ],
  ['image of 1,568 by 700', png(1568, 700), 1464],
  ['image with a long side of twice 1,568', png(3136, 1400), 1464],
  ['image of 5,000 by 5,000', png(5000, 5000), 1600],
  ['image without a size', png(0, 0), 1600],
  ['JPEG without a frame', base64([255, 0xd8], segment(0xe1, 100), rest), 1600],
  ['truncated JPEG', base64([255, 0xd8, 255, 0xe1, 255, 255], rest), 1600],
  ['image of an unknown type', base64(rest), 1600],
  ['word', 'AAAA', 1600],
]
for (const [what, data, tokens] of images) {
  test(`${what}: ${tokens} tokens`, () => {
    assert.equal(estimateImage(data), tokens)
  })
}

/** The first bytes of every type that a request may contain, as media-blocks.ts detects them. */
const beginnings: Record<string, string> = {
  PNG: '\x89PNG\r\n\x1a\n',
  'PNG of an iPhone': '\x89PNG\r\n\x1a\n\0\0\0\x04CgBI',
  GIF: 'GIF89a',
  JPEG: '\xff\xd8\xff',
  'JPEG of fill bytes': `\xff\xd8${'\xff'.repeat(300_000)}`,
  'JPEG of segments without a length': `\xff\xd8${'\xff\xe1\0\0'.repeat(80_000)}`,
  'JPEG of empty segments': `\xff\xd8${'\xff\xe1\0\x02'.repeat(80_000)}`,
  'WebP (lossy)': 'RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff',
  'WebP (lossless)': 'RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff',
  'WebP (extended)': 'RIFF\xff\xff\xff\xffWEBPVP8X\xff\xff\xff\xff',
}
const isEstimate = (tokens: number) => Number.isInteger(tokens) && tokens >= 1 && tokens <= 1600

for (const [what, beginning] of Object.entries(beginnings)) {
  test(`a file that only begins as ${what} is estimated, cut anywhere and whatever follows, from few of its bytes`, () => {
    for (const filler of ['\0', '\x01', '\x7f', '\xff']) {
      const whole = beginning + filler.repeat(60)
      for (let length = 0; length <= Math.min(whole.length, 100); length++) {
        const tokens = estimateImage(base64(whole.slice(0, length)))
        assert.ok(isEstimate(tokens), `${length} bytes: ${tokens}`)
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        isEstimate(estimateImage(base64(beginning, [...bytes]))),
      ),
    )
    const large = base64(beginning) + 'kJ+/'.repeat(8 * 1024 ** 2)
    assert.ok(isEstimate(estimateImage(large)))
    assert.ok(bestMs(() => estimateImage(large)) < 100)
  })
}

test('an estimate does not depend on what was in memory before', () => {
  for (const content of ['\xff', '\x01']) {
    Buffer.from(base64(content.repeat(96)), 'base64')
    assert.equal(estimateImage(base64('\x89PNG\r\n\x1a\n\0\0\0\rIHDR')), 1600)
    assert.equal(estimateImage(base64('GIF89a')), 1600)
  }
})

test('a PDF is 2,000 tokens per page; if the pages cannot be counted, they are estimated from its size', () => {
  const pages =
    '<</Type /Pages /Count 3>> <</Type/Page>> <</Type /Page /Parent 1 0 R>> <</Type\n/Page>> <</Type /PageLabel>>'
  assert.equal(estimatePdf(base64('%PDF-1.7 ', pages)), 6000)
  assert.equal(estimatePdf(base64('%PDF-1.7 ', rest)), 2000)
  assert.equal(estimatePdf(base64('%PDF-1.7 ', 'x'.repeat(250_000))), 10_000)
  assert.ok(bestMs(() => estimatePdf(base64('/Type'.repeat(200_000)))) < 300)
})

type Parts = {
  prompt?: UserBlock[]
  history?: ConversationMessage[]
  tools?: ClientTool[]
  options?: Partial<RunOptions>
}

const estimate = ({ prompt = [], history = [], tools = [], options = {} }: Parts): number =>
  estimateRequest({
    prompt,
    session: { kind: 'history', messages: history },
    options: { ...noOptions, ...options },
    plain: { ...noPlainOptions, tools },
  })

const english = naturalTexts.English ?? ''
const words = estimateText(english)
const text: UserBlock = { type: 'text', text: english }
const image: UserBlock = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png(200, 300) } }
const pdf = base64('%PDF-1.7 <</Type /Page>>')
const tool: ClientTool = { name: 'search', description: english, inputSchema: toolSchema }

test('every part of a request counts, on top of what the CLI and the API add', () => {
  const bare = estimate({})
  assert.ok(bare > 250 && bare < 350)
  const added = (parts: Parts) => estimate(parts) - bare
  assert.equal(added({ prompt: [text, text] }), 2 * words)
  assert.equal(added({ options: { systemPrompt: english } }), words)
  assert.equal(added({ prompt: [image] }), 80)
  const pdfSource = { type: 'base64', media_type: 'application/pdf', data: pdf } as const
  assert.equal(added({ prompt: [{ type: 'document', source: pdfSource }] }), 2000)
  const textSource = { type: 'text', media_type: 'text/plain', data: english } as const
  assert.equal(added({ prompt: [{ type: 'document', source: textSource, title: english }] }), 2 * words)
})

test('a history counts with its calls, their results and its thinking', () => {
  const bare = estimate({})
  const added = (message: ConversationMessage) => estimate({ history: [message] }) - bare
  const call = added({ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: { q: english } }] })
  assertNear(call, words + 25, 0.1)
  const result = { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: english }, image] } as const
  assertNear(added({ role: 'user', content: [{ ...result, content: [...result.content] }] }), words + 100, 0.1)
  const thinking = { type: 'thinking', thinking: english, signature: 'x'.repeat(9000) } as const
  assertNear(added({ role: 'assistant', content: [thinking] }), words + 4, 0.1)
  assertNear(added({ role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x'.repeat(6000) }] }), 1004, 0.1)
  assertNear(added({ role: 'assistant', content: [{ ...thinking, thinking: '' }] }), 1504, 0.1)
})

test('tools count with their schemas, and the first one with the prompt that the API adds', () => {
  const [none, one, two] = [estimate({}), estimate({ tools: [tool] }), estimate({ tools: [tool, tool] })]
  const schema = estimateText(JSON.stringify(toolSchema))
  assertNear(two - one, words + schema, 0.1)
  assertNear(one - none - (two - one), 346, 0.01)
  const answer = estimate({ options: { jsonSchema: toolSchema } })
  assertNear(answer - none, 346 + 45 + schema, 0.01)
})

test('a long text is estimated by its parts, and as well as if all of it were counted', () => {
  const kinds = Object.values(naturalTexts)
  const pages = Array.from({ length: 300 }, (_, index) => (kinds[index % kinds.length] ?? '').repeat(8))
  const long = pages.join('\n')
  assert.ok(long.length > 1_000_000)
  const whole = pages.reduce((sum, page) => sum + estimateText(page), 0)
  assertNear(estimateText(long), whole, 0.05)
})
