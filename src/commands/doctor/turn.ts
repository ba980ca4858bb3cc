// One question from end to end: a server of its own with the real claude against the scripted model, in folders that are gone afterwards.
// No login is used and nothing leaves the machine.
import { mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '../../log/logger.ts'
import type { RunningServer } from '../../server.ts'
import { type DoctorContext, type Finding, ok, problem, reasonOf } from './finding.ts'

const check = 'turn'

const patienceMs = 60_000

const question = 'Say hello'

/** What the scripted model answers to it. */
const expected = /demo model.*You said: Say hello/s

export async function examineTurn(patient: DoctorContext): Promise<Finding[]> {
  const root = mkdtempSync(join(tmpdir(), 'claude-serve-doctor-'))
  const removed = () => rm(root, { recursive: true, force: true, maxRetries: 5 })
  try {
    return [await tryTurn(patient, root)]
  } catch (fault) {
    return [
      problem(
        check,
        `a turn with the scripted model failed: ${reasonOf(fault)}`,
        'claude-serve --demo --log-level debug',
      ),
    ]
  } finally {
    await removed()
  }
}

async function tryTurn(patient: DoctorContext, root: string): Promise<Finding> {
  const startedAt = performance.now()
  const server = await startDemo(patient, root)
  const leave = endWithSignals(server)
  try {
    const result = await askOnce(server.url)
    if (!expected.test(result))
      return problem(check, `the scripted model's words did not come back: ${result.slice(0, 200)}`)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    return ok(check, `a server, claude and the scripted model answered within ${seconds} s`)
  } finally {
    await server.close(0)
    leave()
  }
}

async function startDemo({ config, environment }: DoctorContext, root: string): Promise<RunningServer> {
  const defaultCwd = join(root, 'work')
  mkdirSync(defaultCwd)
  const log = createLogger({ logLevel: 'silent', logFormat: 'json' }, environment)
  const own = {
    host: '127.0.0.1',
    port: 0,
    demo: true,
    dataDir: join(root, 'data'),
    defaultCwd,
    cwdRoots: null,
    warm: 0,
  }
  const { startServer } = await import('../../server.ts')
  return startServer({ ...config, ...own }, { environment, log })
}

async function askOnce(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: question }),
    signal: AbortSignal.timeout(patienceMs),
  })
  const { result, error } = (await response.json()) as { result?: string; error?: string }
  if (result === undefined) throw new Error(error ?? `it was answered with status ${response.status}`)
  return result
}

/** Whoever has enough of it leaves no process behind. Gives what takes the listeners away again. */
function endWithSignals(server: RunningServer): () => void {
  const end = () => void server.close(0).finally(() => process.exit(1))
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, end)
  return () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, end)
  }
}
