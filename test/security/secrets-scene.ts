// A server as a process, with a real CLI, words that stand for secrets in everything that a client and the operator give, and all the
// places where such a word could turn up. Not for what is attacked (see secrets.test.ts).
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'
import { startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import { makeFolders, type TestFolders } from '../helpers/test-server.ts'
import { type Outcome, type Program, runProgram, serveWords, startProgram } from './posture-process.ts'

/** The operator's. */
export const operatorSecrets = {
  /** The CLI's login. */
  upstreamKey: 'sk-ant-api03-canary-of-the-operator-77aa',
  /** What no CLI process has any business with. */
  other: 'canary-of-another-program-41c0',
}

/** A client's words. */
export const words = {
  prompt: 'canary-of-a-prompt-9d31',
  system: 'canary-of-a-system-prompt-5b02',
  appended: 'canary-of-an-appended-prompt-e7c4',
  schema: 'canary-of-a-schema-13fd',
  agent: 'canary-of-an-agent-20ee',
  server: 'canary-of-a-server-68ab',
  metadata: 'canary-of-metadata-f0f1',
  answer: 'canary-of-an-answer-aa07',
  command: 'canary-of-a-command-5cc5',
}

export type Scene = {
  folders: TestFolders
  upstream: Upstream
  program: Program
  url: string
  port: number
  /** A key with every scope. */
  key: string
  /** `claude-serve keys …` in the server's folder. */
  keys(...words: string[]): Promise<Outcome>
  /** To be given every answer, and everything else that a client gets to see. */
  saw(answer: string): void
  /** Notes the arguments of all processes that the server has, as any user of the machine can read them. */
  lookAtProcesses(): number
  /** Throws where one of the words, or a key, is where it must not be. */
  assertKept(): void
  /** What the server has sent to whom it sends its traces; all of it once the server has ended. */
  traces(): string[]
}

const file = { after: (end: () => Promise<void>) => after(end) }

/** Takes the traces that a server sends, as the operator's own collector does. */
async function startCollector(): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      bodies.push(`${JSON.stringify(request.headers)}\n${body}`)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { url: `http://127.0.0.1:${address.port}`, bodies }
}

export async function openSecretsScene(): Promise<Scene> {
  const folders = makeFolders(file)
  const upstream = await startUpstream()
  after(() => upstream.close())
  const collector = await startCollector()
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    ANTHROPIC_BASE_URL: upstream.url,
    ANTHROPIC_API_KEY: operatorSecrets.upstreamKey,
    SOME_OTHER_TOKEN: operatorSecrets.other,
  }
  const keys = (...args: string[]) =>
    runProgram(file, ['keys', ...args, `--data-dir=${folders.dataDir}`], { folders, environment })
  const made = await keys('create', 'laptop', '--scope=admin', '--quiet')
  assert.equal(made.code, 0, made.stderr)
  const key = made.stdout.trim()
  assert.match(key, /^csk_/)
  const program = startProgram(file, serveWords(folders), { folders, environment })
  const url = await program.url()
  const seen: string[] = []
  const commands = new Set<string>()
  return {
    folders,
    upstream,
    program,
    url,
    port: Number(new URL(url).port),
    key,
    keys,
    saw: (answer) => void seen.push(answer),
    lookAtProcesses: () => {
      const found = commandsIn(folders)
      for (const command of found) commands.add(command)
      return found.length
    },
    assertKept: () => assertKept({ folders, upstream, program, key, seen, commands, traces: collector.bodies }),
    traces: () => collector.bodies,
  }
}

/** The command lines of the CLI processes that live in these folders, and of what they have started. */
function commandsIn({ home }: TestFolders): string[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0')
      const isOurs = environment.some((entry) => entry.startsWith('CLAUDE_SERVE_WORKER='))
      if (!isOurs || !environment.includes(`HOME=${home}`)) return []
      return [readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ')]
    } catch {
      return []
    }
  })
}

/** What a program of others leaves may be gone by the time that it is looked at. */
function unlessGone<T>(look: () => T, gone: T): T {
  try {
    return look()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return gone
    throw error
  }
}

/** Every file below, by its path. */
function filesBelow(folder: string): string[] {
  return unlessGone(() => readdirSync(folder, { withFileTypes: true }), []).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path)
    return entry.isFile() ? [path] : []
  })
}

type Sinks = Pick<Scene, 'folders' | 'upstream' | 'program' | 'key'> & {
  seen: string[]
  commands: Set<string>
  traces: string[]
}

function assertNone(where: string, content: string, secrets: readonly string[]): void {
  for (const secret of secrets) assert.ok(!content.includes(secret), `in ${where}: ${secret}`)
}

function assertKept({ folders, upstream, program, key, seen, commands, traces }: Sinks): void {
  const operators = Object.values(operatorSecrets)
  const clients = Object.values(words)
  const logs = filesBelow(join(folders.dataDir, 'logs')).map((path) => readFileSync(path, 'utf8'))
  assert.ok(logs.length > 0, 'there is no log')
  assertNone('the log', [program.output, ...logs].join('\n'), [key, ...operators, ...clients])
  assertNone('the traces', traces.join('\n'), [key, ...operators, ...clients])
  for (const answer of seen) assertNone('an answer', answer, [key, ...operators])
  for (const command of commands) assertNone('a process list', command, [key, ...operators, ...clients])
  for (const { url, headers, raw } of upstream.requests) {
    assertNone('an address', url, [key, ...operators, ...clients])
    assertNone('what goes to the model', JSON.stringify(headers) + raw, [key, operatorSecrets.other])
  }
  // Runs are kept in the database, with what was asked and answered; keys are kept as hashes alone.
  for (const path of filesBelow(folders.root)) {
    const content = unlessGone(() => readFileSync(path, 'latin1'), '')
    assertNone(path, content, [key, operatorSecrets.other])
    const isOurs = path.startsWith(folders.dataDir)
    if (isOurs) assertNone(path, content, [operatorSecrets.upstreamKey])
    if (isOurs && !path.includes('claude-serve.db')) assertNone(path, content, clients)
  }
}
