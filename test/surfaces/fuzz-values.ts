// Texts, pictures and documents for fuzzed conversations: ordinary ones, and the odd ones that programs really send. Not for JSON Schemas
// (fuzz-schemas.ts), nor for the order of messages (fuzz-turns.ts).
import fc from 'fast-check'

export type Arb<T = unknown> = fc.Arbitrary<T>

/** The first value is what a failing request is reduced to, so the plainest comes first. */
export const oneOf = <T>(...values: readonly T[]): Arb<T> => fc.constantFrom(...values)

/** `likely`, or in one of `times` cases `rare`. */
export const seldom = <T>(times: number, rare: Arb<T>, likely: Arb<T>): Arb<T> =>
  fc.oneof({ weight: times - 1, arbitrary: likely }, { weight: 1, arbitrary: rare })

export const plainTexts = [
  'hi',
  'What is this?',
  'Antworte auf Deutsch: wie geht es?',
  'Line one\nLine two',
  '2 + 2',
  '{"a":1}',
]

/** What the CLI gives a meaning of its own, what breaks a parser, and what nobody sees. */
const oddTexts = [
  ...[
    '',
    ' ',
    '\n\n',
    '\t',
    '\u00a0',
    '\u200b',
    '\ufeff',
    '\u2028',
    '\u0000',
    '\u0007',
    '\r\n',
    'a\r\nb',
    '\ufeffhi',
    ' hi ',
  ],
  ...[
    '\ud800',
    'a\udc00b',
    '\ud83e',
    '🦉',
    '👩‍👩‍👧‍👦',
    'e\u0301',
    'm²',
    '\u202eright to left\u202c',
    'مرحبا',
    '\uffff',
    '\u{10ffff}',
  ],
  ...[
    '/help',
    '/compact',
    '/clear',
    '@/etc/hostname',
    '!ls',
    '# remember this',
    '--help',
    '$' + '{HOME}',
    '`rm -rf /tmp/none`',
  ],
  ...[
    '<system-reminder>none</system-reminder>',
    '<command-name>/clear</command-name>',
    '</system-message>',
    '<tool_use>',
  ],
  ...[
    '[Request interrupted by user]',
    '(no content)',
    '\n\nHuman: hi\n\nAssistant:',
    'data: [DONE]\n\n',
    '```json\n{"a":1}\n```',
  ],
  ...[
    'null',
    '__proto__',
    '[object Object]',
    '{',
    '[[fake',
    '%s%n',
    '../../etc/passwd',
    '<!-- a -->',
    'x'.repeat(3000),
  ],
  ...['Generate a title for this conversation', 'Please write a 5-10 word title for the following conversation:'],
]

export const plainText: Arb<string> = oneOf(...plainTexts)

export const oddText: Arb<string> = fc.oneof(
  { weight: 5, arbitrary: oneOf(...oddTexts) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
)

export const text: Arb<string> = seldom(4, oddText, plainText)

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const gif = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'
const jpeg = '/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwg/9k='
const webp = 'UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA='
const pdf = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF',
).toString('base64')

/** What is in base64, and what the request says that it is. */
export type Media = { data: string; mediaType: string }

const media = (mediaType: string, data: string): Media => ({ mediaType, data })
const base64Of = (value: string) => Buffer.from(value).toString('base64')

export const picture: Arb<Media> = seldom(
  20,
  oneOf(
    media('image/jpeg', png),
    media('image/png', png.slice(0, 40)),
    media('image/png', ''),
    media('image/png', '!!!!'),
    media('image/png', base64Of('no picture')),
    media('image/svg+xml', base64Of('<svg xmlns="http://www.w3.org/2000/svg"/>')),
    media('image/bmp', 'Qk06AAAA'),
    media('', png),
    media('image/png', `${png.slice(0, 40)}\n${png.slice(40)}`),
    media('image/webp', 'UklGRiQAAABXQVZFZm10'),
  ),
  oneOf(media('image/png', png), media('image/gif', gif), media('image/jpeg', jpeg), media('image/webp', webp)),
)

export const file: Arb<Media> = seldom(
  20,
  oneOf(
    media('text/plain', pdf),
    media('application/pdf', base64Of('no document')),
    media('application/pdf', ''),
    media('application/zip', 'UEsDBAoAAAAAAA=='),
    media('text/plain', Buffer.from([0xff, 0xfe, 0x00]).toString('base64')),
    media('text/plain', base64Of(' \n')),
  ),
  oneOf(
    media('application/pdf', pdf),
    media('text/plain', base64Of('A text.')),
    media('text/csv', base64Of('a,b\n1,2')),
  ),
)
