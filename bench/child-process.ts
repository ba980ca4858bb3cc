// A child process that announces on stdout that it is ready, and can be stopped reliably.

import { type ChildProcess, spawn } from 'node:child_process'
import { atEnd } from './cleanup.ts'

const READY_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 5_000
const OUTPUT_CHARS_MAX = 4_000

export interface ChildSpec {
  name: string
  file: string
  args: readonly string[]
  env: Record<string, string>
  cwd: string
}

export interface ReadyChild {
  pid: number
  /** The first address in its output. */
  url: string
  stop(): Promise<void>
}

/** Starts a program and waits until it prints a line with its address. */
export async function startListening(spec: ChildSpec): Promise<ReadyChild> {
  const child = spawn(spec.file, spec.args, { cwd: spec.cwd, env: spec.env, stdio: ['pipe', 'pipe', 'pipe'] })
  const stop = () => stopChild(child)
  atEnd(stop)

  let stdout = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-OUTPUT_CHARS_MAX)
  })
  child.stdin.on('error', () => {})

  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${spec.name} ${why}\n${stderr || stdout}`.trimEnd()))
    const timer = setTimeout(() => fail(`did not report that it listens within ${READY_WITHIN_MS} ms`), READY_WITHIN_MS)
    const settle = (act: () => void) => {
      clearTimeout(timer)
      act()
    }
    child.once('error', (error) => settle(() => fail(`could not be started: ${error.message}`)))
    child.once('exit', (code, signal) => settle(() => fail(`ended before it listened (${code ?? signal})`)))
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (stdout.length > OUTPUT_CHARS_MAX) return
      stdout += chunk
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(stdout)
      if (found) settle(() => resolve(found[0]))
    })
  })
  return { pid: child.pid ?? -1, url, stop }
}

/** Sends SIGTERM, then SIGKILL if the process does not end; resolves once it is gone. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  await gone
  clearTimeout(timer)
}
