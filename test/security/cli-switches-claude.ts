// Drives `claude -p` by hand, as nothing in src/ does: one process with a column's switches, some prompts one after the other
// over stdin, and what it said. Judges nothing.
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { sdkExecutable } from '../../src/claude/cli/executable.ts'
import type { Column } from './cli-switches-table.ts'

/** How long a process may take before it counts as hanging, in milliseconds. */
const hangMs = 60_000

export type Line = { type?: unknown; subtype?: unknown; [field: string]: unknown }

export type Conversation = {
  column: Column
  prompts: readonly string[]
  cwd: string
  environment: Readonly<Record<string, string>>
  /** The conversation to go on with. */
  resume?: string
  /** A file at whose sight the process is killed during the last prompt. */
  endAt?: { folder: string; file: RegExp }
}

/** The lines of one process that was told the prompts, each after the answer to the one before, and ended well. */
export async function runClaude(conversation: Conversation): Promise<Line[]> {
  const { column, prompts, cwd, environment, resume, endAt } = conversation
  const path = sdkExecutable()
  assert.ok(path !== null, 'the Agent SDK brought no CLI along')
  const args = ['-p', '--input-format=stream-json', '--output-format=stream-json', '--verbose', ...column.arguments]
  const child = spawn(path, [...args, ...(resume === undefined ? [] : [`--resume=${resume}`])], {
    cwd,
    env: { ...environment, ...column.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = ending(child)
  let isCut = false
  const cut = (name: string | null) => {
    if (name !== null && endAt?.file.test(name)) isCut = child.kill('SIGKILL') || isCut
  }
  const watcher = endAt && watch(endAt.folder, (_event, name) => cut(name))
  const lines = await talk(
    child,
    prompts.map((prompt) => `${column.prefix ?? ''}${prompt}`),
  )
  const { code, errors } = await ended
  watcher?.close()
  const wanted = isCut && code === null ? [null, prompts.length - 1] : [0, prompts.length]
  assert.deepEqual([code, lines.filter(isResult).length], wanted, `${column.name}: ${errors}`)
  return lines
}

export const isResult = ({ type }: Line) => type === 'result'

type Child = ChildProcessByStdio<Writable, Readable, Readable>

function ending(child: Child): Promise<{ code: number | null; errors: string }> {
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  // One that ends early is told by its exit code.
  child.stdin.on('error', () => {})
  const hang = setTimeout(() => child.kill('SIGKILL'), hangMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(hang)
      resolve({ code, errors })
    })
  })
}

async function talk({ stdin, stdout }: Child, prompts: string[]): Promise<Line[]> {
  const waiting = [...prompts]
  const next = () => {
    const text = waiting.shift()
    if (text === undefined) return stdin.end()
    const message = { role: 'user', content: [{ type: 'text', text }] }
    stdin.write(`${JSON.stringify({ type: 'user', message })}\n`)
  }
  const lines: Line[] = []
  next()
  for await (const text of createInterface({ input: stdout })) {
    const line = JSON.parse(text) as Line
    lines.push(line)
    if (isResult(line)) next()
  }
  return lines
}
