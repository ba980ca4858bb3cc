// Runs `claude -p` directly, as nothing in src/ does: one process with the switches of a column, several prompts one after the other
// on stdin, and the lines it prints. Makes no judgment.
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { testClaude } from '../helpers/test-claude.ts'
import type { Column } from './cli-switches-table.ts'

/** A process that takes longer counts as hanging, in milliseconds. */
const hangMs = 60_000

export type Line = { type?: unknown; subtype?: unknown; [field: string]: unknown }

export type Conversation = {
  column: Column
  prompts: readonly string[]
  cwd: string
  environment: Readonly<Record<string, string>>
  /** The id of the conversation to continue. */
  resume?: string
  /** When this file appears during the last prompt, the process is killed. */
  endAt?: { folder: string; file: RegExp }
}

/** The output of one process that got the prompts, each after the answer to the one before, and ended well. */
export async function runClaude(conversation: Conversation): Promise<Line[]> {
  const { column, prompts, cwd, environment, resume, endAt } = conversation
  const args = ['-p', '--input-format=stream-json', '--output-format=stream-json', '--verbose', ...column.arguments]
  const child = spawn(testClaude, [...args, ...(resume === undefined ? [] : [`--resume=${resume}`])], {
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
  // A process that ends early is reported by its exit code.
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
