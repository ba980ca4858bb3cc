// What the gate passes on to the SDK: protocol lines byte for byte, no noise, nothing while it is held shut, and
// nothing more once the output turns out not to follow the protocol.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { StdoutGate } from '../../../src/claude/process/stdout-gate.ts'

const lineBytesMax = 16 * 1024 * 1024
const noiseLinesMax = 100

/** Writes the chunks and ends; returns the output and the reported problems. */
async function pass(...chunks: (string | Buffer)[]): Promise<{ out: string; problems: string[] }> {
  const gate = new StdoutGate()
  const problems: string[] = []
  gate.on('babble', (error: Error) => problems.push(error.message))
  for (const chunk of chunks) gate.write(chunk)
  gate.end()
  const parts: Buffer[] = []
  for await (const part of gate) parts.push(part)
  return { out: Buffer.concat(parts).toString('utf8'), problems }
}

const line = '{"type":"assistant","text":"ü }{ \\n"}\n'
const bytes = Buffer.from(line)

const passed: [title: string, chunks: (string | Buffer)[]][] = [
  ['a line', [line]],
  ['several lines in one chunk', [line + line + line]],
  ['a line without its end, which may be all that arrives', [line.trimEnd()]],
  ['blank lines', ['\n', line, '\n\n']],
  ['a line in three chunks', [line.slice(0, 5), line.slice(5, 20), line.slice(20)]],
  ['a chunk that ends in the middle of a letter', [bytes.subarray(0, 29), bytes.subarray(29)]],
  ['a line byte by byte', [...bytes].map((byte) => Buffer.from([byte]))],
  ['a long line in many chunks', ['{', ...Array.from({ length: 64 }, () => 'x'.repeat(100_000)), '}\n', line]],
]
for (const [title, chunks] of passed) {
  test(`passes unchanged: ${title}`, async () => {
    const whole = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))).toString('utf8')
    assert.deepEqual(await pass(...chunks), { out: whole, problems: [] })
  })
}

const dropped: [title: string, noise: string][] = [
  ['null', 'null\n'],
  ['a number', '42\n'],
  ['a string', '"{}"\n'],
  ['an array', '[{"type":"result"}]\n'],
  ['a warning', 'warning: something\n'],
  ['a colored line', '\u001b[31mred\u001b[0m\n'],
  ['a byte order mark', '\ufeff\n'],
  ['a bracket that closes', '}}}\n'],
  ['spaces only', '   \n'],
]
for (const [title, noise] of dropped) {
  test(`is dropped between two lines: ${title}`, async () => {
    assert.deepEqual(await pass(line + noise + line), { out: line + line, problems: [] })
    assert.deepEqual(await pass(line, noise, line), { out: line + line, problems: [] })
    const letters = [...Buffer.from(noise)].map((byte) => Buffer.from([byte]))
    assert.deepEqual(await pass(line, ...letters, line), { out: line + line, problems: [] })
    assert.deepEqual(await pass(noise.trimEnd() === '' ? noise : noise.trimEnd()), { out: '', problems: [] })
  })
}

test('a hundred lines of noise are tolerated, the next one is rejected, and nothing passes after it', async () => {
  const noise = 'noise\n'.repeat(noiseLinesMax)
  assert.deepEqual(await pass(noise, line), { out: line, problems: [] })
  const { out, problems } = await pass(line, noise, 'noise\n', line, 'noise\n', line)
  assert.equal(out, line)
  assert.deepEqual(problems, ['the CLI wrote more than 100 lines that are not JSON'])
})

test('an endless line is rejected once it is too long, and nothing passes after it', async () => {
  const mebibyte = Buffer.alloc(1024 * 1024, 'x')
  const chunks = Array.from({ length: 20 }, () => mebibyte)
  const { out, problems } = await pass(line, '{', ...chunks, '\n', line)
  assert.deepEqual(problems, [`the CLI wrote a line of more than ${lineBytesMax} bytes`])
  assert.ok(out.startsWith(line))
  assert.ok(out.length <= line.length + lineBytesMax + 1)
  assert.ok(out.endsWith('x'))
})

test('an endless line of noise is rejected, too', async () => {
  const mebibyte = Buffer.alloc(1024 * 1024, 'x')
  const { out, problems } = await pass(...Array.from({ length: 20 }, () => mebibyte))
  assert.equal(out, '')
  assert.equal(problems.length, 1)
})

test('while the gate is held nothing comes out, and its source is paused', async () => {
  const gate = new StdoutGate()
  gate.hold()
  const parts: string[] = []
  gate.on('data', (part: Buffer) => parts.push(part.toString()))
  gate.write(line)
  gate.write(line)
  assert.equal(gate.write('x'.repeat(1_000_000)), false)
  await new Promise(setImmediate)
  assert.deepEqual(parts, [])
  const ended = once(gate, 'end')
  gate.release()
  gate.end()
  await ended
  assert.equal(parts.join(''), line + line)
})

test('a gate that its reader holds again and again loses nothing', {
  timeout: 2000,
}, async () => {
  const gate = new StdoutGate()
  let out = ''
  gate.on('data', (part: Buffer) => {
    out += part.toString()
    gate.hold()
    setImmediate(() => gate.release())
  })
  const lines = Array.from({ length: 200 }, (_, index) => `{"n":${index}}\n`)
  for (const each of lines) gate.write(each)
  gate.end()
  await once(gate, 'end')
  assert.equal(out, lines.join(''))
})

test('a gate that is released without having been held stays open', async () => {
  const gate = new StdoutGate()
  gate.release()
  gate.hold()
  gate.hold()
  gate.release()
  gate.end(line)
  const [part] = await once(gate, 'data')
  assert.equal(String(part), line)
})
