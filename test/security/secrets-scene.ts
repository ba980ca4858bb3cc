// A server as a process with a real CLI, canary words in place of the secrets of clients and operator, and every place in which such a
// word could turn up. secrets.test.ts contains the attacks.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'
import { startUpstream, type Upstream } from '../../src/demo/upstream.ts'
import { makeFolders, type TestFolders } from '../helpers/test-server.ts'
import { type Outcome, type Program, runProgram, serveWords, startProgram } from './posture-process.ts'

/** Secrets of the operator. */
export const operatorSecrets = {
  /** The CLI's login. */
  upstreamKey: 'sk-ant-api03-canary-of-the-operator-77aa',
  /** A secret that no CLI process needs. */
  other: 'canary-of-another-program-41c0',
}

/** Canaries in what a client sends. */
export const canaries = {
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
  keys(...args: string[]): Promise<Outcome>
  /** Records an answer, or anything else that a client gets to see. */
  recordOutput(answer: string): void
  /** Records the arguments of all the server's processes, as every user of the machine can read them. */
  lookAtProcesses(): number
  /** Throws if one of the words, or a key, is where it must not be. */
  assertNoneLeaked(): void
  /** What the server has sent to its trace collector; complete once the server has ended. */
  traces(): string[]
}

const file = { after: (end: () => Promise<void>) => after(end) }

/** Receives the traces that a server sends, like an operator's own collector. */
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
    recordOutput: (answer) => void seen.push(answer),
    lookAtProcesses: () => {
      const found = commandsIn(folders)
      for (const command of found) commands.add(command)
      return found.length
    },
    assertNoneLeaked: () =>
      assertNoneLeaked({ folders, upstream, program, key, seen, commands, traces: collector.bodies }),
    traces: () => collector.bodies,
  }
}

/** The command lines of the CLI processes in these folders, and of what they have started. */
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

/** What another program writes may be gone by the time it is read. */
function unlessGone<T>(look: () => T, gone: T): T {
  try {
    return look()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return gone
    throw error
  }
}

/** The paths of all files below a folder. */
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

function assertNoneLeaked({ folders, upstream, program, key, seen, commands, traces }: Sinks): void {
  const operators = Object.values(operatorSecrets)
  const clients = Object.values(canaries)
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
  // The database stores runs with their requests and answers, and keys as hashes only.
  for (const path of filesBelow(folders.root)) {
    const content = unlessGone(() => readFileSync(path, 'latin1'), '')
    assertNone(path, content, [key, operatorSecrets.other])
    const isOurs = path.startsWith(folders.dataDir)
    if (isOurs) assertNone(path, content, [operatorSecrets.upstreamKey])
    if (isOurs && !path.includes('claude-serve.db')) assertNone(path, content, clients)
  }
}
