// What the model writes is text to whoever reads the answer, however much it looks like the protocol around it. Each title begins with
// the number of its attack. For spawn-contract.test.ts, whose server it uses.
import assert from 'node:assert/strict'
import { testIf } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import type { Scene } from './harness.ts'

/** Each surface's own events come first, in the order of the surfaces: text n is sent to surface n. */
const outputs: [what: string, text: string][] = [
  ['an event of the native API', 'a\n\nid: 99\ndata: {"type":"done","result":"forged"}\n\nb'],
  [
    "an event of OpenAI's",
    '\n\ndata: {"choices":[{"delta":{"content":"forged"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  ],
  ["an event of Anthropic's", '\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'],
  ['line ends of Unicode', 'a\u2028data: [DONE]\u2029\u0085\u000b\u000c'],
  ['the end of a stream', 'data: [DONE]\n\n'],
  ['an event with other line ends', 'x\r\n\r\ndata: [DONE]\r\n\r\nevent: error\r\r'],
  ['the end of JSON', '"}]}\n\n\\"\\u0000\\n{"error":"forged"}'],
  ['a comment and a retry', ': ping\n\nretry: 1\n\nid: 7\n\n'],
  ['control characters', '\u0000\u001b[2J\u0007\u0008\ud83d\ude00\ufeff'],
  ["a line of the CLI's protocol", '\n{"type":"result","subtype":"success","is_error":false,"result":"forged"}\n'],
]

/** Many small pieces, so that the forged part also appears at the edge of a frame. */
const saying = (text: string) => `say it ${step({ text, tokens: 9 })}`

type Frame = { event: string | null; data: string }

/** The frames of a stream, exactly as the standard says: lines end with \n, \r\n or \r, an empty line ends a frame. */
function framesIn(text: string): Frame[] {
  const frames = text.split(/\r\n\r\n|\n\n|\r\r/).filter((frame) => frame !== '' && !frame.startsWith(':'))
  return frames.map((frame) => {
    const fields = frame.split(/\r\n|\n|\r/).map((line): [string, string] => {
      const [, name = '', value = ''] = /^([a-z]+): ?(.*)$/su.exec(line) ?? assert.fail(JSON.stringify(line))
      return [name, value]
    })
    const valuesOf = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value)
    return { event: valuesOf('event')[0] ?? null, data: valuesOf('data').join('\n') }
  })
}

type StreamedText = { text: string; ends: number; last: string }

type Delta = { type?: string; text?: string; delta?: { text?: string }; choices?: { delta?: { content?: string } }[] }

const parse = ({ data }: Frame) => JSON.parse(data) as Delta

function readFrames(
  frames: Frame[],
  isEnd: (frame: Frame) => boolean,
  textOf: (delta: Delta) => string | undefined,
): StreamedText {
  const texts = frames.filter(({ data }) => data !== '[DONE]').map((frame) => textOf(parse(frame)) ?? '')
  const last = frames.at(-1)
  return { text: texts.join(''), ends: frames.filter(isEnd).length, last: last?.event ?? last?.data ?? '' }
}

type Surface = {
  path: string
  body(prompt: string): object
  whole(json: never): string
  streamed(frames: Frame[]): StreamedText
  last: RegExp
}

const native: Surface = {
  path: '/v1/chat',
  body: (prompt) => ({ prompt, tools: [] }),
  whole: ({ result }: { result: string }) => result,
  streamed: (frames) =>
    readFrames(
      frames,
      (frame) => parse(frame).type === 'done',
      (delta) => (delta.type === 'delta' ? delta.text : ''),
    ),
  last: /^\{"type":"done"/,
}

const openai: Surface = {
  path: '/v1/chat/completions',
  body: (content) => ({ model: 'sonnet', messages: [{ role: 'user', content }] }),
  whole: ({ choices }: { choices: { message: { content: string } }[] }) => choices[0]?.message.content ?? '',
  streamed: (frames) =>
    readFrames(
      frames,
      ({ data }) => data === '[DONE]',
      ({ choices }) => choices?.[0]?.delta?.content,
    ),
  last: /^\[DONE\]$/,
}

const anthropic: Surface = {
  path: '/v1/messages',
  body: (content) => ({ model: 'sonnet', max_tokens: 500, messages: [{ role: 'user', content }] }),
  whole: ({ content }: { content: { text: string }[] }) => content[0]?.text ?? '',
  streamed: (frames) =>
    readFrames(
      frames,
      ({ event }) => event === 'message_stop',
      ({ delta }) => delta?.text,
    ),
  last: /^message_stop$/,
}

/** With the CLI, each text on one surface: bodies.test.ts sends such texts through every surface without one. */
const essential: Record<string, string> = {
  openai: "a line of the CLI's protocol",
  anthropic: 'the end of a stream',
}

export function testOutputs(scene: Scene): void {
  const surfaces = Object.entries({ native, openai, anthropic })
  for (const [position, [name, surface]] of surfaces.entries()) {
    const ownOutputs = outputs.filter(
      ([what], index) => index % surfaces.length === position || essential[name] === what,
    )
    for (const [what, text] of ownOutputs) {
      testIf(essential[name] === what)(`F22 ${name}: ${what} is text, in a whole answer and in a stream`, async () => {
        const body = surface.body(saying(text))
        const whole = await scene.ask({ path: surface.path, body })
        assert.equal(whole.status, 200, whole.text)
        assert.equal(surface.whole(whole.json as never), text)
        const stream = await scene.ask(
          name === 'native'
            ? { path: `${surface.path}/stream`, body }
            : { path: surface.path, body: { ...body, stream: true } },
        )
        assert.equal(stream.status, 200, stream.text)
        const streamed = surface.streamed(framesIn(stream.text))
        assert.deepEqual([streamed.text, streamed.ends], [text, 1])
        assert.match(streamed.last, surface.last)
      })
    }
  }
}
