// Questions end to end, to an agent, a plain model and one with a tool of a client: a separate server with the real claude and the scripted
// model, in folders that are removed afterwards. No login is used and nothing leaves the machine.
import { mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createLogger } from '../../log/logger.ts'
import { installation, ownCommand } from '../../platform/installation.ts'
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
    return [problem(check, `a turn with the scripted model failed: ${reasonOf(error)}`, howToSee())]
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function tryTurn(context: DoctorContext, root: string): Promise<Finding[]> {
  const startedAt = performance.now()
  const server = await startDemo(context, root)
  const removeListeners = closeOnSignals(server)
  try {
    for (const trial of trials) {
      const wrong = await tryOne(server.url, trial)
      if (wrong !== null) return [wrong]
    }
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    const names = trials.map(({ name }) => name).join(', ')
    const answered = ok(check, `a server, claude and the scripted model answered within ${seconds} s: ${names}`)
    return [answered, ...(await abilitiesOf(server.url))]
  } finally {
    await server.close(0)
    removeListeners()
  }
}

/** One request, and what its answer must be. `read` takes what matters from the answer. */
type Trial = { name: string; path: string; body: object; read(answer: Answer): unknown; expected: RegExp }

type Answer = {
  result?: string
  choices?: { message?: { content?: string | null; tool_calls?: { function?: { name?: string } }[] } }[]
  error?: string | { message?: string }
}

const messageOf = ({ choices }: Answer) => choices?.[0]?.message

const toolName = 'current_time'

const tool = { type: 'function', function: { name: toolName, parameters: { type: 'object', properties: {} } } }

const plainBody = (content: string) => ({ model: 'sonnet', messages: [{ role: 'user', content }] })

const trials: readonly Trial[] = [
  {
    name: 'an agent',
    path: '/v1/chat',
    body: { prompt: question },
    read: ({ result }) => result,
    expected,
  },
  {
    name: 'a plain model',
    path: '/v1/chat/completions',
    body: plainBody(question),
    read: (answer) => messageOf(answer)?.content,
    expected,
  },
  {
    name: 'a tool of a client',
    path: '/v1/chat/completions',
    body: { ...plainBody('Use the tool'), tools: [tool] },
    read: (answer) => messageOf(answer)?.tool_calls?.[0]?.function?.name,
    expected: new RegExp(`^${toolName}$`),
  },
]

/** Null if all is well. */
async function tryOne(url: string, { name, path, body, read, expected }: Trial): Promise<Finding | null> {
  try {
    const value = read(await send(url, path, body))
    if (typeof value === 'string' && expected.test(value)) return null
    const text = `the answer is not from the scripted model: ${String(value).slice(0, 200)}`
    return problem(check, `${name}: ${text}`, installation().upgrade)
  } catch (error) {
    return problem(check, `${name}: a turn with the scripted model failed: ${reasonOf(error)}`, howToSee())
  }
}

const howToSee = () => ownCommand('--demo --port 0 --log-level debug')

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

/** Throws if the server refuses. */
async function send(url: string, path: string, body: object): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const answer = (await response.json()) as Answer
  if (response.ok) return answer
  const { error } = answer
  const message = typeof error === 'object' ? error.message : error
  throw new Error(message ?? `the server answered with status ${response.status}`)
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
        ? problem('abilities', message, installation().upgrade)
        : warning('abilities', message, installation().upgrade),
    )
  }
}

/** An interrupted check leaves no process behind. Returns a function that removes the listeners. */
function closeOnSignals(server: RunningServer): () => void {
  const close = () => void server.close(0).finally(() => process.exit(1))
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, close)
  return () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, close)
  }
}
