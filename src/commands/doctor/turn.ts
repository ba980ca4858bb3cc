// One question end to end: a separate server with the real claude and the scripted model, in folders that are removed afterwards.
// No login is used and nothing leaves the machine.
import { mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createLogger } from '../../log/logger.ts'
import type { RunningServer } from '../../server.ts'
import type { ReadinessReply } from '../../surfaces/native/server-schemas.ts'
import { reasonOf } from '../command.ts'
import { type DoctorContext, type Finding, ok, problem, warning } from './finding.ts'

const check = 'turn'

const timeoutMs = 60_000

const question = 'Say hello'

/** The scripted model's answer to it. */
const expected = /demo model.*You said: Say hello/s

export async function examineTurn(context: DoctorContext): Promise<Finding[]> {
  const root = mkdtempSync(join(tmpdir(), 'claude-serve-doctor-'))
  try {
    return await tryTurn(context, root)
  } catch (error) {
    return [
      problem(
        check,
        `a turn with the scripted model failed: ${reasonOf(error)}`,
        'claude-serve --demo --log-level debug',
      ),
    ]
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function tryTurn(context: DoctorContext, root: string): Promise<Finding[]> {
  const startedAt = performance.now()
  const server = await startDemo(context, root)
  const removeListeners = closeOnSignals(server)
  try {
    const result = await askOnce(server.url)
    if (!expected.test(result))
      return [problem(check, `the answer is not from the scripted model: ${result.slice(0, 200)}`)]
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    const answered = ok(check, `a server, claude and the scripted model answered within ${seconds} s`)
    return [answered, ...(await abilitiesOf(server.url))]
  } finally {
    await server.close(0)
    removeListeners()
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
    signal: AbortSignal.timeout(timeoutMs),
  })
  const { result, error } = (await response.json()) as { result?: string; error?: string }
  if (result === undefined) throw new Error(error ?? `the server answered with status ${response.status}`)
  return result
}

/** What the server has found out about claude, by the requests that it makes; it takes some seconds. */
async function abilitiesOf(url: string): Promise<Finding[]> {
  const deadline = AbortSignal.timeout(timeoutMs)
  for (;;) {
    const response = await fetch(`${url}/readyz`, { signal: deadline })
    const { abilities, claude_warnings: warnings } = (await response.json()) as ReadinessReply
    const isOver = warnings.some(({ code }) => code === 'not_examined')
    if (!isOver && Object.values(abilities).includes('not_checked')) {
      await delay(100, undefined, { signal: deadline })
      continue
    }
    if (warnings.length === 0)
      return [ok('abilities', 'claude does what it says: the requests that it makes were looked at')]
    return warnings.map(({ code, message }) =>
      code === 'not_used' || code === 'defect'
        ? problem('abilities', message, updateCommand)
        : warning('abilities', message, updateCommand),
    )
  }
}

const updateCommand = 'npm install -g claude-serve@latest @anthropic-ai/claude-code@latest'

/** An interrupted check leaves no process behind. Returns a function that removes the listeners. */
function closeOnSignals(server: RunningServer): () => void {
  const close = () => void server.close(0).finally(() => process.exit(1))
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, close)
  return () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, close)
  }
}
